package matchindex

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/ports"
)

const (
	profilesAtOnce = 1000 // are read by one statement
	eventsAtOnce   = 500
	usersAtOnce    = 50 // are read in one turn

	settleTime = time.Second // in which a unit's changes are read after its commit
)

// errLate is returned if events may have been removed before they were read.
var errLate = errors.New("matchindex: events could not be read for a while")

// errFull is returned if there are more profiles than Policy.MaxProfiles.
var errFull = errors.New("matchindex: there are more profiles than Policy.MaxProfiles")

// changes are what events say has to be read.
type changes struct {
	users     map[id.User]bool
	interests map[id.Interest]bool
}

func (c *changes) none() bool { return len(c.users)+len(c.interests) == 0 }

// note notes what an event has changed. Blocks are not in the index.
func (c *changes) note(d events.Data) {
	switch d := d.(type) {
	case events.ProfileChanged:
		c.user(d.UserID)
	case events.UserErased:
		c.user(d.UserID)
	case events.UserSanctioned:
		c.user(d.UserID)
	case events.UserDeactivated:
		c.user(d.UserID)
	case events.UserReactivated:
		c.user(d.UserID)
	case events.InterestChanged:
		if c.interests == nil {
			c.interests = map[id.Interest]bool{}
		}
		c.interests[d.InterestID] = true
	}
}

func (c *changes) user(u id.User) {
	if c.users == nil {
		c.users = map[id.User]bool{}
	}
	c.users[u] = true
}

// Follow builds the index, and then reads the events of the store, until ctx ends; then it returns
// nil. It calls report for each failure. If the index is lost, because the store could not be
// reached for Policy.Patience, Follow builds it again after Policy.RetryEvery. One call works at a
// time, and others wait. When Follow ends, the index is given up.
func (x *Index) Follow(ctx context.Context, report func(error)) error {
	select {
	case x.follower <- struct{}{}:
		defer func() { <-x.follower }()
	case <-ctx.Done():
		return nil
	}
	for {
		f := &follower{index: x, report: report, readAt: time.Now()}
		err := f.run(ctx)
		x.mu.Lock()
		x.table, x.built = nil, false
		x.mu.Unlock()
		if ctx.Err() != nil {
			return nil
		}
		report(fmt.Errorf("index profiles: %w", err))
		select {
		case <-time.After(x.policy.RetryEvery):
		case <-ctx.Done():
			return nil
		}
	}
}

// follower builds and follows one table.
type follower struct {
	index    *Index
	report   func(error)
	position int64     // of the last event that was read
	readAt   time.Time // when the last time began that all events were read
}

// run returns why the index was lost.
func (f *follower) run(ctx context.Context) error {
	x := f.index
	if err := f.insist(ctx, f.begin); err != nil {
		return err
	}
	if err := f.build(ctx); err != nil {
		return err
	}
	for built := false; ; built = true {
		if err := f.insist(ctx, f.look); err != nil {
			return err
		}
		if !built {
			x.mu.Lock()
			x.built = true
			x.mu.Unlock()
		}
		if err := rest(ctx, x.policy.LookEvery); err != nil {
			return err
		}
	}
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// insist calls do until it succeeds, or until events have not been read for Policy.Patience. Errors
// of the index itself are final.
func (f *follower) insist(ctx context.Context, do func(ctx context.Context) error) error {
	for {
		limited, cancel := context.WithDeadline(ctx, f.readAt.Add(f.index.policy.Patience))
		err := do(limited)
		late := limited.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case late:
			return errors.Join(errLate, err)
		case err == nil:
			return nil
		case errors.Is(err, errFull), errors.Is(err, errTooMany):
			return err
		}
		f.report(fmt.Errorf("index profiles: %w", err))
		if err := rest(ctx, f.index.policy.LookEvery); err != nil {
			return err
		}
	}
}

// begin makes an empty table, into which everything is read that is committed from now on.
func (f *follower) begin(ctx context.Context) error {
	x := f.index
	b, err := view(ctx, x, func(ctx context.Context, tx ports.Tx) (events.Backlog, error) { return tx.Events().Backlog(ctx) })
	if err != nil {
		return err
	}
	f.position = b.Highest
	x.mu.Lock()
	defer x.mu.Unlock()
	x.table = newTable()
	return nil
}

// build reads all interests and profiles, and between their pages the events.
func (f *follower) build(ctx context.Context) error {
	x := f.index
	var after *matching.NamePlace
	for full := true; full; {
		err := f.insist(ctx, func(ctx context.Context) error {
			return x.inTurn(ctx, func(t *table) error {
				found, err := view(ctx, x, func(ctx context.Context, tx ports.Tx) ([]matching.Interest, error) {
					return tx.Matching().AllInterests(ctx, false, after, page.MaxLimit)
				})
				if full = len(found) == page.MaxLimit; full {
					last := matching.PlaceOfInterest(found[len(found)-1])
					after = &last
				}
				return errors.Join(err, x.put(t, found, nil))
			})
		})
		if err != nil {
			return err
		}
	}
	var last id.Profile
	for full := true; full; {
		err := f.insist(ctx, func(ctx context.Context) error {
			return x.inTurn(ctx, func(t *table) error {
				found, err := view(ctx, x, func(ctx context.Context, tx ports.Tx) ([]matching.Candidate, error) {
					return tx.Matching().Candidates(ctx, last, profilesAtOnce)
				})
				if full = len(found) == profilesAtOnce; full {
					last = found[len(found)-1].Profile
				}
				return errors.Join(err, x.put(t, nil, found))
			})
		})
		if err != nil {
			return err
		}
		if time.Since(f.readAt) >= x.policy.LookEvery {
			if err := f.insist(ctx, f.look); err != nil {
				return err
			}
		}
	}
	return nil
}

// view returns what read has read, in a unit of work.
func view[T any](ctx context.Context, x *Index, read func(context.Context, ports.Tx) (T, error)) (all T, err error) {
	err = x.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		all, err = read(ctx, tx)
		return err
	})
	if err != nil {
		return *new(T), fmt.Errorf("read the store: %w", err)
	}
	return all, nil
}

// look reads all events that were numbered, and then what they say has changed. The table has then
// what was committed before look began, or before the first event that has no position yet.
func (f *follower) look(ctx context.Context) error {
	x := f.index
	began, fresh := time.Now(), x.clock.Now()
	backlog, err := view(ctx, x, func(ctx context.Context, tx ports.Tx) (events.Backlog, error) { return tx.Events().Backlog(ctx) })
	if err != nil {
		return err
	}
	if !backlog.Oldest.IsZero() && backlog.Oldest.Before(fresh) {
		fresh = backlog.Oldest
	}
	for full := true; full; {
		numbered, err := view(ctx, x, func(ctx context.Context, tx ports.Tx) ([]events.Numbered, error) {
			return tx.Events().After(ctx, f.position, eventsAtOnce)
		})
		if err != nil {
			return err
		}
		var c changes
		for _, e := range numbered {
			c.note(e.Data)
		}
		if err := x.read(ctx, c); err != nil {
			return err
		}
		if full = len(numbered) == eventsAtOnce; len(numbered) > 0 {
			f.position = numbered[len(numbered)-1].Position
		}
	}
	f.readAt = began
	x.mu.Lock()
	defer x.mu.Unlock()
	x.fresh = fresh
	return nil
}

// settle reads what a unit of this process has changed. It does so for all who search after the
// unit has ended, also if its caller does not wait any more, and outside of any transaction of the
// caller.
func (x *Index) settle(c changes) {
	x.mu.RLock()
	follows := x.table != nil
	x.mu.RUnlock()
	if !follows {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	if err := x.read(ctx, c); err != nil { // searches go to the store until look has found the events
		x.mu.Lock()
		defer x.mu.Unlock()
		x.doubt = x.clock.Now()
	}
}

// inTurn calls do while no one else reads and puts, with the table that is followed. It does
// nothing if none is.
func (x *Index) inTurn(ctx context.Context, do func(*table) error) error {
	select {
	case x.turn <- struct{}{}:
		defer func() { <-x.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait for others to index profiles: %w", ctx.Err())
	}
	x.mu.RLock()
	t := x.table
	x.mu.RUnlock()
	if t == nil {
		return nil
	}
	return do(t)
}

// present is what the store has of users and interests at present.
type present struct {
	profiles  []matching.Candidate
	gone      []id.User // who have no profile
	interests []matching.Interest
}

// read reads users and interests, and puts them into the table.
func (x *Index) read(ctx context.Context, c changes) error {
	users, interests := slices.Collect(maps.Keys(c.users)), slices.Collect(maps.Keys(c.interests))
	for len(users)+len(interests) > 0 {
		now := users[:min(len(users), usersAtOnce)]
		err := x.inTurn(ctx, func(t *table) error {
			p, err := view(ctx, x, func(ctx context.Context, tx ports.Tx) (present, error) { return look(ctx, tx, now, interests) })
			if err != nil {
				return err
			}
			x.mu.Lock()
			for _, u := range p.gone {
				t.remove(u)
			}
			x.mu.Unlock()
			return x.put(t, p.interests, p.profiles)
		})
		if err != nil {
			return err
		}
		users, interests = users[len(now):], nil
	}
	return nil
}

// look reads users and interests.
func look(ctx context.Context, tx ports.Tx, users []id.User, interests []id.Interest) (p present, err error) {
	if len(interests) > 0 {
		if p.interests, err = tx.Matching().Interests(ctx, interests...); err != nil {
			return p, err
		}
	}
	for _, u := range users {
		profile, picked, err := tx.Matching().Profile(ctx, u)
		if errors.Is(err, fault.NotFound) {
			p.gone = append(p.gone, u)
			continue
		}
		if err != nil {
			return p, err
		}
		account, err := tx.Users().User(ctx, u)
		if err != nil {
			return p, err
		}
		c := matching.Candidate{
			Profile: profile.ID, UserID: u, Country: profile.Country, City: profile.City, Age: profile.Age,
			Findable: profile.IsSearchable && account.IsActive,
		}
		for _, i := range picked {
			c.Interests = append(c.Interests, i.ID)
		}
		p.profiles = append(p.profiles, c)
	}
	return p, nil
}

// put puts interests and profiles into the table.
func (x *Index) put(t *table, interests []matching.Interest, profiles []matching.Candidate) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, i := range interests {
		if err := t.putInterest(i); err != nil {
			return err
		}
	}
	for _, c := range profiles {
		if err := t.put(c); err != nil {
			return err
		}
	}
	if len(t.ids) > x.policy.MaxProfiles {
		return errFull
	}
	return nil
}
