package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	accounts = tableOf(ports.AccountLayout)
	people   = tableOf(ports.UserLayout) // accounts without their passwords

	readUser = "SELECT " + people.columns + " FROM @users WHERE id = $1"

	// holdUser leaves alone those who only refer to the account, as a new message of theirs does.
	holdUser = readUser + " FOR NO KEY UPDATE"

	pinUsers = "SELECT " + people.columns + " FROM @users WHERE id = ANY($1) ORDER BY id FOR SHARE"

	holdAdmins = "SELECT " + people.columns + ` FROM @users
		WHERE id = $1 OR role = 'admin' AND is_active ORDER BY id FOR NO KEY UPDATE`
)

func scanPassword(r *row) users.PasswordHash { return users.NewPasswordHash(r.text()) }

func findUser(ctx context.Context, c *conn, s statement, user id.User) (users.User, error) {
	u, err := find(ctx, c, people.scan, s, uuid(user))
	return u, orNotFound(err, "a user")
}

type usersRepository struct{ *unit }

func (r usersRepository) Add(ctx context.Context, u users.User, password users.PasswordHash) (created bool, err error) {
	err = r.write(ctx, func(c *conn) error {
		u.Version = 1
		n, err := c.exec(ctx, accounts.insert+" ON CONFLICT (email_folded) DO NOTHING",
			accounts.args(ports.Account{User: u, Password: password})...)
		created = n == 1
		return err
	})
	return created && err == nil, err
}

func (r usersRepository) User(ctx context.Context, user id.User) (u users.User, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		u, err = findUser(ctx, c, readUser, user)
		return err
	})
	return u, err
}

func (r usersRepository) ByEmail(ctx context.Context, folded string) (u users.User, password users.PasswordHash, err error) {
	err = r.read(ctx, func(c *conn) error {
		found, err := find(ctx, c, accounts.scan, "SELECT "+accounts.columns+" FROM @users WHERE email_folded = $1", folded)
		u, password = found.User, found.Password
		return orNotFound(err, "an address")
	})
	return u, password, err
}

func (r usersRepository) Password(ctx context.Context, user id.User) (password users.PasswordHash, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		password, err = find(ctx, c, value(scanPassword), "SELECT password FROM @users WHERE id = $1", uuid(user))
		return orNotFound(err, "a user")
	})
	return password, err
}

func (r usersRepository) Pin(ctx context.Context, ids ...id.User) (pinned []users.User, err error) {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, id.User.Compare)
	ids = slices.Compact(ids)
	err = r.write(ctx, func(c *conn) (err error) {
		pinned, err = list(ctx, c, people.scan, pinUsers, uuids(ids))
		if err == nil && len(pinned) < len(ids) {
			err = notFound("a user")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return pinned, nil
}

func (r usersRepository) Hold(ctx context.Context, user id.User) (u users.User, err error) {
	err = r.write(ctx, func(c *conn) (err error) {
		u, err = findUser(ctx, c, holdUser, user)
		return err
	})
	return u, err
}

func (r usersRepository) HoldWithAdmins(ctx context.Context, user id.User) (u users.User, otherAdmins int, err error) {
	err = r.write(ctx, func(c *conn) error {
		held, err := list(ctx, c, people.scan, holdAdmins, uuid(user))
		if err != nil {
			return err
		}
		self := slices.IndexFunc(held, func(u users.User) bool { return u.ID == user })
		if self < 0 {
			return notFound("a user")
		}
		u, otherAdmins = held[self], len(held)-1
		return nil
	})
	return u, otherAdmins, err
}

func (r usersRepository) Save(ctx context.Context, u users.User) error {
	return r.write(ctx, func(c *conn) error { return saveUser(ctx, c, u) })
}

// saveUser stores the next version of an account.
func saveUser(ctx context.Context, c *conn, u users.User) error {
	set, args := people.set([]any{uuid(u.ID), u.Version}, u, "id", "email", "version")
	changed, err := c.exec(ctx, "UPDATE @users SET "+set+", version = version + 1 WHERE id = $1 AND version = $2", args...)
	if err != nil || changed == 1 {
		return err
	}
	there, err := findUser(ctx, c, readUser, u.ID)
	if err != nil {
		return err
	}
	return fmt.Errorf("version %d of a user, not %d: %w", there.Version, u.Version, uow.ErrConflict)
}

func (r usersRepository) SetPassword(ctx context.Context, user id.User, password users.PasswordHash, at time.Time) error {
	return r.write(ctx, func(c *conn) error {
		changed, err := c.exec(ctx, "UPDATE @users SET password = $1, updated_at = $2 WHERE id = $3",
			textOrNull(password.Reveal()), at, uuid(user))
		if err == nil && changed == 0 {
			err = notFound("a user")
		}
		return err
	})
}

func (r usersRepository) Erase(ctx context.Context, u users.User) error {
	return r.write(ctx, func(c *conn) error {
		if err := saveUser(ctx, c, u); err != nil {
			return err
		}
		c.later("UPDATE @users SET email = NULL, email_folded = NULL, password = NULL WHERE id = $1", uuid(u.ID))
		c.later("DELETE FROM @sessions WHERE user_id = $1", uuid(u.ID)) // and with them their refresh tokens
		c.later("DELETE FROM @password_resets WHERE user_id = $1", uuid(u.ID))
		return nil
	})
}

func (r usersRepository) List(ctx context.Context, f users.Filter, last *page.Moment, limit int) (all []users.User, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		at, item := before(last)
		q := where{args: []any{at, item, limited(limit)}}
		q.add("(created_at, id) < ($1, $2)")
		switch f.Role {
		case "":
		case users.RoleAdmin: // spelled out, for the index of admins
			q.add("role = 'admin'")
		default:
			q.add("role = ?", string(f.Role))
		}
		if f.IsActive != nil {
			q.add(map[bool]string{true: "is_active", false: "NOT is_active"}[*f.IsActive])
		}
		if f.Query != "" {
			q.add("(name_folded LIKE ? OR email_folded LIKE ?)", part(f.Query))
		}
		all, err = list(ctx, c, people.scan, "SELECT "+people.columns+" FROM @users WHERE "+q.text()+
			" ORDER BY created_at DESC, id DESC LIMIT $3", q.args...)
		return err
	})
	return all, err
}

// part is the pattern of LIKE for texts that have this one in them.
func part(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}
