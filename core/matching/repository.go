package matching

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/text"
)

// Repository keeps profiles and interests, and searches them.
type Repository interface {
	// Profile returns a user's profile and the interests linked to it, inactive ones included, by
	// (folded name, id). It returns fault.NotFound if the user never saved a profile.
	Profile(ctx context.Context, user id.User) (Profile, []Interest, error)

	// SaveProfile stores a profile and its set of interests, and replaces those that the user had.
	// The id of a user's first profile stays: p.ID is used only if the user has no profile yet. If
	// two concurrent units save the profile of one user, all of the later one is kept.
	SaveProfile(ctx context.Context, p Profile, interests []id.Interest) error

	// DropProfile removes a user's profile with its links to interests. It does nothing if there is
	// none.
	DropProfile(ctx context.Context, user id.User) error

	// Search lists up to limit searchable profiles of active users that match the query, in
	// descending order of score and then by profile id: those after the given position, or from the
	// first if after is nil. It leaves out the viewer, and users between whom and the viewer there
	// is a block in either direction. A filter by age leaves out profiles without an age.
	//
	// The score is the number of active interests that both users have. Match.Shared lists all of
	// them by (folded name, id). The profiles are complete, with the last name: Service removes it.
	Search(ctx context.Context, q Query, after *Rank, limit int) ([]Match, error)

	// Among returns those of the given profiles that Search finds for the query, in its order and as
	// complete as there, and the ids of the active interests of the viewer, in ascending order. It
	// skips ids that do not exist. It serves an index that knows which profiles a search probably
	// finds, and costs no more with many other profiles.
	Among(ctx context.Context, q Query, profiles ...id.Profile) (own []id.Interest, found []Match, err error)

	// Candidates lists up to limit profiles by id, those that no search finds included: the ones
	// after the given id, or from the first if it is zero.
	Candidates(ctx context.Context, after id.Profile, limit int) ([]Candidate, error)

	// Sight returns what decides what viewer sees of another user. It is zero if there is no such
	// user.
	Sight(ctx context.Context, viewer, user id.User) (Sight, error)

	// People returns users other than viewer as viewer sees them (Sight.Person), in any
	// order. It skips ids that do not exist.
	People(ctx context.Context, viewer id.User, users ...id.User) ([]Person, error)

	// AddCorrespondent records that a user has written to another. It does nothing if that is
	// recorded already, also by a concurrent unit.
	AddCorrespondent(ctx context.Context, c Correspondent) error

	// Residents lists where up to limit searchable profiles of active users are, by (country, city,
	// id), texts compared by text.SearchFold: those after the given position, or from the first if
	// after is nil. An absent country or city is the empty text, which comes first.
	Residents(ctx context.Context, after *Residence, limit int) ([]Resident, error)

	// Interests returns the interests with these ids, by (folded name, id). It skips ids that do
	// not exist.
	Interests(ctx context.Context, ids ...id.Interest) ([]Interest, error)

	// AllInterests lists up to limit interests by (folded name, id), only active ones or all: those
	// after the given position, or from the first if after is nil.
	AllInterests(ctx context.Context, activeOnly bool, after *NamePlace, limit int) ([]Interest, error)

	// AddInterest stores an interest. If one with the same name by text.Fold exists, also a twin,
	// AddInterest stores nothing and created is false. Of concurrent units that add one name, one
	// creates it.
	AddInterest(ctx context.Context, i Interest) (created bool, err error)

	// HoldInterest returns an interest, or fault.NotFound, and locks it for this unit alone until
	// the unit ends: other units that hold it wait, or one of them fails with uow.ErrConflict.
	HoldInterest(ctx context.Context, interest id.Interest) (Interest, error)

	// SaveInterest stores an interest that this unit holds. If its name by text.Fold changes to
	// that of another one, also of a twin, SaveInterest stores nothing and saved is false.
	SaveInterest(ctx context.Context, i Interest) (saved bool, err error)
}

// Query is a Search in the form that stores use.
type Query struct {
	Viewer    id.User
	Country   text.Searched // the zero value selects all
	City      text.Searched // the zero value selects all
	Interests []id.Interest
	MinAge    int // 0 selects all
	MaxAge    int // 0 selects all
}

// Candidate is what searches compare of a profile.
type Candidate struct {
	Profile   id.Profile
	UserID    id.User
	Country   string
	City      string
	Age       int           // 0 if not given
	Findable  bool          // the profile is searchable, and the account is active
	Interests []id.Interest // all that are linked, inactive ones included, in ascending order
}

// Tx holds the repositories that this domain uses in a unit of work.
type Tx interface {
	moderation.Tx
	Matching() Repository
}
