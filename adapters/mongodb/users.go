package mongodb

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// userFields excludes the blocks of an account, because there may be many.
var userFields = d("blocks", 0)

var (
	accounts = tableOf(ports.AccountLayout)
	people   = tableOf(ports.UserLayout) // accounts without their passwords
)

func scanPassword(r *record) users.PasswordHash { return users.NewPasswordHash(r.text("password")) }

// guarded returns a change that readers do not see but that conflicts with other units. An update
// that changes nothing would not conflict.
func guarded() bson.D { return d("$inc", d("guard", int64(1))) }

// addressKey returns the id of the document that keeps an address unique. A unique index could not
// do so on many shards.
func addressKey(folded string) bson.D { return d("of", string(usersIn), "email_folded", folded) }

// insertUser adds an account with the columns of doc.
func (t *txn) insertUser(doc bson.D) {
	if folded := textOf(doc, "email_folded"); folded != "" && field(doc, "twin") == false {
		t.later(uniqueKeysIn, inserting(d("_id", addressKey(folded), "user_id", field(doc, "_id"))))
	}
	t.later(usersIn, inserting(append(doc, d("guard", int64(0))...)))
}

// exists reports whether a document matches.
func (t *txn) exists(ctx context.Context, in collection, filter bson.D) (bool, error) {
	_, err := find(ctx, t, func(*record) bool { return true }, query{in: in, filter: filter, fields: d("_id", 1)})
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, err
}

func findUser(ctx context.Context, t *txn, user id.User) (users.User, error) {
	u, err := find(ctx, t, people.scan, query{in: usersIn, filter: d("_id", uuid(user)), fields: userFields})
	return u, orNotFound(err, "a user")
}

// holdUser locks an account.
func holdUser(ctx context.Context, t *txn, user id.User) (users.User, error) {
	u, err := holding(ctx, t, people.scan, hold{in: usersIn, filter: d("_id", uuid(user)), change: guarded()})
	if err == nil {
		t.active[user] = u.IsActive
	}
	return u, orNotFound(err, "a user")
}

type usersRepository struct{ *unit }

func (repo usersRepository) Add(
	ctx context.Context, u users.User, password users.PasswordHash,
) (created bool, err error) {
	err = repo.write(ctx, func(t *txn) error {
		if folded := text.FoldAddress(u.Email).String(); folded != "" {
			if err := t.queueFor(ctx, turnOfAddress+turn(folded)); err != nil {
				return err
			}
			taken, err := t.exists(ctx, uniqueKeysIn, d("_id", addressKey(folded)))
			if err == nil && !taken {
				taken, err = t.exists(ctx, usersIn, d("email_folded", folded, "twin", true))
			}
			if err != nil || taken {
				return err
			}
		}
		created = true
		u.Version = 1
		t.insertUser(accounts.doc(ports.Account{User: u, Password: password}))
		return nil
	})
	return created && err == nil, err
}

func (repo usersRepository) User(ctx context.Context, user id.User) (u users.User, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		u, err = findUser(ctx, t, user)
		return err
	})
	return u, err
}

func (repo usersRepository) ByEmail(
	ctx context.Context, email string,
) (u users.User, password users.PasswordHash, err error) {
	err = repo.read(ctx, func(t *txn) error {
		if a, err := findByKey(ctx, t, email); err == nil || !errors.Is(err, mongo.ErrNoDocuments) {
			u, password = a.User, a.Password
			return err
		}
		all, err := list(ctx, t, accounts.scan, queryAddress(text.FoldAddress(email)))
		if err != nil {
			return err
		}
		at := slices.IndexFunc(all, func(a ports.Account) bool { return a.Email == email })
		if at < 0 {
			at = slices.IndexFunc(all, func(a ports.Account) bool { return !a.Twin })
		}
		if at < 0 {
			return notFound("an address")
		}
		u, password = all[at].User, all[at].Password
		return nil
	})
	return u, password, err
}

// findByKey returns the account with exactly this address, which the address's unique key names, so
// that a sharded cluster is not asked on all shards. It returns mongo.ErrNoDocuments for an account
// that is written otherwise, because it may have a twin, and on a replica set.
func findByKey(ctx context.Context, t *txn, email string) (a ports.Account, err error) {
	if !t.store.sharded {
		return a, mongo.ErrNoDocuments
	}
	key := query{in: uniqueKeysIn, filter: d("_id", addressKey(text.FoldAddress(email).String()))}
	user, err := find(ctx, t, func(r *record) id.User { return r.id("user_id") }, key)
	if err != nil {
		return a, err
	}
	return find(ctx, t, accounts.scan, query{in: usersIn, filter: d("_id", uuid(user), "email", email), fields: userFields})
}

// queryAddress finds the accounts with an address. There are several only if some are twins.
func queryAddress(address text.Folded) query {
	return query{in: usersIn, filter: d("email_folded", address.String()), fields: userFields}
}

func withAddress(ctx context.Context, t *txn, address text.Folded) ([]users.User, error) {
	all, err := list(ctx, t, people.scan, queryAddress(address))
	slices.SortFunc(all, func(a, b users.User) int { return a.ID.Compare(b.ID) })
	return all, err
}

func (repo usersRepository) WithAddress(ctx context.Context, address text.Folded) (all []users.User, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		all, err = withAddress(ctx, t, address)
		return err
	})
	return all, err
}

func (repo usersRepository) Password(ctx context.Context, user id.User) (password users.PasswordHash, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		password, err = find(ctx, t, scanPassword, query{in: usersIn, filter: d("_id", uuid(user)), fields: d("password", 1)})
		return orNotFound(err, "a user")
	})
	return password, err
}

// Pin holds the accounts exclusively, because MongoDB has no shared locks. Units of one process
// queue for them.
func (repo usersRepository) Pin(ctx context.Context, users ...id.User) (pinned []users.User, err error) {
	users = slices.Clone(users)
	slices.SortFunc(users, id.User.Compare)
	users = slices.Compact(users)
	err = repo.write(ctx, func(t *txn) error {
		names := make([]turn, len(users))
		for i, user := range users {
			names[i] = turnOf(turnOfUser, user)
		}
		if err := t.queueFor(ctx, names...); err != nil {
			return err
		}
		for _, user := range users {
			u, err := holdUser(ctx, t, user)
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
	err = repo.write(ctx, func(t *txn) (err error) {
		if err := t.queueFor(ctx, turnOf(turnOfUser, user)); err != nil {
			return err
		}
		u, err = holdUser(ctx, t, user)
		return err
	})
	return u, err
}

func (repo usersRepository) HoldWithAdmins(
	ctx context.Context, user id.User,
) (u users.User, otherAdmins int, err error) {
	err = repo.write(ctx, func(t *txn) error {
		if err := t.queueFor(ctx, turnOfAdmins, turnOf(turnOfUser, user)); err != nil {
			return err
		}
		both := d("$or", bson.A{d("_id", uuid(user)), d("role", string(users.RoleAdmin), "is_active", true)})
		found, err := t.hold(ctx, hold{in: usersIn, filter: both, change: guarded(), several: userFields})
		if err != nil {
			return err
		}
		held := make([]users.User, len(found))
		for i, raw := range found {
			if held[i], err = read(raw, people.scan); err != nil {
				return err
			}
		}
		self := slices.IndexFunc(held, func(u users.User) bool { return u.ID == user })
		if self < 0 {
			return notFound("a user")
		}
		u, otherAdmins = held[self], len(held)-1
		t.active[user] = u.IsActive
		return nil
	})
	return u, otherAdmins, err
}

func (repo usersRepository) Save(ctx context.Context, u users.User) error {
	return repo.write(ctx, func(t *txn) error {
		_, err := saveUser(ctx, t, u, people.set(u, "_id", "email", "twin", "version"))
		return err
	})
}

func (repo usersRepository) SetEmail(ctx context.Context, u users.User) (saved bool, err error) {
	err = repo.write(ctx, func(t *txn) error {
		others, err := withAddress(ctx, t, text.FoldAddress(u.Email))
		if err != nil || !u.Twin && slices.ContainsFunc(others, func(o users.User) bool { return !o.Twin && o.ID != u.ID }) {
			return err
		}
		before, err := saveUser(ctx, t, u, people.set(u, "_id", "version"))
		if err != nil {
			return err
		}
		saved = true
		t.dropAddress(before)
		if folded := text.FoldAddress(u.Email).String(); folded != "" && !u.Twin {
			t.later(uniqueKeysIn, inserting(d("_id", addressKey(folded), "user_id", uuid(u.ID))))
		}
		return nil
	})
	return saved && err == nil, err
}

// dropAddress removes the document that keeps the address of an account unique. Twins have none.
func (t *txn) dropAddress(u users.User) {
	if u.Email != "" && !u.Twin {
		t.later(uniqueKeysIn, removing(d("_id", addressKey(text.FoldAddress(u.Email).String()))))
	}
}

// saveUser stores the next version of an account, with the fields of set. It returns the account
// as it was before.
func saveUser(ctx context.Context, t *txn, u users.User, set bson.D) (before users.User, err error) {
	if err := t.queueFor(ctx, turnOf(turnOfUser, u.ID)); err != nil {
		return users.User{}, err
	}
	before, err = modify(ctx, t, people.scan, options.Before, usersIn, d("_id", uuid(u.ID), "version", u.Version), d(
		"$set", set,
		"$inc", d("version", int64(1))))
	if errors.Is(err, mongo.ErrNoDocuments) {
		there, err := findUser(ctx, t, u.ID)
		if err != nil {
			return users.User{}, err
		}
		return users.User{}, fmt.Errorf("version %d of a user, not %d: %w", there.Version, u.Version, uow.ErrConflict)
	}
	if err == nil && before.IsActive != u.IsActive {
		t.later(profilesIn, changing(d("user_id", uuid(u.ID)), d("$set", d("user_is_active", u.IsActive))))
	}
	t.active[u.ID] = u.IsActive
	return before, err
}

func (repo usersRepository) SetPassword(
	ctx context.Context, user id.User, password users.PasswordHash, at time.Time,
) error {
	return repo.write(ctx, func(t *txn) error {
		if err := t.queueFor(ctx, turnOf(turnOfUser, user)); err != nil {
			return err
		}
		change := append(guarded(), d("$set", d("password", textOrNull(password.Reveal()), "updated_at", date(at)))...)
		matched, err := t.apply(ctx, usersIn, changing(d("_id", uuid(user)), change))
		if err == nil && matched == 0 {
			err = notFound("a user")
		}
		return err
	})
}

func (repo usersRepository) Erase(ctx context.Context, u users.User) error {
	return repo.write(ctx, func(t *txn) error {
		u.Email, u.Twin = "", false
		before, err := saveUser(ctx, t, u, accounts.set(ports.Account{User: u}, "_id", "version"))
		if err != nil {
			return err
		}
		t.dropAddress(before)
		t.later(secondFactorsIn, removing(d("_id", uuid(u.ID))))
		t.later(resetsIn, removingAll(d("user_id", uuid(u.ID))))
		return dropSessions(ctx, t, query{in: sessionsIn, filter: d("user_id", uuid(u.ID))})
	})
}

func (repo usersRepository) List(
	ctx context.Context, f users.Filter, after *page.Moment, limit int,
) (all []users.User, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		filter := bson.D{}
		if f.Role != "" {
			filter = append(filter, d("role", string(f.Role))...)
		}
		if f.IsActive != nil {
			filter = append(filter, d("is_active", *f.IsActive)...)
		}
		if part := f.Query.String(); part != "" {
			found := primitive.Regex{Pattern: regexp.QuoteMeta(part)}
			filter = append(filter, d("$and", bson.A{d("$or", bson.A{d("name_searched", found), d("email_searched", found)})})...)
		}
		all, err = listPage(ctx, t, people.scan, limit, query{
			in: usersIn, filter: append(filter, past(after, "$lt", "created_at", "_id")...), fields: userFields,
			sort: d("created_at", -1, "_id", -1),
		})
		return err
	})
	return all, err
}
