package matching_test

import (
	"context"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/page"
)

// A use case that is cancelled at any point changes nothing.
func TestCancellation(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca, tea := w.Person("Ada"), w.Local("Luca"), interest(t, w, "Tea")
	for _, useCase := range []func(ctx context.Context) error{
		func(ctx context.Context) error {
			_, err := w.Matching.SaveProfile(ctx, ada, matching.Profile{FirstName: "Ada"}, nil)
			return err
		},
		func(ctx context.Context) error {
			_, err := w.Matching.MyProfile(ctx, ada)
			return err
		},
		func(ctx context.Context) error {
			_, err := w.Matching.ProfileOf(ctx, ada, luca)
			return err
		},
		func(ctx context.Context) error {
			_, err := w.Matching.Blocks(ctx, ada, page.Request[page.Moment]{})
			return err
		},
		func(ctx context.Context) error {
			_, err := w.Matching.Matches(ctx, ada, matching.Search{}, page.Request[matching.Rank]{})
			return err
		},
		func(ctx context.Context) error {
			_, err := w.Matching.CreateInterest(ctx, w.Admin(), matching.InterestChange{Name: ptr("Art")}, "key")
			return err
		},
		func(ctx context.Context) error {
			_, err := w.Matching.ChangeInterest(ctx, w.Admin(), tea, matching.InterestChange{Name: ptr("Coffee")})
			return err
		},
	} {
		coretest.Is(t, w.Cancelled(useCase), nil)
	}
}
