package live

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/users"
)

// Item is one thing that a stream tells.
type Item struct {
	Position int64        // of the event; a stream of the same user can begin after it
	Reset    bool         // there is no event, but some may be missing: the client reads its lists again
	Event    events.Event // zero for a Reset
}

// Stream is what one client of a user is told. One goroutine may use it at a time.
type Stream struct {
	service *Service
	caller  users.Caller
	joined  int64 // the reader tells events after this position; earlier ones are missed

	mu       sync.Mutex
	queue    []*Item
	limit    int   // of the queue
	position int64 // all events up to here were told or are in the queue
	ended    error
	woken    chan struct{}

	seen time.Time // when Deps.Seen was called
}

// begin queues what the stream has missed, as far as its user may see it.
func (s *Stream) begin(ctx context.Context, missed []*Item) error {
	viewer, seen, pairs := s.caller.UserID, sights{}, map[pair]bool{}
	for _, i := range missed {
		if _, known := seen.visible(viewer, i.Event.Data); !known {
			p, _ := asks(viewer, i.Event.Data)
			pairs[p] = true
		}
	}
	if len(pairs) > 0 {
		err := s.service.deps.Store.View(ctx, func(ctx context.Context, tx Tx) error { return seen.look(ctx, tx, pairs) })
		if err != nil {
			s.Close()
			return fmt.Errorf("look at who has written: %w", err)
		}
	}
	var queue []*Item
	for _, i := range missed {
		if visible, _ := seen.visible(viewer, i.Event.Data); visible {
			queue = append(queue, i)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(queue, s.queue...)
	s.limit += len(queue)
	s.position = max(s.position, s.joined)
	return nil
}

// tell queues events, and moves the stream to the position of the last event that was read.
func (s *Stream) tell(items []*Item, position int64) (ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return true
	}
	for _, i := range items {
		if i.Position > s.joined {
			s.queue = append(s.queue, i)
		}
	}
	if len(s.queue) > s.limit {
		s.ended, s.queue = ErrSlow, nil
	} else if s.position = max(s.position, position); len(s.queue) == 0 {
		return true
	}
	s.wake()
	return s.ended == nil
}

func (s *Stream) wake() {
	select {
	case s.woken <- struct{}{}:
	default: // it is awake
	}
}

// end ends the stream with an error, unless it has one.
func (s *Stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.ended = err
		s.wake()
	}
}

// seenEvery is how often Deps.Seen is called for a stream.
const seenEvery = time.Minute

// Next waits for items, at most for a time, and returns them, in ascending order of position. position
// is that after which a stream can begin when the items were told; it also ascends without items.
// Errors: users.ErrNotSignedIn if the session or the account is not active any more; ErrSlow; ErrClosed;
// the error of the store if it was unreachable for Policy.Patience; ctx.Err().
func (s *Stream) Next(ctx context.Context, wait time.Duration) (items []*Item, position int64, err error) {
	if seen := s.service.deps.Seen; seen != nil && time.Since(s.seen) >= seenEvery && seen(ctx, s.caller.UserID) == nil {
		s.seen = time.Now()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		items, position, err := s.take()
		if len(items) > 0 || err != nil {
			return items, position, err
		}
		select {
		case <-s.woken:
		case <-timer.C:
			return s.take()
		case <-ctx.Done():
			return nil, position, fmt.Errorf("wait for events: %w", ctx.Err())
		}
	}
}

func (s *Stream) take() (items []*Item, position int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return nil, s.position, s.ended
	}
	items, s.queue, s.limit = s.queue, nil, s.service.deps.Policy.Buffer
	return items, s.position, nil
}

// Close ends the stream. It may be called more than once.
func (s *Stream) Close() { s.service.leave(s) }
