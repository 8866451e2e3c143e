package matchindex

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// The index answers as the store does, whoever has changed what: at once after changes of this
// process, and after it has read the events of other processes. Before, it shows nobody wrongly.
func TestSearchesAreThoseOfTheStore(t *testing.T) {
	var answered, passed int64
	rapid.Check(t, func(r *rapid.T) {
		number := func(what string, from, to int) int { return rapid.IntRange(from, to).Draw(r, what) }
		p := newScene(r, number("people", 2, 25), 5)
		picked := func() (picked []id.Interest) {
			for _, i := range p.interests {
				if i.IsActive && number("picked", 0, 1) > 0 {
					picked = append(picked, i.ID)
				}
			}
			return picked
		}
		save := func(in uow.Runner[ports.Tx], person int) {
			of := &p.profiles[person]
			of.Country, of.City = rapid.SampledFrom(countries).Draw(r, "country"), rapid.SampledFrom(cities).Draw(r, "city")
			of.Age, of.IsSearchable = rapid.SampledFrom([]int{0, 18, 30, 64, 120}).Draw(r, "age"), number("hidden", 0, 3) > 0
			p.save(in, person, picked()...)
		}
		for person := range p.people {
			if number("with a profile", 0, 4) > 0 {
				save(p.store, person)
			}
		}
		p.build()
		behind := false // other processes have changed what the index has not read yet
		for range number("steps", 1, 25) {
			in, person := uow.Runner[ports.Tx](p.index), number("person", 0, len(p.people)-1)
			change := number("step", 0, 9)
			if change < 5 && number("in another process", 0, 2) > 1 {
				in, behind = p.store, true
			}
			switch change {
			case 0, 1:
				save(in, person)
			case 2:
				p.activate(in, person, !p.people[person].IsActive)
			case 3:
				p.drop(in, person)
			case 4:
				p.toggle(in, number("interest", 0, len(p.interests)-1))
			case 5:
				if other := number("blocked", 0, len(p.people)-1); other != person {
					p.block(person, other)
				}
			case 6:
				p.catchUp()
				behind = false
			default:
				q := matching.Query{Viewer: p.people[person].ID}
				if number("filtered", 0, 1) > 0 {
					q.Country = text.SearchFold(rapid.SampledFrom(countries).Draw(r, "in country"))
					q.City = text.SearchFold(rapid.SampledFrom(cities).Draw(r, "in city"))
					q.MinAge, q.MaxAge = rapid.SampledFrom([]int{0, 0, 18, 31}).Draw(r, "from"), rapid.SampledFrom([]int{0, 0, 64}).Draw(r, "to")
				}
				if number("filtered by interest", 0, 2) > 1 {
					q.Interests = []id.Interest{p.interests[number("wanted", 0, 4)].ID, p.interests[number("wanted too", 0, 4)].ID}
				}
				var after *matching.Rank
				for limit, more := number("limit", 1, 6), true; more; {
					var found []matching.Match
					if behind {
						found = p.search(p.index, q, after, limit)
						p.shows(q, after, found)
					} else {
						found = p.finds("up to date", q, after, limit)
					}
					if more = len(found) == limit; more {
						last := matching.PlaceOfMatch(found[limit-1])
						after = &last
					}
				}
			}
		}
		answered, passed = answered+p.index.Stats().Answered, passed+p.index.Stats().Passed
	})
	t.Attr("counts", fmt.Sprintf("%d searches answered from the index, %d by the store", answered, passed))
}

// shows fails the test if matches are not in order, or if the store does not find one of them just
// so.
func (p *scene) shows(q matching.Query, after *matching.Rank, found []matching.Match) {
	p.Helper()
	all := p.search(p.store, q, after, 1000)
	at := 0
	for _, m := range found {
		for at < len(all) && !reflect.DeepEqual(all[at], m) {
			at++
		}
		if at == len(all) {
			p.Fatalf("the search %+v after %v found\n%+v\nin the index, of which the store has\n%+v", q, after, found, all)
		}
	}
}

// A page is filled up although many of those who come first are hidden from the viewer since the
// index has read them. If they are too many, the store searches.
func TestPagesAreFilledUp(t *testing.T) {
	p := newScene(t, 700, 1)
	for person := range p.people {
		p.profiles[person].IsSearchable = true
		p.save(p.store, person)
	}
	p.build()
	for other := range 150 {
		p.block(0, other+1)
	}
	q := matching.Query{Viewer: p.people[0].ID}
	if found := p.finds("behind 150 blocks", q, nil, 20); len(found) != 20 {
		t.Errorf("found %d people, want 20", len(found))
	}
	if found := p.finds("behind 150 blocks", q, nil, 1); len(found) != 1 {
		t.Errorf("found %d people, want 1", len(found))
	}
	for other := range 300 {
		p.block(200+other, 0)
	}
	last := matching.Rank{Profile: p.profiles[150].ID}
	p.finds("after 150 blocks", q, &last, 45)
	for other := range 149 {
		p.block(0, 50+150+other)
	}
	before := p.index.Stats().Passed
	if got, want := p.search(p.index, q, nil, 101), p.search(p.store, q, nil, 101); !slices.EqualFunc(got, want, func(a, b matching.Match) bool { return reflect.DeepEqual(a, b) }) {
		t.Errorf("found %d people, want %d", len(got), len(want))
	}
	if p.index.Stats().Passed != before+1 {
		t.Error("the index looked up hundreds of people for a page")
	}
}

// A viewer who has picked other interests in another process sees at once who shares them, although
// the store has the ranks of those on the page as the index has them.
func TestAViewerWhoChangedElsewhere(t *testing.T) {
	p := newScene(t, 3, 1)
	for person := range p.people {
		p.profiles[person].IsSearchable = true
	}
	p.save(p.store, 0)
	p.save(p.store, 1)
	p.save(p.store, 2, p.interests[0].ID)
	p.build()
	q := matching.Query{Viewer: p.people[0].ID}
	if found := p.finds("without interests", q, nil, 1); found[0].Profile.ID != p.profiles[1].ID {
		t.Errorf("found %+v first, want the one with the lowest id", found)
	}
	p.save(p.store, 0, p.interests[0].ID)
	p.passes("with an interest that the index does not know of")
	if found := p.search(p.index, q, nil, 1); found[0].Profile.ID != p.profiles[2].ID {
		t.Errorf("found %+v first, want the one who shares the interest", found)
	}
	p.catchUp()
	p.finds("with the interest", q, nil, 1)
}

// Searches go to the store when the index is too far behind, and come back.
func TestStaleness(t *testing.T) {
	p := newScene(t, 3, 1)
	for person := range p.people {
		p.profiles[person].IsSearchable = true
		p.save(p.store, person)
	}
	p.passes("before the index is built")
	p.build()
	q := matching.Query{Viewer: p.people[0].ID}
	p.catchUp()
	p.finds("at first", q, nil, 10)

	p.clock.Add(2)
	p.finds("two seconds later", q, nil, 10)
	p.clock.Add(1)
	p.passes("three seconds later")
	if got := p.index.Stats(); got.Stale != 3*time.Second || got.Profiles != 3 {
		t.Errorf("the index is %v behind with %d profiles, want 3s and 3", got.Stale, got.Profiles)
	}
	p.catchUp()
	p.finds("after the events were read", q, nil, 10)

	p.save(p.store, 1) // its event waits for a position
	p.clock.Add(3)
	if err := p.follower.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.passes("when no one numbers events")
	p.catchUp()
	p.finds("when the events were numbered", q, nil, 10)

	if err := p.index.Run(t.Context(), uow.Snapshot, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Matching().Search(ctx, q, nil, 10)
		return err
	}); err != nil {
		t.Error(err)
	}
}

// failing is a runner that fails while it is told to.
type failing struct {
	uow.Runner[ports.Tx]
	reads atomic.Bool // fail
}

var errAway = errors.New("the store is away")

func (f *failing) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	if mode == uow.Read && f.reads.Load() {
		return errAway
	}
	return f.Runner.Run(ctx, mode, fn)
}

// If a change of this process cannot be read after its commit, searches go to the store until its
// event was read.
func TestAChangeThatWasNotRead(t *testing.T) {
	p := newScene(t, 3, 1)
	store := &failing{Runner: p.store}
	var err error
	if p.index, err = New(Deps{Runner: store, Clock: p.index.clock, Policy: DefaultPolicy()}); err != nil {
		t.Fatal(err)
	}
	p.build()
	p.clock.Add(1)
	p.profiles[1].IsSearchable = true
	store.reads.Store(true)
	p.save(p.index, 1)
	store.reads.Store(false)
	p.passes("after the change")
	p.clock.Add(1)
	p.catchUp()
	if found := p.finds("after its event", matching.Query{Viewer: p.people[0].ID}, nil, 10); len(found) != 1 {
		t.Errorf("found %d people, want 1", len(found))
	}
}

// Follow builds the index, keeps it up to date, builds it anew after the store was away for too
// long, and leaves nothing behind.
func TestFollow(t *testing.T) {
	defer goleak.VerifyNone(t)
	p := newScene(t, 3, 1)
	store := &failing{Runner: p.store}
	policy := Policy{MaxStale: time.Minute, LookEvery: 10 * time.Millisecond, Patience: time.Second, RetryEvery: 10 * time.Millisecond, MaxProfiles: 3}
	var err error
	if p.index, err = New(Deps{Runner: store, Clock: p.index.clock, Policy: policy}); err != nil {
		t.Fatal(err)
	}
	p.profiles[1].IsSearchable = true
	p.save(p.store, 1)
	ctx, stop := context.WithCancel(t.Context())
	var lost atomic.Int64
	ended := make(chan error, 2)
	for range 2 { // the second one waits
		go func() {
			ended <- p.index.Follow(ctx, func(err error) {
				if errors.Is(err, errLate) || errors.Is(err, errFull) {
					lost.Add(1)
				} else if !errors.Is(err, errAway) {
					t.Error(err)
				}
			})
		}()
	}
	wait := func(what string, until func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !until(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("waited in vain until %s", what)
			}
		}
	}
	q := matching.Query{Viewer: p.people[0].ID}
	answers := func(n int) func() bool {
		return func() bool {
			before := p.index.Stats().Answered
			if store.reads.Load() {
				return false
			}
			found := p.search(p.index, q, nil, 10)
			return p.index.Stats().Answered > before && len(found) == n
		}
	}
	wait("the index answers", answers(1))
	p.profiles[2].IsSearchable = true
	p.save(p.store, 2)
	p.change(p.store, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Events().Number(ctx, 10)
		return err
	})
	wait("the index has read an event", answers(2))

	store.reads.Store(true)
	wait("the index is lost", func() bool { return lost.Load() > 0 })
	if got := p.index.Stats(); got.Profiles != 0 || got.Stale != 0 {
		t.Errorf("an index that was lost has %+v", got)
	}
	store.reads.Store(false)
	wait("the index is built again", answers(2))

	p.save(p.store, 0)
	p.change(p.store, func(ctx context.Context, tx ports.Tx) error {
		u := users.User{ID: id.User(p.ids.Next()), Name: "too many", Email: "too@example.org", Role: users.RoleUser, IsActive: true, Version: 1, CreatedAt: noon, UpdatedAt: noon}
		if _, err := tx.Users().Add(ctx, u, users.NewPasswordHash("a hash")); err != nil {
			return err
		}
		if err := tx.Matching().SaveProfile(ctx, matching.Profile{ID: id.Profile(p.ids.Next()), UserID: u.ID}, nil); err != nil {
			return err
		}
		if err := p.tell(ctx, tx, events.ProfileChanged{UserID: u.ID}); err != nil {
			return err
		}
		_, err := tx.Events().Number(ctx, 10)
		return err
	})
	before := lost.Load()
	wait("the index is full", func() bool { return lost.Load() > before })
	p.passes("more profiles than there is room for")
	stop()
	for range 2 {
		if err := <-ended; err != nil {
			t.Errorf("Follow = %v", err)
		}
	}
	p.passes("after the end of Follow")
}

func TestNew(t *testing.T) {
	if _, err := New(Deps{Policy: DefaultPolicy()}); !errors.Is(err, fault.Internal) {
		t.Errorf("New without a runner = %v", err)
	}
	_, err := New(Deps{Runner: memory.New()})
	invalid, ok := errors.AsType[*fault.Error](err)
	if !ok || !errors.Is(err, fault.Invalid) || len(invalid.Fields) != 5 {
		t.Errorf("New with a policy of zeros = %v", err)
	}
}
