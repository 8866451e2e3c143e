package matching

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
)

// Repository keeps profiles and interests, and searches them.
type Repository interface {
	// Profile reads somebody's profile, and the interests linked to it, inactive ones included, by
	// (folded name, id); fault.NotFound where they never saved one.
	Profile(ctx context.Context, user id.User) (Profile, []Interest, error)

	// SaveProfile stores a profile with its set of interests in place of what was there. A user's first
	// profile keeps its id for good: p.ID is taken only where there is none yet. Of two units that save
	// one at once, the later wins, whole.
	SaveProfile(ctx context.Context, p Profile, interests []id.Interest) error

	// DropProfile removes somebody's profile with its links. None is not an error.
	DropProfile(ctx context.Context, user id.User) error

	// Search lists searchable profiles of active users, other than the viewer and whoever has a block
	// with them in either direction, that fit the search: by score, highest first, then by profile id.
	// The score counts the active interests that both have, all of which Match.Shared names by (folded
	// name, id). Those after a place, or from the first where it is nil; at most limit. Of filters by age,
	// profiles without one are left out.
	// Profiles are whole, the last name included: Service keeps from others what they do not see.
	Search(ctx context.Context, q Query, after *Rank, limit int) ([]Match, error)

	// Interests reads the interests with these ids, by (folded name, id); those that do not exist are left out.
	Interests(ctx context.Context, ids ...id.Interest) ([]Interest, error)

	// AllInterests lists interests by (folded name, id), active ones only or all: those after a place, or
	// from the first where it is nil; at most limit.
	AllInterests(ctx context.Context, activeOnly bool, after *NamePlace, limit int) ([]Interest, error)

	// AddInterest stores an interest. created is false, and nothing stored, where one has the name without
	// regard to case; of units that add one name at once, one creates it.
	AddInterest(ctx context.Context, i Interest) (created bool, err error)

	// HoldInterest reads an interest and holds it for this unit alone until it ends: other units wait, or
	// one fails with uow.ErrConflict. fault.NotFound where there is none.
	HoldInterest(ctx context.Context, interest id.Interest) (Interest, error)

	// SaveInterest stores an interest that this unit holds. saved is false, and nothing stored, where another
	// has the name without regard to case.
	SaveInterest(ctx context.Context, i Interest) (saved bool, err error)
}

// Query is a search as the store runs it.
type Query struct {
	Viewer    id.User
	Country   string // folded; "" asks for none
	City      string // folded; "" asks for none
	Interests []id.Interest
	MinAge    int // 0 asks for none
	MaxAge    int // 0 asks for none
}

// Tx is what this domain touches in a unit of work.
type Tx interface {
	moderation.Tx
	Matching() Repository
}
