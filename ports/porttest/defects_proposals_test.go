package porttest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/ports"
)

// proposalFlaw is what a store with a reservations.Proposer does wrong.
type proposalFlaw int

const (
	proposesWell proposalFlaw = iota
	proposesWithoutKey
	proposesWithUsedKey
	proposesBlocked
	proposesInactive
	proposesRestricted
	proposesBeyondQuota
	proposesTooLateAfterQuota
	proposesTooManyPending
	proposesUnanswered
	proposesAsLocal
	proposesSilently
	proposesWithoutLocal
	proposesAnonymously
	proposesWithImage
	proposesNever
)

// proposing returns a plant of stores with a reservations.Proposer.
func proposing(f proposalFlaw) plant {
	return handing(func(_ *memory.Store, b *broken) { b.reservations = proposer{b.Tx.Reservations(), b.Tx, f} })
}

// proposer is a reservations.Proposer that makes the calls of the steps in the unit of work.
type proposer struct {
	reservations.Repository
	tx   ports.Tx
	flaw proposalFlaw
}

func (r proposer) Propose(
	ctx context.Context, p reservations.Proposing,
) (v reservations.View, outcome idempotency.Outcome, err error) {
	c, allowed, err := r.allows(ctx, p)
	if err != nil || !allowed {
		return v, idempotency.NotDone, err
	}
	made, proposed := p.In(c)
	said, ok := proposed.Data.(events.ReservationProposed)
	if ok && r.flaw == proposesWithoutLocal {
		said.LocalID = id.User{}
		proposed.Data = said
	}
	if r.flaw == proposesAsLocal {
		made.VoyagerID, made.LocalID = made.CreatorID, c.Other(made.CreatorID)
	}
	writes := []error{r.Add(ctx, made)}
	if r.flaw != proposesSilently {
		writes = append(writes, r.tx.Events().Add(ctx, proposed))
	}
	if p.Record != nil && r.flaw != proposesWithoutKey {
		writes = append(writes, r.tx.Idempotency().Save(ctx, *p.Record))
	}
	seen, err := r.person(ctx, made.CreatorID, c.Other(made.CreatorID))
	return reservations.View{Reservation: made, Other: seen}, idempotency.Done, errors.Join(append(writes, err)...)
}

// allows returns the conversation of a proposal, and reports whether it can be made.
func (r proposer) allows(ctx context.Context, p reservations.Proposing) (c messaging.Conversation, is bool, err error) {
	if r.flaw == proposesNever {
		return c, false, nil
	}
	if p.Record != nil {
		_, err := r.tx.Idempotency().Claim(ctx, p.Record.Owner, p.Record.Key)
		if !errors.Is(err, fault.NotFound) && r.flaw != proposesWithUsedKey {
			return c, false, err
		}
	}
	by, now := p.Reservation.CreatorID, p.Reservation.CreatedAt
	standing, err := r.tx.Messaging().Standing(ctx, p.Reservation.ConversationID)
	if errors.Is(err, fault.NotFound) || err == nil && standing.Admit(by) != nil {
		return c, false, nil //nolint:nilerr // the steps tell the error
	}
	if err != nil {
		return c, false, err
	}
	c = standing.Conversation
	creator, err := r.tx.Users().Hold(ctx, by)
	if err != nil || creator.CheckUnrestricted(now) != nil && r.flaw != proposesRestricted {
		return c, false, err
	}
	blocked := standing.Blocked && r.flaw != proposesBlocked
	inactive := !(standing.VoyagerActive && standing.LocalActive) && r.flaw != proposesInactive
	if blocked || inactive {
		return c, false, nil
	}
	is, err = r.mayHaveMore(ctx, p, c)
	return c, is, err
}

// mayHaveMore reports whether the creator may have one more reservation.
func (r proposer) mayHaveMore(ctx context.Context, p reservations.Proposing, c messaging.Conversation) (bool, error) {
	by, after := p.Reservation.CreatorID, p.ProposedAfter
	if r.flaw == proposesTooLateAfterQuota {
		after = after.Add(-time.Millisecond)
	}
	nth, err := r.NthProposed(ctx, by, p.MaxProposed)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return false, err
	}
	if err == nil && nth.After(after) && r.flaw != proposesBeyondQuota {
		return false, nil
	}
	all, own, err := r.PendingIn(ctx, c.ID, by, p.MaxPending)
	if err != nil || all >= p.MaxPending && r.flaw != proposesTooManyPending {
		return false, err
	}
	if own < p.MaxUnanswered || r.flaw == proposesUnanswered {
		return true, nil
	}
	other, err := r.tx.Matching().Sight(ctx, by, c.Other(by))
	return other.Wrote, err
}

func (r proposer) person(ctx context.Context, by, other id.User) (matching.Person, error) {
	people, err := matching.PeopleSeen(ctx, r.tx, by, other)
	seen := people[other]
	switch {
	case err != nil:
		return seen, err
	case r.flaw == proposesAnonymously:
		return matching.Person{UserID: other}, nil
	case r.flaw == proposesWithImage:
		profile, _, err := r.tx.Matching().Profile(ctx, other)
		seen.ImageURL = profile.ImageURL
		return seen, err
	}
	return seen, nil
}

// proposalDefects returns stores with a reservations.Proposer that a comparison with the steps
// finds.
func proposalDefects() (all []defect) {
	const differs = "in one step and step by step"
	for _, d := range []struct {
		name string
		flaw proposalFlaw
		says string
	}{
		{"forgets the key", proposesWithoutKey, "idempotency_records"},
		{"ignores a used key", proposesWithUsedKey, differs},
		{"ignores blocks", proposesBlocked, differs},
		{"ignores inactive users", proposesInactive, differs},
		{"ignores restrictions", proposesRestricted, differs},
		{"ignores the quota", proposesBeyondQuota, differs},
		{"lets a quota last too long", proposesTooLateAfterQuota, "the commands that were done in one step"},
		{"ignores how many are pending", proposesTooManyPending, differs},
		{"ignores that there is no answer", proposesUnanswered, differs},
		{"makes the creator the voyager", proposesAsLocal, differs},
		{"adds no event", proposesSilently, "outbox"},
		{"does not tell the local", proposesWithoutLocal, "outbox"},
		{"does not name the other", proposesAnonymously, differs},
		{"shows images that the user does not see", proposesWithImage, differs},
		{"never does it", proposesNever, "the commands that were done in one step"},
	} {
		all = append(all, defect{
			name: "proposes in one step, and " + d.name, plant: proposing(d.flaw), says: d.says,
			fails: []string{"steps/a proposal in one step is one step by step"},
		})
	}
	return append(all, defect{
		name: "proposes in one step, without the check of a session",
		plant: handing(func(_ *memory.Store, b *broken) {
			b.users, b.reservations = checksReaders{b.Tx.Users(), new(error)}, proposer{b.Tx.Reservations(), b.Tx, proposesWell}
		}),
		fails: []string{"steps/a proposal in one step begins with the check of a session"},
		says:  "a revoked session: a command",
	})
}

func init() { defects = append(defects, proposalDefects()...) }

// TestProposingInOneStep checks that the kit passes a store whose fast form is sound.
func TestProposingInOneStep(t *testing.T) {
	t.Parallel()
	if v := judged(t, "proposes in one step", "^TestStorage$/^(reservations|steps|races|told|refusals)$"); v.err != nil {
		t.Errorf("the kit failed the store: %v\n%s", v.err, v.output)
	}
}
