package matchindex

import (
	"context"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"pgregory.net/rapid"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

var noon = time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)

// scene is a store with an index, which is followed by hand.
type scene struct {
	rapid.TB
	store     *memory.Store
	index     *Index
	follower  *follower
	clock     *atomic.Int64 // seconds after noon
	ids       *id.Generator
	people    []users.User
	profiles  []matching.Profile
	interests []matching.Interest
	seq       int64
}

func newScene(t rapid.TB, people, interests int) *scene {
	p := &scene{TB: t, store: memory.New(), clock: new(atomic.Int64), ids: id.NewGenerator(nil)}
	now := clock.Clock(func() time.Time { return noon.Add(time.Duration(p.clock.Load()) * time.Second) })
	var err error
	if p.index, err = New(Deps{Runner: p.store, Clock: now, Policy: DefaultPolicy()}); err != nil {
		t.Fatal(err)
	}
	p.change(p.store, func(ctx context.Context, tx ports.Tx) error {
		for i := range interests {
			topic := matching.Interest{ID: id.Interest(p.ids.Next()), Name: fmt.Sprint("interest ", i), IsActive: true, Version: 1}
			p.interests = append(p.interests, topic)
			if _, err := tx.Matching().AddInterest(ctx, topic); err != nil {
				return err
			}
		}
		for i := range people {
			u := users.User{
				ID: id.User(p.ids.Next()), Name: fmt.Sprint("user ", i), Email: fmt.Sprint(i, "@example.org"), Role: users.RoleUser,
				IsActive: true, Version: 1, CreatedAt: noon, UpdatedAt: noon,
			}
			p.people, p.profiles = append(p.people, u), append(p.profiles, matching.Profile{ID: id.Profile(p.ids.Next()), UserID: u.ID})
			if _, err := tx.Users().Add(ctx, u, users.NewPasswordHash("a hash")); err != nil {
				return err
			}
		}
		return nil
	})
	return p
}

// change runs a unit in a runner, which must succeed.
func (p *scene) change(in uow.Runner[ports.Tx], fn func(ctx context.Context, tx ports.Tx) error) {
	p.Helper()
	if err := in.Run(context.Background(), uow.Write, fn); err != nil {
		p.Fatal(err)
	}
}

func (p *scene) tell(ctx context.Context, tx ports.Tx, d events.Data) error {
	p.seq++
	return events.Add(ctx, tx, p.ids, noon.Add(time.Duration(p.clock.Load())*time.Second), p.seq, d)
}

// save saves the profile of a person.
func (p *scene) save(in uow.Runner[ports.Tx], person int, picked ...id.Interest) {
	p.Helper()
	p.change(in, func(ctx context.Context, tx ports.Tx) error {
		if err := tx.Matching().SaveProfile(ctx, p.profiles[person], picked); err != nil {
			return err
		}
		return p.tell(ctx, tx, events.ProfileChanged{UserID: p.people[person].ID})
	})
}

// activate makes an account active or not.
func (p *scene) activate(in uow.Runner[ports.Tx], person int, active bool) {
	p.Helper()
	u := &p.people[person]
	p.change(in, func(ctx context.Context, tx ports.Tx) error {
		u.IsActive = active
		if err := tx.Users().Save(ctx, *u); err != nil {
			return err
		}
		u.Version++
		if active {
			return p.tell(ctx, tx, events.UserReactivated{UserID: u.ID})
		}
		return p.tell(ctx, tx, events.UserDeactivated{UserID: u.ID})
	})
}

// drop removes a profile. A later one of the same user has another id.
func (p *scene) drop(in uow.Runner[ports.Tx], person int) {
	p.Helper()
	p.change(in, func(ctx context.Context, tx ports.Tx) error {
		if err := tx.Matching().DropProfile(ctx, p.people[person].ID); err != nil {
			return err
		}
		return p.tell(ctx, tx, events.UserErased{UserID: p.people[person].ID})
	})
	p.profiles[person].ID = id.Profile(p.ids.Next())
}

// toggle makes an interest active or not.
func (p *scene) toggle(in uow.Runner[ports.Tx], interest int) {
	p.Helper()
	i := &p.interests[interest]
	p.change(in, func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Matching().HoldInterest(ctx, i.ID); err != nil {
			return err
		}
		i.Version, i.IsActive = i.Version+1, !i.IsActive
		if _, err := tx.Matching().SaveInterest(ctx, *i); err != nil {
			return err
		}
		return p.tell(ctx, tx, events.InterestChanged{InterestID: i.ID})
	})
}

func (p *scene) block(user, other int) {
	p.Helper()
	p.change(p.store, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Moderation().Block(ctx, moderation.Block{UserID: p.people[user].ID, BlockedUserID: p.people[other].ID, CreatedAt: noon})
		return err
	})
}

// build builds the index, as Follow does.
func (p *scene) build() {
	p.Helper()
	p.follower = &follower{index: p.index, report: func(err error) { p.Error(err) }, readAt: time.Now()}
	for _, step := range []func(context.Context) error{p.follower.begin, p.follower.build, p.follower.look} {
		if err := step(context.Background()); err != nil {
			p.Fatal(err)
		}
	}
	p.index.built = true
}

// catchUp gives all events positions, and lets the index read them.
func (p *scene) catchUp() {
	p.Helper()
	p.change(p.store, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Events().Number(ctx, 10_000)
		return err
	})
	if err := p.follower.look(context.Background()); err != nil {
		p.Fatal(err)
	}
}

func (p *scene) search(in uow.Runner[ports.Tx], q matching.Query, after *matching.Rank, limit int) (found []matching.Match) {
	p.Helper()
	err := in.Run(context.Background(), uow.Read, func(ctx context.Context, tx ports.Tx) (err error) {
		found, err = tx.Matching().Search(ctx, q, after, limit)
		return err
	})
	if err != nil {
		p.Fatal(err)
	}
	return found
}

// finds fails the test unless the index answers a search, and just as the store does.
func (p *scene) finds(what string, q matching.Query, after *matching.Rank, limit int) []matching.Match {
	p.Helper()
	before := p.index.Stats()
	got, want := p.search(p.index, q, after, limit), p.search(p.store, q, after, limit)
	if p.index.Stats().Answered != before.Answered+1 {
		p.Fatalf("%s: the index did not answer %+v", what, q)
	}
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		p.Fatalf("%s: the search %+v after %v found\n%+v\nin the index, and in the store\n%+v", what, q, after, got, want)
	}
	return got
}

// passes fails the test unless a search goes to the store.
func (p *scene) passes(what string) {
	p.Helper()
	before := p.index.Stats()
	p.search(p.index, matching.Query{Viewer: p.people[0].ID}, nil, 10)
	if now := p.index.Stats(); now.Passed != before.Passed+1 || now.Answered != before.Answered {
		p.Errorf("%s: %+v after %+v, want one more search that went to the store", what, now, before)
	}
}
