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
	usersByEmail tree[*account] // canonical address, id
	usersByTime  index          // created_at, id
	activeAdmins index          // id
}

func (t *userTables) copy() userTables {
	return userTables{
		users: t.users.copy(), usersByEmail: t.usersByEmail.copy(),
		usersByTime: t.usersByTime.copy(), activeAdmins: t.activeAdmins.copy(),
	}
}

// account is a row with its canonical address and the texts that a list compares.
type account struct {
	ports.Account
	address       text.Folded
	searchedName  string
	searchedEmail string
}

func newAccount(a ports.Account) *account {
	return &account{
		Account: a, address: text.FoldAddress(a.Email),
		searchedName: text.SearchFold(a.Name).String(), searchedEmail: text.SearchFold(a.Email).String(),
	}
}

// addressKey returns the account's key in usersByEmail.
func (a *account) addressKey() string { return textKey(a.address.String()) + idKey(a.ID) }

func (a *account) isActiveAdmin() bool { return a.IsActive && a.Role == users.RoleAdmin }

func (a *account) fits(f users.Filter) bool {
	return (f.Role == "" || a.Role == f.Role) &&
		(f.IsActive == nil || a.IsActive == *f.IsActive) &&
		(strings.Contains(a.searchedName, f.Query.String()) || strings.Contains(a.searchedEmail, f.Query.String()))
}

func (t *userTables) addAccount(a *account) error {
	switch {
	case t.users.has(idKey(a.ID)):
		return taken("a user")
	case t.addressTaken(a):
		return taken("an address")
	case !a.Role.Valid():
		return broken("a user's role must be valid")
	}
	t.putAccount(a)
	return nil
}

// withAddress returns the accounts with an address, by id. No account has the empty one.
func (t *userTables) withAddress(address text.Folded) (list []*account) {
	for _, a := range t.usersByEmail.ascend(textKey(address.String()), "") {
		list = append(list, a)
	}
	return list
}

// addressTaken reports whether another account has the address of an account. Twins may have it.
func (t *userTables) addressTaken(a *account) bool {
	return a.Email != "" && !a.Twin && slices.ContainsFunc(t.withAddress(a.address), func(other *account) bool {
		return !other.Twin && other.ID != a.ID
	})
}

// putAccount stores an account, and replaces any that has its id.
func (t *userTables) putAccount(a *account) {
	if old, found := t.users.get(idKey(a.ID)); found {
		t.usersByEmail.drop(old.addressKey())
		t.usersByTime.drop(momentKey(users.Place(old.User)))
		t.activeAdmins.drop(idKey(a.ID))
	}
	t.users.put(idKey(a.ID), a)
	if a.Email != "" {
		t.usersByEmail.put(a.addressKey(), a)
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

// next returns the next version of the stored account, with the values of u except its address.
func (t *userTables) next(u users.User) (*account, error) {
	old, err := t.account(u.ID)
	if err != nil {
		return nil, err
	}
	if old.Version != u.Version {
		return nil, fmt.Errorf("version %d of a user, not %d: %w", old.Version, u.Version, uow.ErrConflict)
	}
	u.Version++
	u.Email, u.Twin = old.Email, old.Twin
	return newAccount(ports.Account{User: u, Password: old.Password}), nil
}

type usersRepository struct{ *unit }

func (repo usersRepository) Add(
	ctx context.Context, u users.User, password users.PasswordHash,
) (created bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		u.Version = 1
		a := newAccount(ports.Account{User: u, Password: password})
		if u.Email != "" && len(s.withAddress(a.address)) > 0 {
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
	ctx context.Context, email string,
) (u users.User, password users.PasswordHash, err error) {
	err = repo.read(ctx, func(s *state) error {
		all := s.withAddress(text.FoldAddress(email))
		at := slices.IndexFunc(all, func(a *account) bool { return a.Email == email })
		if at < 0 {
			at = slices.IndexFunc(all, func(a *account) bool { return !a.Twin })
		}
		if at < 0 {
			return notFound("an address")
		}
		u, password = all[at].User, all[at].Password
		return nil
	})
	return u, password, err
}

func (repo usersRepository) WithAddress(ctx context.Context, address text.Folded) (list []users.User, err error) {
	err = repo.read(ctx, func(s *state) error {
		for _, a := range s.withAddress(address) {
			list = append(list, a.User)
		}
		return nil
	})
	return list, err
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

// eachOnce returns ids in ascending order, each once.
func eachOnce[E any](ids []id.ID[E]) []id.ID[E] {
	return slices.Compact(slices.SortedFunc(slices.Values(ids), id.ID[E].Compare))
}

func (repo usersRepository) Pin(ctx context.Context, users ...id.User) (pinned []users.User, err error) {
	err = repo.write(ctx, func(s *state) error {
		for _, user := range eachOnce(users) {
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

func (repo usersRepository) SetEmail(ctx context.Context, u users.User) (saved bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		a, err := s.next(u)
		if err != nil {
			return err
		}
		a.Email, a.Twin = u.Email, u.Twin
		a = newAccount(a.Account)
		if saved = !s.addressTaken(a); saved {
			s.putAccount(a)
		}
		return nil
	})
	return saved && err == nil, err
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
		a.Email, a.Twin, a.Password = "", false, users.PasswordHash{}
		s.putAccount(newAccount(a.Account))
		s.secondFactors.drop(idKey(u.ID))
		s.dropSessionsOf(u.ID)
		s.dropResets(u.ID, 0)
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
