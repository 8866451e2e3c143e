package porttest_test

import (
	"context"
	"errors"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
)

// usesStepsAgain lets every unit use a time step that another one has used.
type usesStepsAgain struct{ users.Repository }

func (r usesStepsAgain) UseStep(ctx context.Context, user id.User, step int64) (bool, error) {
	used, err := r.Repository.UseStep(ctx, user, step)
	if used || err != nil {
		return used, err
	}
	f, err := r.Repository.SecondFactor(ctx, user)
	return err == nil && f.LastStep == step, nil
}

// usesRecoveryAgain keeps recovery codes that were used.
type usesRecoveryAgain struct{ users.Repository }

func (r usesRecoveryAgain) UseRecoveryCode(ctx context.Context, user id.User, hash string) (bool, error) {
	f, err := r.Repository.SecondFactor(ctx, user)
	if errors.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	used, err := r.Repository.UseRecoveryCode(ctx, user, hash)
	if err != nil || !used {
		return false, err
	}
	return true, r.Repository.SaveSecondFactor(ctx, f)
}

// keepsErasedFactor keeps the second factor of an erased account.
type keepsErasedFactor struct{ users.Repository }

func (r keepsErasedFactor) Erase(ctx context.Context, u users.User) error {
	f, missing := r.SecondFactor(ctx, u.ID)
	if err := r.Repository.Erase(ctx, u); err != nil || missing != nil {
		return err
	}
	return r.SaveSecondFactor(ctx, f)
}
