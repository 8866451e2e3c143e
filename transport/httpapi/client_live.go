package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/transport/edge"
)

// Told is what [Client.Events] tells.
type Told struct {
	// LastID is the id after which another call of Events goes on.
	LastID string

	// Reset says that events may be missing, so that the caller has to read its lists again. All that
	// follows is then zero.
	Reset bool

	ID      id.Event
	Type    events.Type
	Version int64
	At      time.Time
	Data    events.Data // events.Raw if this version of the program does not know its version
}

const (
	// silence is how long a stream may send nothing before the client connects again. The server sends
	// something every 15 s.
	silence = 3 * edge.Heartbeat

	leastPause, mostPause = 500 * time.Millisecond, 30 * time.Second
)

// Events tells what concerns the caller: what has happened after the event with lastID, or from now on
// if it is "". It is meant for a loop that lasts long. If the connection ends, or the server cannot be
// reached or is busy, Events connects again, after a pause that grows, and goes on without loss or
// repeat; for each connection, [kithttp.WithRequestHook] or per-RPC credentials can set a fresh access
// token. It ends with an
// error if the server refuses the request for another reason, and if ctx ends: LastID of the last event
// is then where another call goes on. An HTTP client with a Timeout must not be used.
func (c *Client) Events(ctx context.Context, lastID string) iter.Seq2[Told, error] {
	return func(yield func(Told, error) bool) {
		f := &following{client: c, lastID: lastID, yield: yield}
		for !f.stopped {
			before := f.lastID
			err := f.connect(ctx)
			switch {
			case f.stopped:
				return
			case ctx.Err() != nil:
				yield(Told{}, fmt.Errorf("follow events: %w", ctx.Err()))
				return
			case !passes(err):
				yield(Told{}, err)
				return
			}
			if f.lastID != before {
				f.failed = 0
			}
			f.pause(ctx, err)
		}
	}
}

// ErrNotUnderstood is the failure of a [Transport] whose server sends no events, but something else. A
// further connection would have it, too.
var ErrNotUnderstood = errors.New("the server's events cannot be understood")

// passes reports whether the reason for the end of a connection may pass.
func passes(err error) bool {
	if errors.Is(err, ErrNotUnderstood) {
		return false
	}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Kind == fault.Unavailable || e.Kind == fault.TooManyRequests || e.Kind == fault.Internal
	}
	return true
}

// following is one call of Events.
type following struct {
	client  *Client
	lastID  string
	yield   func(Told, error) bool
	stopped bool          // the caller has left the loop
	failed  int           // connections without anything new
	retry   time.Duration // that the server asks for
}

// connect tells what one connection brings, and returns the reason for its end.
func (f *following) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watch := time.AfterFunc(silence, cancel)
	defer watch.Stop()
	var after *int64
	if f.lastID != "" {
		var last lastEventID
		if err := last.UnmarshalText([]byte(f.lastID)); err != nil {
			return fmt.Errorf("the last id of an event: %w", err)
		}
		after = (*int64)(&last)
	}
	for heard, err := range f.client.transport.Follow(ctx, after) {
		if err != nil {
			return err
		}
		watch.Reset(silence)
		if f.take(heard); f.stopped {
			return nil
		}
	}
	return io.EOF
}

// take handles one message of the stream.
func (f *following) take(h Heard) {
	if h.Retry > 0 {
		f.retry = h.Retry
	}
	if h.LastID != "" {
		f.lastID = h.LastID
	}
	told := Told{LastID: f.lastID, Reset: h.Reset}
	switch e := h.Event; {
	case h.Reset:
	case e == nil:
		return
	default:
		told.ID, told.Type, told.Version, told.At = e.ID, e.Type, e.Version, time.Time(e.At)
		told.Data = events.Decode(e.Type, e.Version, string(e.Data))
	}
	f.stopped = !f.yield(told, nil)
}

// pause waits before the next connection.
func (f *following) pause(ctx context.Context, err error) {
	pause := min(max(leastPause, f.retry)<<min(f.failed, 10), mostPause)
	f.failed++
	pause = pause/2 + rand.N(pause/2) // #nosec G404 -- jitter need not be unpredictable
	if e, ok := errors.AsType[*fault.Error](err); ok {
		pause = max(pause, e.RetryAfter)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
