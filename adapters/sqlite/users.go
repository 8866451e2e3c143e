package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

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
)

func scanPassword(r *row) users.PasswordHash { return users.NewPasswordHash(r.text()) }

func findUser(ctx context.Context, c *conn, user id.User) (users.User, error) {
	u, err := find(ctx, c, people.scan, "SELECT "+people.columns+" FROM users WHERE id = ?", blob(user))
	return u, orNotFound(err, "a user")
}

type usersRepository struct{ *unit }

func (repo usersRepository) Add(
	ctx context.Context, u users.User, password users.PasswordHash,
) (created bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		u.Version = 1
		others, err := withAddress(ctx, c, text.FoldAddress(u.Email))
		if err != nil || len(others) > 0 {
			return err
		}
		created = true
		_, err = c.exec(ctx, accounts.insert, accounts.args(ports.Account{User: u, Password: password})...)
		return err
	})
	return created && err == nil, err
}

func (repo usersRepository) User(ctx context.Context, user id.User) (u users.User, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		u, err = findUser(ctx, c, user)
		return err
	})
	return u, err
}

func (repo usersRepository) ByEmail(
	ctx context.Context, email string,
) (u users.User, password users.PasswordHash, err error) {
	err = repo.read(ctx, func(c *conn) error {
		found, err := find(ctx, c, accounts.scan, "SELECT "+accounts.columns+` FROM users
			WHERE email_folded = ?1 AND NOT twin OR email_folded = ?1 AND twin AND email = ?2 ORDER BY twin DESC LIMIT 1`,
			text.FoldAddress(email).String(), email)
		u, password = found.User, found.Password
		return orNotFound(err, "an address")
	})
	return u, password, err
}

// withAddress returns the accounts with an address. No account has the empty one.
func withAddress(ctx context.Context, c *conn, address text.Folded) ([]users.User, error) {
	return list(ctx, c, people.scan, "SELECT "+people.columns+` FROM users
		WHERE email_folded = ?1 AND NOT twin OR email_folded = ?1 AND twin ORDER BY id`, address.String())
}

func (repo usersRepository) WithAddress(ctx context.Context, address text.Folded) (all []users.User, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		all, err = withAddress(ctx, c, address)
		return err
	})
	return all, err
}

func (repo usersRepository) Password(ctx context.Context, user id.User) (password users.PasswordHash, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		password, err = find(ctx, c, value(scanPassword), "SELECT password FROM users WHERE id = ?", blob(user))
		return orNotFound(err, "a user")
	})
	return password, err
}

func (repo usersRepository) Pin(ctx context.Context, users ...id.User) (pinned []users.User, err error) {
	users = slices.Clone(users)
	slices.SortFunc(users, id.User.Compare)
	err = repo.write(ctx, func(c *conn) error {
		for _, user := range slices.Compact(users) {
			u, err := findUser(ctx, c, user)
			if err != nil {
				return err
			}
			pinned = append(pinned, u)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return pinned, nil
}

func (repo usersRepository) Hold(ctx context.Context, user id.User) (u users.User, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		u, err = findUser(ctx, c, user)
		return err
	})
	return u, err
}

func (repo usersRepository) HoldWithAdmins(
	ctx context.Context, user id.User,
) (u users.User, otherAdmins int, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		if u, err = findUser(ctx, c, user); err != nil {
			return err
		}
		n, err := find(ctx, c, value((*row).int), "SELECT count(*) FROM users WHERE role = 'admin' AND is_active = 1 AND id <> ?", blob(user))
		otherAdmins = int(n)
		return err
	})
	return u, otherAdmins, err
}

func (repo usersRepository) Save(ctx context.Context, u users.User) error {
	return repo.write(ctx, func(c *conn) error { return saveUser(ctx, c, u, "email", "twin") })
}

func (repo usersRepository) SetEmail(ctx context.Context, u users.User) (saved bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		others, err := withAddress(ctx, c, text.FoldAddress(u.Email))
		if err != nil || !u.Twin && slices.ContainsFunc(others, func(o users.User) bool { return !o.Twin && o.ID != u.ID }) {
			return err
		}
		saved = true
		return saveUser(ctx, c, u)
	})
	return saved && err == nil, err
}

// saveUser stores the next version of an account, all columns but the excepted ones.
func saveUser(ctx context.Context, c *conn, u users.User, except ...string) error {
	set, args := people.set(u, append(except, "id", "version")...)
	changed, err := c.exec(ctx, "UPDATE users SET "+set+", version = version + 1 WHERE id = ? AND version = ?",
		append(args, blob(u.ID), u.Version)...)
	if err != nil || changed == 1 {
		return err
	}
	there, err := findUser(ctx, c, u.ID)
	if err != nil {
		return err
	}
	return fmt.Errorf("version %d of a user, not %d: %w", there.Version, u.Version, uow.ErrConflict)
}

func (repo usersRepository) SetPassword(
	ctx context.Context, user id.User, password users.PasswordHash, at time.Time,
) error {
	return repo.write(ctx, func(c *conn) error {
		changed, err := c.exec(ctx, "UPDATE users SET password = ?, updated_at = ? WHERE id = ?",
			textOrNull(password.Reveal()), milli(at), blob(user))
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
		for _, forget := range []string{
			"UPDATE users SET password = NULL WHERE id = ?",
			"DELETE FROM second_factors WHERE user_id = ?",
			"DELETE FROM sessions WHERE user_id = ?", // their refresh tokens are deleted with them
			"DELETE FROM password_resets WHERE user_id = ?",
		} {
			if _, err := c.exec(ctx, forget, blob(u.ID)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (repo usersRepository) List(
	ctx context.Context, f users.Filter, after *page.Moment, limit int,
) (all []users.User, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		var active any
		if f.IsActive != nil {
			active = *f.IsActive
		}
		at, item := latestFirst(after)
		all, err = list(ctx, c, people.scan, "SELECT "+people.columns+` FROM users
			WHERE (created_at, id) < (?1, ?2)
				AND (?3 IS NULL OR role = ?3) AND (?4 IS NULL OR is_active = ?4)
				AND (?5 IS NULL OR instr(name_searched, ?5) > 0 OR instr(email_searched, ?5) > 0)
			ORDER BY created_at DESC, id DESC LIMIT +?6`,
			at, item, textOrNull(string(f.Role)), active, textOrNull(f.Query.String()), limited(limit))
		return err
	})
	return all, err
}
