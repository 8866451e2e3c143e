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

	// holdUser locks the row without blocking inserts that refer to the account, such as a new
	// message.
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

func (repo usersRepository) Add(
	ctx context.Context, u users.User, password users.PasswordHash,
) (created bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		u.Version = 1
		n, err := c.exec(ctx, accounts.insert+" ON CONFLICT (email_folded) DO NOTHING",
			accounts.args(ports.Account{User: u, Password: password})...)
		created = n == 1
		return err
	})
	return created && err == nil, err
}

func (repo usersRepository) User(ctx context.Context, user id.User) (u users.User, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		u, err = findUser(ctx, c, readUser, user)
		return err
	})
	return u, err
}

func (repo usersRepository) ByEmail(
	ctx context.Context, folded string,
) (u users.User, password users.PasswordHash, err error) {
	err = repo.read(ctx, func(c *conn) error {
		found, err := find(ctx, c, accounts.scan, "SELECT "+accounts.columns+" FROM @users WHERE email_folded = $1", folded)
		u, password = found.User, found.Password
		return orNotFound(err, "an address")
	})
	return u, password, err
}

func (repo usersRepository) Password(ctx context.Context, user id.User) (password users.PasswordHash, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		password, err = find(ctx, c, value(scanPassword), "SELECT password FROM @users WHERE id = $1", uuid(user))
		return orNotFound(err, "a user")
	})
	return password, err
}

func (repo usersRepository) Pin(ctx context.Context, users ...id.User) (pinned []users.User, err error) {
	users = slices.Clone(users)
	slices.SortFunc(users, id.User.Compare)
	users = slices.Compact(users)
	err = repo.write(ctx, func(c *conn) (err error) {
		pinned, err = list(ctx, c, people.scan, pinUsers, uuids(users))
		if err == nil && len(pinned) < len(users) {
			err = notFound("a user")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return pinned, nil
}

func (repo usersRepository) Hold(ctx context.Context, user id.User) (u users.User, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		u, err = findUser(ctx, c, holdUser, user)
		return err
	})
	return u, err
}

func (repo usersRepository) HoldWithAdmins(
	ctx context.Context, user id.User,
) (u users.User, otherAdmins int, err error) {
	err = repo.write(ctx, func(c *conn) error {
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

func (repo usersRepository) Save(ctx context.Context, u users.User) error {
	return repo.write(ctx, func(c *conn) error { return saveUser(ctx, c, u) })
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

func (repo usersRepository) SetPassword(
	ctx context.Context, user id.User, password users.PasswordHash, at time.Time,
) error {
	return repo.write(ctx, func(c *conn) error {
		changed, err := c.exec(ctx, "UPDATE @users SET password = $1, updated_at = $2 WHERE id = $3",
			textOrNull(password.Reveal()), at, uuid(user))
		if err == nil && changed == 0 {
			err = notFound("a user")
		}
		return err
	})
}

func (repo usersRepository) Erase(ctx context.Context, u users.User) error {
	return repo.write(ctx, func(c *conn) error {
		if err := saveUser(ctx, c, u); err != nil {
			return err
		}
		c.later("UPDATE @users SET email = NULL, email_folded = NULL, password = NULL WHERE id = $1", uuid(u.ID))
		c.later("DELETE FROM @sessions WHERE user_id = $1", uuid(u.ID)) // their refresh tokens are deleted with them
		c.later("DELETE FROM @password_resets WHERE user_id = $1", uuid(u.ID))
		return nil
	})
}

func (repo usersRepository) List(
	ctx context.Context, f users.Filter, after *page.Moment, limit int,
) (all []users.User, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := latestFirst(after)
		q := where{args: []any{at, item, limited(limit)}}
		q.add("(created_at, id) < ($1, $2)")
		switch f.Role {
		case "":
		case users.RoleAdmin: // a literal, so that the planner uses the index of admins
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

// part returns the LIKE pattern of texts that contain s.
func part(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}
