package porttest_test

import (
	"context"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// forks accepts seals of transactions that are sealed, and adds the others.
type forks struct{ tokens.Repository }

func (r forks) Seal(ctx context.Context, seals ...tokens.Seal) error {
	chains, err := r.Chains(ctx, id.User{}, 1000)
	if err != nil {
		return err
	}
	return r.Repository.Seal(ctx, slices.DeleteFunc(slices.Clone(seals), func(s tokens.Seal) bool {
		return slices.ContainsFunc(chains, func(c tokens.Chain) bool { return c.Last.UserID == s.UserID && s.Seq <= c.Last.Seq })
	})...)
}

// dropsSeals loses the last of many seals.
type dropsSeals struct{ tokens.Repository }

func (r dropsSeals) Seal(ctx context.Context, seals ...tokens.Seal) error {
	if len(seals) > 100 {
		seals = seals[:len(seals)-1]
	}
	return r.Repository.Seal(ctx, seals...)
}

// startsLate does not find the first of the recent transactions.
type startsLate struct{ tokens.Repository }

func (r startsLate) Unsealed(ctx context.Context, since id.Transaction, after id.User, limit int) ([]tokens.Chain, error) {
	if !since.IsZero() {
		since[15]++
	}
	return r.Repository.Unsealed(ctx, since, after, limit)
}

// followsAll lists the transactions of a chain from its last seal on.
type followsAll struct{ tokens.Repository }

func (r followsAll) Following(ctx context.Context, chains []tokens.Chain, limit int) ([]tokens.Transaction, error) {
	chains = slices.Clone(chains)
	for i := range chains {
		chains[i].Last.Seq--
	}
	return r.Repository.Following(ctx, chains, limit)
}
