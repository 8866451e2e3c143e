package live

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
)

const (
	readAtOnce = 500
	lingerTime = time.Minute // in which a reader goes on without streams
)

// reader reads the events of the store for all streams of a Service, one after another.
type reader struct {
	service *Service
	ctx     context.Context // ends with the reader
	cancel  context.CancelFunc
	checks  *checks

	// The mutex of the Service guards what follows.
	position int64   // of the last event that was read
	base     int64   // recent has every event of a user after it
	recent   []entry // in ascending order of position
	idle     time.Time

	readAt time.Time // when the last time began that everything was read
}

// entry is an event that concerns users.
type entry struct {
	*Item
	of []id.User
}

// newReader returns a reader that has read the latest events.
func newReader(ctx context.Context, s *Service) (*reader, error) {
	r := &reader{service: s, idle: time.Now()}
	highest, err := s.highest(ctx)
	if err != nil {
		return nil, err
	}
	r.position = max(highest-int64(s.deps.Policy.Recent), 0)
	whole := false
	begun := time.Now()
	for full := true; full; {
		r.readAt = time.Now()
		page, err := r.page(ctx)
		if err != nil {
			return nil, err
		}
		young := s.deps.Clock.Now().Add(-s.deps.Policy.Keep * 9 / 10) // the clocks of servers differ
		for _, e := range page {
			if !whole && e.At.After(young) {
				whole, r.base = true, e.Position-1
			}
			if r.position = e.Position; whole {
				r.keep(e)
			}
		}
		full = len(page) == readAtOnce
	}
	if r.position = max(r.position, highest); !whole {
		r.base = r.position
	}
	if time.Since(begun) > min(s.deps.Policy.Keep/10, MinKeep/2) {
		return nil, errLate
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.checks = newChecks(r)
	return r, nil
}

// page reads the next events.
func (r *reader) page(ctx context.Context) (page []events.Numbered, err error) {
	err = r.service.deps.Store.View(ctx, func(ctx context.Context, tx Tx) error {
		page, err = tx.Events().After(ctx, r.position, readAtOnce)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return page, nil
}

// late reports whether the relay may have removed events that were not read.
func (r *reader) late() bool { return time.Since(r.readAt) > r.service.deps.Policy.Patience }

// keep adds an event to the recent ones.
func (r *reader) keep(e events.Numbered) (kept entry, concerns bool) {
	of := audience(e.Data)
	if len(of) == 0 {
		return entry{}, false
	}
	kept = entry{&Item{Position: e.Position, Event: e.Event}, of}
	r.recent = append(r.recent, kept)
	oldest := r.recent[0].Position
	for oldest <= e.Position-int64(r.service.deps.Policy.Recent) {
		r.base, r.recent[0] = oldest, entry{}
		r.recent = r.recent[1:]
		oldest = r.recent[0].Position
	}
	return kept, true
}

// since returns the recent events of a user after a position.
func (r *reader) since(user id.User, position int64) (items []*Item) {
	first, _ := slices.BinarySearchFunc(r.recent, position+1, func(e entry, p int64) int { return int(e.Position - p) })
	for _, e := range r.recent[first:] {
		if slices.Contains(e.of, user) {
			items = append(items, e.Item)
		}
	}
	return items
}

// start reads events and checks sessions until the reader ends.
func (r *reader) start() {
	r.service.readers.Go(r.run)
	r.service.readers.Go(r.checks.run)
}

func (r *reader) run() {
	var woken <-chan struct{}
	if relay := r.service.deps.Relay; relay != nil {
		watched, stop := relay.Watch()
		woken = watched
		defer stop()
	}
	look := time.NewTicker(r.service.deps.Policy.LookEvery)
	defer look.Stop()
	for !r.endIdle() {
		r.attempt(&r.readAt, r.read)
		select {
		case <-r.ctx.Done():
			return
		case <-woken:
		case <-look.C:
		}
	}
}

// attempt calls do, and ends the reader if do has not succeeded for Policy.Patience. at is when the
// last call that succeeded began.
func (r *reader) attempt(at *time.Time, do func(ctx context.Context) error) {
	patience := r.service.deps.Policy.Patience
	begun := time.Now()
	ctx, cancel := context.WithDeadline(r.ctx, at.Add(patience))
	defer cancel()
	err := do(ctx)
	switch {
	case r.ctx.Err() != nil:
	case time.Since(*at) > patience && err == nil:
		r.end(errLate)
	case time.Since(*at) > patience:
		r.end(errLate.Wrap(err))
	case err == nil:
		*at = begun
	}
}

// read reads all events that were numbered, and tells them.
func (r *reader) read(ctx context.Context) error {
	for full := true; full; {
		page, err := r.page(ctx)
		if err != nil {
			return err
		}
		if r.late() {
			return nil // attempt ends the reader
		}
		if len(page) > 0 {
			if err := r.tell(ctx, page); err != nil {
				return err
			}
		}
		full = len(page) == readAtOnce
	}
	return nil
}

// tell tells the streams the events that concern their users, as far as they may see them.
func (r *reader) tell(ctx context.Context, page []events.Numbered) error {
	seen := sights{}
	for {
		pairs := r.hand(page, seen)
		if len(pairs) == 0 {
			return nil
		}
		err := r.service.deps.Store.View(ctx, func(ctx context.Context, tx Tx) error { return seen.look(ctx, tx, pairs) })
		if err != nil {
			return fmt.Errorf("look at who has written: %w", err)
		}
	}
}

// hand hands events to the streams. If it is not known for some streams whether their users see an
// event, it does nothing, and returns what has to be looked up.
func (r *reader) hand(page []events.Numbered, seen sights) (unknown map[pair]bool) {
	s := r.service
	s.mu.Lock()
	defer s.mu.Unlock()
	unknown, told := map[pair]bool{}, map[id.User][]int{}
	for i, e := range page {
		for _, user := range audience(e.Data) {
			if len(s.streams[user]) == 0 {
				continue
			}
			if visible, known := seen.visible(user, e.Data); !known {
				p, _ := asks(user, e.Data)
				unknown[p] = true
			} else if visible {
				told[user] = append(told[user], i)
			}
		}
	}
	if len(unknown) > 0 {
		return unknown
	}
	items := make([]*Item, len(page))
	for i, e := range page {
		if kept, concerns := r.keep(e); concerns {
			items[i] = kept.Item
		}
		if user, may := ended(e.Data); may && len(s.streams[user]) > 0 {
			r.checks.suspect(user)
		}
	}
	r.position = page[len(page)-1].Position
	for user, of := range s.streams {
		mine := make([]*Item, len(told[user]))
		for n, i := range told[user] {
			mine[n] = items[i]
		}
		for stream := range of {
			if !stream.tell(mine, r.position) {
				s.stats.Dropped++
			}
		}
	}
	if len(told) > 0 {
		s.stats.Lag = max(s.deps.Clock.Now().Sub(page[len(page)-1].At), 0)
	}
	return nil
}

// endIdle ends the reader if there have been no streams for a while.
func (r *reader) endIdle() bool {
	s := r.service
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reader == r && (s.stats.Open > 0 || time.Since(r.idle) < lingerTime) {
		return false
	}
	r.stop()
	return true
}

// end ends the reader and all streams.
func (r *reader) end(err error) {
	s := r.service
	s.mu.Lock()
	var streams []*Stream
	if s.reader == r {
		streams = s.all()
	}
	r.stop()
	s.mu.Unlock()
	for _, stream := range streams {
		stream.end(err)
	}
}

// stop ends the reader. The caller has the mutex of the Service.
func (r *reader) stop() {
	if r.cancel(); r.service.reader == r {
		r.service.reader = nil
	}
}
