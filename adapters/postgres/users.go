package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
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

	pinUsers = "SELECT " + people.columns + " FROM @users WHERE id " + oneOf("$1", "uuid") + " ORDER BY id FOR SHARE"

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
		taken, err := find(ctx, c, value((*row).bool),
			"SELECT EXISTS (SELECT 1 FROM @users WHERE email_folded = $1 AND twin)", text.FoldAddress(u.Email).String())
		if err != nil || taken {
			return err
		}
		n, err := c.exec(ctx, accounts.insert+" ON CONFLICT (email_folded) WHERE NOT twin DO NOTHING",
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
	ctx context.Context, email string,
) (u users.User, password users.PasswordHash, err error) {
	err = repo.read(ctx, func(c *conn) error {
		found, err := find(ctx, c, accounts.scan, "SELECT "+accounts.columns+` FROM @users
			WHERE email_folded = $1 AND NOT twin OR email_folded = $1 AND twin AND email = $2 ORDER BY twin DESC LIMIT 1`,
			text.FoldAddress(email).String(), email)
		u, password = found.User, found.Password
		return orNotFound(err, "an address")
	})
	return u, password, err
}

// withAddress finds the accounts with an address. No account has the empty one.
var withAddress = "SELECT " + people.columns + ` FROM @users
	WHERE email_folded = $1 AND NOT twin OR email_folded = $1 AND twin ORDER BY id`

func (repo usersRepository) WithAddress(ctx context.Context, address text.Folded) (all []users.User, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		all, err = list(ctx, c, people.scan, withAddress, address.String())
		return err
	})
	return all, err
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
	return repo.write(ctx, func(c *conn) error { return saveUser(ctx, c, u, "email", "twin") })
}

// SetEmail relies on a constraint against a concurrent unit that takes the same address.
func (repo usersRepository) SetEmail(ctx context.Context, u users.User) (saved bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		others, err := list(ctx, c, people.scan, withAddress, text.FoldAddress(u.Email).String())
		if err != nil || !u.Twin && slices.ContainsFunc(others, func(o users.User) bool { return !o.Twin && o.ID != u.ID }) {
			return err
		}
		saved = true
		err = saveUser(ctx, c, u)
		if failed, ok := errors.AsType[*pgconn.PgError](err); ok && failed.ConstraintName == "users_email" {
			err = uow.ErrConflict.Wrap(err)
		}
		return err
	})
	return saved && err == nil, err
}

// saveUser stores the next version of an account, all columns but the excepted ones.
func saveUser(ctx context.Context, c *conn, u users.User, except ...string) error {
	set, args := people.set([]any{uuid(u.ID), u.Version}, u, append(except, "id", "version")...)
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
		u.Email, u.Twin = "", false
		if err := saveUser(ctx, c, u); err != nil {
			return err
		}
		c.later("UPDATE @users SET password = NULL WHERE id = $1", uuid(u.ID))
		c.later("DELETE FROM @second_factors WHERE user_id = $1", uuid(u.ID))
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
		if f.Query != (text.Searched{}) {
			q.add("(name_searched LIKE ? OR email_searched LIKE ?)", part(f.Query.String()))
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
