package edge

import (
	"context"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
)

// BodyLimits are the limits of the bodies of requests: of the bytes that the server holds until the
// requests are answered, and of the time in which they arrive. The zero value sets no limits.
type BodyLimits struct {
	Total     int64 // bytes of all bodies; 0 means no limit
	Reserve   int64 // the part of Total that only bodies of at most SmallBody bytes may use
	PerCaller int64 // bytes of the bodies of one caller, and the same part of Reserve; 0 means no limit

	// A client that sends fewer than MinRate bytes per second, over the time Over in which the
	// server waits for it, is refused. If one of the two is 0, a body may take any time.
	MinRate int64
	Over    time.Duration
}

// SmallBody is the greatest size of a body that may use the reserve: 64 KiB.
const SmallBody = 64 << 10

// The errors of a body for which there is no room.
var (
	ErrBodiesBusy = &fault.Error{Kind: fault.Unavailable, Code: "bodies_busy", RetryAfter: 5 * time.Second,
		Detail: "the server has no room for this now: try again later"}
	ErrBodyShare = &fault.Error{Kind: fault.Unavailable, Code: "body_share_used", RetryAfter: 5 * time.Second,
		Detail: "the server has no room for more of your requests at the same time: wait until some are answered"}
)

// bodies counts the bytes of the bodies that are held.
type bodies struct {
	limits     BodyLimits
	smallShare int64 // of one caller

	mu         sync.Mutex
	all, large int64
	byCaller   map[string]*heldBodies
}

// heldBodies are the bodies of one caller.
type heldBodies struct {
	count, all, small int64
}

func newBodies(l BodyLimits) *bodies {
	b := &bodies{limits: l, byCaller: map[string]*heldBodies{}}
	if l.Total > 0 && l.PerCaller > 0 {
		b.smallShare = int64(float64(l.PerCaller) / float64(l.Total) * float64(l.Reserve))
	}
	return b
}

// BeginBody begins the reading of a body that has at most the given number of bytes. The caller is
// the signed-in user, or else the address; an IPv6 /64 counts as one address. charge counts bytes
// that were read, so that a body that does not arrive costs nothing. It returns ErrBodiesBusy or
// ErrBodyShare if there is no room for them. end gives all of them back, and must be called once,
// when the body and what was decoded from it are no longer held. A request that has arrived gives
// its place back if that takes long: see [Gate.Arrive].
func (g *Gate) BeginBody(ctx context.Context, most int64) (charge func(bytes int) error, end func()) {
	g.pause(ctx)
	var key string
	if caller, ok := CallerFrom(ctx); ok {
		key = "user " + caller.UserID.String()
	} else {
		key = "address " + network(CallFrom(ctx).Address)
	}
	return g.bodies.begin(key, most <= SmallBody)
}

func (b *bodies) begin(key string, small bool) (charge func(bytes int) error, end func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	held := b.byCaller[key]
	if held == nil {
		held = &heldBodies{}
		b.byCaller[key] = held
	}
	held.count++
	var charged int64
	add := func(n int64) {
		charged += n
		b.all += n
		held.all += n
		if small {
			held.small += n
		} else {
			b.large += n
		}
	}
	charge = func(bytes int) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		n, l := int64(bytes), b.limits
		switch {
		case l.PerCaller > 0 && held.all+n > l.PerCaller, small && b.smallShare > 0 && held.small+n > b.smallShare:
			return ErrBodyShare
		case l.Total > 0 && (b.all+n > l.Total || !small && b.large+n > l.Total-l.Reserve):
			return ErrBodiesBusy
		}
		add(n)
		return nil
	}
	return charge, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		add(-charged)
		if held.count--; held.count == 0 {
			delete(b.byCaller, key)
		}
	}
}
