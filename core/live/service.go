package live

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
)

// Tx holds the repositories that this domain uses in a unit of work: events, users and moderation.
type Tx = moderation.Tx

// Relay tells when events were numbered. events.Relay is one.
type Relay interface {
	// Watch returns a channel that receives a value soon after events were numbered, until stop is
	// called.
	Watch() (woken <-chan struct{}, stop func())
}

// Deps are the parts of a Service.
type Deps struct {
	Store  *uow.Store[Tx]
	Relay  Relay       // nil means that each event is found after Policy.LookEvery at most
	Clock  clock.Clock // nil means the system clock
	Policy Policy
	Users  users.Policy // how long sessions last

	// Seen is called while a user reads a stream: when it begins, and then about once a minute for
	// each stream, and sooner after an error. nil calls nothing.
	Seen func(ctx context.Context, user id.User) error
}

// The errors with which streams end.
var (
	// ErrClosed is returned after Close.
	ErrClosed = fault.New(fault.Unavailable, "shutting_down", "the server is shutting down")

	// ErrSlow is returned by a stream whose client reads too slowly.
	ErrSlow = errors.New("live: the client reads too slowly")

	errLate = fault.New(fault.Unavailable, string(fault.Unavailable), "events could not be read for a while")
)

// Service opens streams. It is safe for concurrent use. It reads the store while there are streams, and
// for a minute more.
type Service struct {
	deps     Deps
	starting chan struct{} // holds a value while a reader is started
	readers  sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	reader  *reader // nil if none runs
	streams map[id.User]map[*Stream]bool
	stats   Stats
}

// NewService returns a Service. Errors: fault.Internal if the store is nil, fault.Invalid with the
// names of the fields if the policy is not valid.
func NewService(d Deps) (*Service, error) {
	if d.Store == nil {
		return nil, fault.Missing("a live service", struct{ Store any }{})
	}
	if d.Clock == nil {
		d.Clock = clock.System()
	}
	var f fault.Fields
	d.Policy.Check(&f)
	if err := f.Err(); err != nil {
		return nil, err
	}
	return &Service{deps: d, starting: make(chan struct{}, 1), streams: map[id.User]map[*Stream]bool{}}, nil
}

// Stats is the present load of a Service, for metrics.
type Stats struct {
	Open    int           // streams
	Dropped int64         // streams that ended because their client read too slowly, in all
	Lag     time.Duration // how old the event was that was told last; 0 if none was
}

// Stats returns the present load. It does not ask the store.
func (s *Service) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Open begins a stream of the caller: after a position that an earlier stream has told, in any
// process, or with what happens from now on if after is nil. If events after the position may be
// missing, the first item of the stream is a Reset. The caller must close the stream. Errors: ErrClosed,
// and those of the store.
func (s *Service) Open(ctx context.Context, caller users.Caller, after *int64) (*Stream, error) {
	for {
		r, err := s.started(ctx)
		if err != nil {
			return nil, err
		}
		stream := &Stream{service: s, caller: caller, limit: s.deps.Policy.Buffer, woken: make(chan struct{}, 1)}
		missed, joined, err := s.join(ctx, r, stream, after)
		switch {
		case err != nil:
			return nil, err
		case joined:
			return stream, stream.begin(ctx, missed)
		}
	}
}

// started returns the reader, and starts one if none runs.
func (s *Service) started(ctx context.Context) (*reader, error) {
	select {
	case s.starting <- struct{}{}:
		defer func() { <-s.starting }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for events to be read: %w", ctx.Err())
	}
	s.mu.Lock()
	r, closed := s.reader, s.closed
	s.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	if r != nil {
		return r, nil
	}
	r, err := newReader(ctx, s)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	s.reader = r
	r.start()
	return r, nil
}

// join adds a stream to a reader, and returns what it has missed after the position, if that is known.
// It reports false if the reader has ended.
func (s *Service) join(ctx context.Context, r *reader, stream *Stream, after *int64) (missed []*Item, joined bool, err error) {
	s.mu.Lock()
	highest := r.position
	s.mu.Unlock()
	if after != nil && *after > highest { // the stream before may have been in a process that is ahead
		if highest, err = s.highest(ctx); err != nil {
			return nil, false, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reader != r {
		return nil, false, nil
	}
	of := stream.caller.UserID
	if s.streams[of] == nil {
		s.streams[of] = map[*Stream]bool{}
	}
	s.streams[of][stream] = true
	s.stats.Open++
	stream.joined, stream.position = r.position, r.position
	switch {
	case after == nil:
	case *after < r.base || *after > max(highest, r.position):
		missed = []*Item{{Position: r.position, Reset: true}}
	default:
		stream.joined, stream.position = max(*after, r.position), *after
		missed = r.since(of, *after)
	}
	return missed, true, nil
}

// highest returns the highest position that was given to an event.
func (s *Service) highest(ctx context.Context) (highest int64, err error) {
	err = s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) error {
		b, err := tx.Events().Backlog(ctx)
		highest = b.Highest
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read the highest position: %w", err)
	}
	return highest, nil
}

// leave removes a stream.
func (s *Service) leave(stream *Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := stream.caller.UserID
	if !s.streams[of][stream] {
		return
	}
	s.stats.Open--
	if delete(s.streams[of], stream); len(s.streams[of]) == 0 {
		delete(s.streams, of)
	}
	if s.stats.Open == 0 && s.reader != nil {
		s.reader.idle = time.Now()
	}
}

// all returns the streams that are open. The caller has the mutex.
func (s *Service) all() (all []*Stream) {
	for _, of := range s.streams {
		for stream := range of {
			all = append(all, stream)
		}
	}
	return all
}

// Close ends all streams and the reading of events, and refuses others. It may be called more than once.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	r := s.reader
	s.mu.Unlock()
	if r != nil {
		r.end(ErrClosed)
	}
	s.readers.Wait()
}
