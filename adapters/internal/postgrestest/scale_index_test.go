package postgrestest

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// askAsAnIndex asks what an index of profiles does: for all of them, page by page, and which of those on a
// page of a search are found.
func (s *scale) askAsAnIndex() {
	s.Helper()
	ask := func(what string, of func(ctx context.Context, r matching.Repository) error) {
		must(s, s.app.Storage.Run(s.Context(), uow.Read, func(ctx context.Context, tx ports.Tx) error { return of(ctx, tx.Matching()) }))
		s.explain(what)
	}
	var some []matching.Candidate
	for _, after := range []id.Profile{{}, s.town.profileID(aLot)} {
		ask(fmt.Sprint("candidates after ", after), func(ctx context.Context, r matching.Repository) (err error) {
			some, err = r.Candidates(ctx, after, 100)
			return err
		})
	}
	profiles := make([]id.Profile, len(some))
	for i, c := range some {
		profiles[i] = c.Profile
	}
	for _, place := range []matching.Query{{}, {Country: text.SearchFold("Country 3")}, {City: text.SearchFold("City 13")}} {
		for _, age := range []int{0, 25} {
			for _, interests := range [][]id.Interest{nil, {interestID(s.town.interestRows[0]), interestID(s.town.interestRows[150])}} {
				q := place
				q.Viewer, q.MinAge, q.MaxAge, q.Interests = some[0].UserID, age, 2*age, interests
				ask(fmt.Sprintf("among some: %v", q), func(ctx context.Context, r matching.Repository) error {
					_, _, err := r.Among(ctx, q, profiles...)
					return err
				})
			}
		}
	}
}

func interestID(row ports.Row) id.Interest { return id.Interest(row[0].([16]byte)) } //nolint:forcetypeassert // interests made it
