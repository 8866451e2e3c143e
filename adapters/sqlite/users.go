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
)

const userColumns = `users.id, users.name, users.email, users.bio, users.location, users.role, users.is_active, users.erased,
	users.version, users.created_at, users.updated_at`

func scanUser(r *row) users.User {
	return users.User{
		ID: r.id(), Name: r.text(), Email: r.text(), Bio: r.text(), Location: r.text(), Role: users.Role(r.text()),
		IsActive: r.bool(), Erased: r.bool(), Version: r.int(), CreatedAt: r.time(), UpdatedAt: r.time(),
	}
}

func scanPassword(r *row) users.PasswordHash { return users.NewPasswordHash(r.text()) }

func findUser(ctx context.Context, c *conn, user id.User) (users.User, error) {
	u, err := find(ctx, c, scanUser, "SELECT "+userColumns+" FROM users WHERE id = ?", blob(user))
	return u, orNotFound(err, "a user")
}

// foldedOrNull is what an address or a name is looked for by.
func foldedOrNull(s string) any { return textOrNull(text.Fold(s)) }

type usersRepository struct{ *unit }

func (r usersRepository) Add(ctx context.Context, u users.User, password users.PasswordHash) (created bool, err error) {
	err = r.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `INSERT INTO users (id, name, name_folded, email, email_folded, password, bio, location, role,
			is_active, erased, version, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)
			ON CONFLICT (email_folded) DO NOTHING`,
			blob(u.ID), u.Name, text.Fold(u.Name), textOrNull(u.Email), foldedOrNull(u.Email), textOrNull(password.Reveal()),
			textOrNull(u.Bio), textOrNull(u.Location), string(u.Role), u.IsActive, u.Erased, milli(u.CreatedAt), milli(u.UpdatedAt))
		created = n == 1
		return err
	})
	return created && err == nil, err
}

func (r usersRepository) User(ctx context.Context, user id.User) (u users.User, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		u, err = findUser(ctx, c, user)
		return err
	})
	return u, err
}

func (r usersRepository) ByEmail(ctx context.Context, folded string) (u users.User, password users.PasswordHash, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		u, err = find(ctx, c, func(r *row) users.User {
			u := scanUser(r)
			password = scanPassword(r)
			return u
		}, "SELECT "+userColumns+", password FROM users WHERE email_folded = ?", folded)
		return orNotFound(err, "an address")
	})
	return u, password, err
}

func (r usersRepository) Password(ctx context.Context, user id.User) (password users.PasswordHash, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		password, err = find(ctx, c, scanPassword, "SELECT password FROM users WHERE id = ?", blob(user))
		return orNotFound(err, "a user")
	})
	return password, err
}

func (r usersRepository) Pin(ctx context.Context, ids ...id.User) (pinned []users.User, err error) {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, id.User.Compare)
	err = r.write(ctx, func(c *conn) error {
		for _, user := range slices.Compact(ids) {
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

func (r usersRepository) Hold(ctx context.Context, user id.User) (u users.User, err error) {
	err = r.write(ctx, func(c *conn) (err error) {
		u, err = findUser(ctx, c, user)
		return err
	})
	return u, err
}

func (r usersRepository) HoldWithAdmins(ctx context.Context, user id.User) (u users.User, otherAdmins int, err error) {
	err = r.write(ctx, func(c *conn) (err error) {
		if u, err = findUser(ctx, c, user); err != nil {
			return err
		}
		n, err := find(ctx, c, (*row).int, "SELECT count(*) FROM users WHERE role = 'admin' AND is_active = 1 AND id <> ?", blob(user))
		otherAdmins = int(n)
		return err
	})
	return u, otherAdmins, err
}

func (r usersRepository) Save(ctx context.Context, u users.User) error {
	return r.write(ctx, func(c *conn) error { return saveUser(ctx, c, u) })
}

// saveUser stores the next version of an account.
func saveUser(ctx context.Context, c *conn, u users.User) error {
	changed, err := c.exec(ctx, `UPDATE users SET name = ?, name_folded = ?, bio = ?, location = ?, role = ?, is_active = ?, erased = ?,
		version = version + 1, created_at = ?, updated_at = ? WHERE id = ? AND version = ?`,
		u.Name, text.Fold(u.Name), textOrNull(u.Bio), textOrNull(u.Location), string(u.Role), u.IsActive, u.Erased,
		milli(u.CreatedAt), milli(u.UpdatedAt), blob(u.ID), u.Version)
	if err != nil || changed == 1 {
		return err
	}
	there, err := findUser(ctx, c, u.ID)
	if err != nil {
		return err
	}
	return fmt.Errorf("version %d of a user, not %d: %w", there.Version, u.Version, uow.ErrConflict)
}

func (r usersRepository) SetPassword(ctx context.Context, user id.User, password users.PasswordHash, at time.Time) error {
	return r.write(ctx, func(c *conn) error {
		changed, err := c.exec(ctx, "UPDATE users SET password = ?, updated_at = ? WHERE id = ?",
			textOrNull(password.Reveal()), milli(at), blob(user))
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
		for _, forget := range []string{
			"UPDATE users SET email = NULL, email_folded = NULL, password = NULL WHERE id = ?",
			"DELETE FROM sessions WHERE user_id = ?", // and with them their refresh tokens
			"DELETE FROM password_resets WHERE user_id = ?",
		} {
			if _, err := c.exec(ctx, forget, blob(u.ID)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r usersRepository) List(ctx context.Context, f users.Filter, last *page.Moment, limit int) (all []users.User, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		var active any
		if f.IsActive != nil {
			active = *f.IsActive
		}
		at, item := before(last)
		all, err = list(ctx, c, scanUser, "SELECT "+userColumns+` FROM users
			WHERE (created_at, id) < (?1, ?2)
				AND (?3 IS NULL OR role = ?3) AND (?4 IS NULL OR is_active = ?4)
				AND (?5 IS NULL OR instr(name_folded, ?5) > 0 OR instr(email_folded, ?5) > 0)
			ORDER BY created_at DESC, id DESC LIMIT ?6`,
			at, item, textOrNull(string(f.Role)), active, textOrNull(f.Query), limited(limit))
		return err
	})
	return all, err
}
