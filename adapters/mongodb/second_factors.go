package mongodb

import (
	"context"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// The methods of users.Repository for second factors.

var secondFactors = tableOf(ports.SecondFactorLayout)

func (repo usersRepository) SecondFactor(ctx context.Context, user id.User) (f users.SecondFactor, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		f, err = find(ctx, t, secondFactors.scan, query{in: secondFactorsIn, filter: d("_id", uuid(user))})
		return orNotFound(err, "a second factor")
	})
	return f, err
}

func (repo usersRepository) SaveSecondFactor(ctx context.Context, f users.SecondFactor) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(secondFactorsIn, putting(d("_id", uuid(f.UserID)), d("$set", secondFactors.set(f, "_id"))))
		return nil
	})
}

func (repo usersRepository) UseStep(ctx context.Context, user id.User, step int64) (bool, error) {
	return repo.useFactor(ctx, user, d("last_step", d("$lt", step)), d("$set", d("last_step", step)))
}

func (repo usersRepository) UseRecoveryCode(ctx context.Context, user id.User, hash string) (bool, error) {
	return repo.useFactor(ctx, user, d("recovery_codes", hash), d("$pull", d("recovery_codes", hash)))
}

// useFactor changes the second factor of a user if it fulfils a condition, and reports whether it
// did. Of two units that change it concurrently, one fails.
func (repo usersRepository) useFactor(ctx context.Context, user id.User, condition, change bson.D) (used bool, err error) {
	err = repo.write(ctx, func(t *txn) error {
		if err := t.queueFor(ctx, turnOf(turnOfUser, user)); err != nil {
			return err
		}
		matched, err := t.apply(ctx, secondFactorsIn, changing(append(d("_id", uuid(user)), condition...), change))
		used = matched == 1
		return err
	})
	return used && err == nil, err
}

func (repo usersRepository) DropSecondFactor(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(secondFactorsIn, removing(d("_id", uuid(user))))
		return nil
	})
}
