package edge

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Class is a class of requests by what they cost. Each has a lane, except Cheap.
type Class string

// The classes.
const (
	Cheap   Class = "cheap"   // all other requests: they run when Gate.Arrive has admitted them
	Search  Class = "search"  // reads many rows, for example a search or a list of all users
	Export  Class = "export"  // reads all data of a user
	Live    Class = "live"    // stays open, and tells what happens
	Audit   Class = "audit"   // reads the whole store
	Images  Class = "images"  // holds an image in memory
	Hashing Class = "hashing" // hashes a password, which occupies a core
)

// Classes returns the classes that have lanes.
func Classes() []Class { return []Class{Search, Export, Live, Audit, Images, Hashing} }

// Lanes are the lanes of the classes. ExportLimits has that of Export, and StreamLimits that of Live.
type Lanes struct {
	Search, Audit, Images Lane

	// Hashing shares among two at once: the address of the caller, and the account whose password
	// it is. An account has two shares, so that one address cannot use up what an account has.
	Hashing Lane
}

// DefaultLanes returns lanes for a server with so many cores. Searches take half of them. One core
// or more stays without password hashes, if there are several.
func DefaultLanes(cores int) Lanes {
	most := func(n int) int { return max(n, 1) }
	return Lanes{
		Search:  Lane{AtOnce: most(cores / 2), Each: most(cores / 4), Queue: 64, QueueEach: 8, Wait: 10 * time.Second},
		Audit:   Lane{AtOnce: 1, Each: 1, Queue: 4, QueueEach: 1, Wait: 10 * time.Second},
		Images:  Lane{AtOnce: most(cores), Each: most(cores / 2), Queue: 64, QueueEach: 16, Wait: 10 * time.Second},
		Hashing: Lane{AtOnce: most(cores - 1), Each: most(cores / 2), Queue: 64, QueueEach: 4, Wait: 10 * time.Second},
	}
}

// The errors of Gate.Enter.
var (
	ErrExportRunning = &fault.Error{Kind: fault.TooManyRequests, Code: "export_running", RetryAfter: 10 * time.Second,
		Detail: "another export of yours is running: wait until it has ended"}
	ErrExportsBusy = &fault.Error{Kind: fault.Unavailable, Code: "exports_busy", RetryAfter: 30 * time.Second,
		Detail: "too many exports are running: try again later"}
	ErrTooManyStreams = &fault.Error{Kind: fault.TooManyRequests, Code: "too_many_streams", RetryAfter: 30 * time.Second,
		Detail: "too many streams of yours are open: close one"}
	ErrStreamsBusy = &fault.Error{Kind: fault.Unavailable, Code: "streams_busy", RetryAfter: 30 * time.Second,
		Detail: "too many streams are open: try again later"}
	ErrTooManyAtOnce = &fault.Error{Kind: fault.TooManyRequests, Code: "too_many_at_once", RetryAfter: time.Second,
		Detail: "too many such requests are running or waiting, of yours or to this account: wait until one has ended"}
	ErrBusy = &fault.Error{Kind: fault.Unavailable, Code: "busy", RetryAfter: 2 * time.Second,
		Detail: "the server is busy with such requests: try again later"}
)

func newLanes(l Limits) map[Class]*lane {
	return map[Class]*lane{
		Search:  newLane(l.Lanes.Search, ErrTooManyAtOnce, ErrBusy),
		Export:  newLane(Lane{AtOnce: l.Exports.AtOnce, Each: l.Exports.PerUser}, ErrExportRunning, ErrExportsBusy),
		Live:    newLane(Lane{AtOnce: l.Streams.AtOnce, Each: l.Streams.PerUser}, ErrTooManyStreams, ErrStreamsBusy),
		Audit:   newLane(l.Lanes.Audit, ErrTooManyAtOnce, ErrBusy),
		Images:  newLane(l.Lanes.Images, ErrTooManyAtOnce, ErrBusy),
		Hashing: newLane(l.Lanes.Hashing, ErrTooManyAtOnce, ErrBusy),
	}
}

// Waiting returns how many requests of a class run, and how many wait for a place. Of Cheap, which
// has no lane, both are 0.
func (g *Gate) Waiting(c Class) (running, waiting int) {
	l, ok := g.lanes[c]
	if !ok {
		return 0, 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.running, len(l.waiting)
}

// Enter waits until a request of a class may run, and returns a function that the caller must call
// once, when the request has ended. The context must hold what [Gate.Anyone] or [Gate.SignedIn]
// returned. A caller is the signed-in user, or else the address: an IPv4 address, or the /64 of an
// IPv6 address. A request that hashes passwords uses shares of its address and of an account, which
// is named by any text, for example its e-mail address; "" means the account of the signed-in user,
// if there is one.
//
// A caller who leaves while the request waits gets ctx.Err(), and the request must not run. Errors:
// ErrTooManyAtOnce and ErrBusy; for Export ErrExportRunning and ErrExportsBusy; for Live
// ErrTooManyStreams and ErrStreamsBusy.
func (g *Gate) Enter(ctx context.Context, c Class, account string) (leave func(), err error) {
	if c == Cheap {
		return func() {}, nil
	}
	l, ok := g.lanes[c]
	if !ok {
		return nil, fmt.Errorf("edge: no class of requests is named %q", c)
	}
	address := sharer{"address " + network(CallFrom(ctx).Address), 1}
	caller, signedIn := CallerFrom(ctx)
	switch {
	case c == Hashing && account != "":
		return l.enter(ctx, address, sharer{"account " + account, 2})
	case c == Hashing && signedIn:
		return l.enter(ctx, address, sharer{"user " + caller.UserID.String(), 2})
	case signedIn:
		return l.enter(ctx, sharer{"user " + caller.UserID.String(), 1})
	default:
		return l.enter(ctx, address)
	}
}
