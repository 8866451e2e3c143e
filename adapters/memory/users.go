package memory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

type userTables struct {
	users        tree[*account] // id
	usersByEmail tree[*account] // folded address
	usersByTime  index          // created_at, id
	activeAdmins index          // id
}

func (t *userTables) copy() userTables {
	return userTables{
		users: t.users.copy(), usersByEmail: t.usersByEmail.copy(),
		usersByTime: t.usersByTime.copy(), activeAdmins: t.activeAdmins.copy(),
	}
}

// account is a row with the folded texts that a list compares.
type account struct {
	ports.Account
	foldedName  string
	foldedEmail string
}

func newAccount(a ports.Account) *account {
	return &account{Account: a, foldedName: text.Fold(a.Name), foldedEmail: text.Fold(a.Email)}
}

func (a *account) isActiveAdmin() bool { return a.IsActive && a.Role == users.RoleAdmin }

func (a *account) fits(f users.Filter) bool {
	return (f.Role == "" || a.Role == f.Role) &&
		(f.IsActive == nil || a.IsActive == *f.IsActive) &&
		(strings.Contains(a.foldedName, f.Query) || strings.Contains(a.foldedEmail, f.Query))
}

func (t *userTables) addAccount(a *account) error {
	switch {
	case t.users.has(idKey(a.ID)):
		return taken("a user")
	case a.Email != "" && t.usersByEmail.has(textKey(a.foldedEmail)):
		return taken("an address")
	case !a.Role.Valid():
		return broken("a user's role must be valid")
	}
	t.putAccount(a)
	return nil
}

// putAccount stores an account, and replaces any that has its id.
func (t *userTables) putAccount(a *account) {
	if old, found := t.users.get(idKey(a.ID)); found {
		t.usersByEmail.drop(textKey(old.foldedEmail))
		t.usersByTime.drop(momentKey(users.Place(old.User)))
		t.activeAdmins.drop(idKey(a.ID))
	}
	t.users.put(idKey(a.ID), a)
	if a.Email != "" {
		t.usersByEmail.put(textKey(a.foldedEmail), a)
	}
	t.usersByTime.put(momentKey(users.Place(a.User)), struct{}{})
	if a.isActiveAdmin() {
		t.activeAdmins.put(idKey(a.ID), struct{}{})
	}
}

func (t *userTables) account(user id.User) (*account, error) {
	a, found := t.users.get(idKey(user))
	if !found {
		return nil, notFound("a user")
	}
	return a, nil
}

// isActive reports whether the account exists and is active.
func (t *userTables) isActive(user id.User) bool {
	a, found := t.users.get(idKey(user))
	return found && a.IsActive
}

// next returns the next version of the stored account, with the values of u.
func (t *userTables) next(u users.User) (*account, error) {
	old, err := t.account(u.ID)
	if err != nil {
		return nil, err
	}
	if old.Version != u.Version {
		return nil, fmt.Errorf("version %d of a user, not %d: %w", old.Version, u.Version, uow.ErrConflict)
	}
	u.Version++
	u.Email = old.Email
	return newAccount(ports.Account{User: u, Password: old.Password}), nil
}

type usersRepository struct{ *unit }

func (repo usersRepository) Add(
	ctx context.Context, u users.User, password users.PasswordHash,
) (created bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		u.Version = 1
		a := newAccount(ports.Account{User: u, Password: password})
		if u.Email != "" && s.usersByEmail.has(textKey(a.foldedEmail)) {
			return nil
		}
		created = true
		return s.addAccount(a)
	})
	return created && err == nil, err
}

func (repo usersRepository) User(ctx context.Context, user id.User) (u users.User, err error) {
	err = repo.read(ctx, func(s *state) error {
		a, err := s.account(user)
		if err == nil {
			u = a.User
		}
		return err
	})
	return u, err
}

func (repo usersRepository) ByEmail(
	ctx context.Context, folded string,
) (u users.User, password users.PasswordHash, err error) {
	err = repo.read(ctx, func(s *state) error {
		a, found := s.usersByEmail.get(textKey(folded))
		if !found {
			return notFound("an address")
		}
		u, password = a.User, a.Password
		return nil
	})
	return u, password, err
}

func (repo usersRepository) Password(ctx context.Context, user id.User) (password users.PasswordHash, err error) {
	err = repo.read(ctx, func(s *state) error {
		a, err := s.account(user)
		if err == nil {
			password = a.Password
		}
		return err
	})
	return password, err
}

func (repo usersRepository) Pin(ctx context.Context, users ...id.User) (pinned []users.User, err error) {
	users = slices.Clone(users)
	slices.SortFunc(users, id.User.Compare)
	err = repo.write(ctx, func(s *state) error {
		for _, user := range slices.Compact(users) {
			a, err := s.account(user)
			if err != nil {
				return err
			}
			pinned = append(pinned, a.User)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return pinned, nil
}

func (repo usersRepository) Hold(ctx context.Context, user id.User) (u users.User, err error) {
	err = repo.write(ctx, func(s *state) error {
		a, err := s.account(user)
		if err == nil {
			u = a.User
		}
		return err
	})
	return u, err
}

func (repo usersRepository) HoldWithAdmins(
	ctx context.Context, user id.User,
) (u users.User, otherAdmins int, err error) {
	err = repo.write(ctx, func(s *state) error {
		a, err := s.account(user)
		if err != nil {
			return err
		}
		u, otherAdmins = a.User, s.activeAdmins.len()
		if a.isActiveAdmin() {
			otherAdmins--
		}
		return nil
	})
	return u, otherAdmins, err
}

func (repo usersRepository) Save(ctx context.Context, u users.User) error {
	return repo.write(ctx, func(s *state) error {
		a, err := s.next(u)
		if err == nil {
			s.putAccount(a)
		}
		return err
	})
}

func (repo usersRepository) SetPassword(
	ctx context.Context, user id.User, password users.PasswordHash, at time.Time,
) error {
	return repo.write(ctx, func(s *state) error {
		old, err := s.account(user)
		if err != nil {
			return err
		}
		a := *old
		a.Password, a.UpdatedAt = password, at
		s.putAccount(&a)
		return nil
	})
}

func (repo usersRepository) Erase(ctx context.Context, u users.User) error {
	return repo.write(ctx, func(s *state) error {
		a, err := s.next(u)
		if err != nil {
			return err
		}
		a.Email, a.foldedEmail, a.Password = "", "", users.PasswordHash{}
		s.putAccount(a)
		s.dropSessionsOf(u.ID)
		s.dropReset(u.ID)
		return nil
	})
}

func (repo usersRepository) List(
	ctx context.Context, f users.Filter, after *page.Moment, limit int,
) (list []users.User, err error) {
	err = repo.read(ctx, func(s *state) error {
		list = newest(&s.usersByTime, "", after, limit, func(user [16]byte) (users.User, bool) {
			a, _ := s.users.get(idKey(user))
			return a.User, a.fits(f)
		})
		return nil
	})
	return list, err
}
