package edge

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/cicerone-go/cicerone/core/live"
	"github.com/cicerone-go/cicerone/core/users"
)

// Heartbeat is how often a stream without events sends something.
const Heartbeat = 15 * time.Second

// Follow passes the events of a stream to tell until the stream ends. It calls tell at the beginning,
// for events, and every [Heartbeat] without any, with the events, if there are any, and the position
// after which the stream continues. Follow returns nil if the client has to connect again: the stream
// has lasted long enough, is closing, was too slow, or its session has ended. If the next connection is
// refused, its error says why. Errors: those of tell and of the stream.
func (l StreamLimits) Follow(
	ctx context.Context, s *live.Stream, tell func(items []*live.Item, position int64) error,
) error {
	lasting := ctx
	if l.Longest > 0 {
		var cancel context.CancelFunc
		lasting, cancel = context.WithTimeout(ctx, l.Longest/2+rand.N(l.Longest/2+1)) // #nosec G404 -- jitter need not be unpredictable
		defer cancel()
	}
	for wait := time.Duration(0); ; wait = Heartbeat {
		items, position, err := s.Next(lasting, wait)
		switch {
		case errors.Is(err, users.ErrNotSignedIn), errors.Is(err, live.ErrSlow), errors.Is(err, live.ErrClosed), lasting.Err() != nil && ctx.Err() == nil:
			return nil
		case err != nil:
			return err
		}
		if err := tell(items, position); err != nil {
			return err
		}
	}
}
