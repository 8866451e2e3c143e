package edge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/users"
)

// Admission is the limit of the requests of all classes that run at the same time, before their
// lanes. The server sets it from how long requests take: if a load goes on, and requests take longer
// than Slowdown times what they take without load, fewer may run. If the queue has not drained for half a
// second, there is overload, and fewer may wait; it ends when the queue drains and few are refused. Callers take turns, and
// in a queue that is full the last request of the caller with the most is refused. The zero value sets
// no limit.
type Admission struct {
	Least    int           // requests that may always run; a quarter of them is no load
	Most     int           // requests that may ever run; 0 means no limit at all
	Slowdown float64       // how many times as long as without load a request may take, 1 to 100
	Queue    int           // requests that wait; under overload half as many as may run, at most
	Wait     time.Duration // the longest time in the queue; 0 means no limit

	// Reserve is how many requests more may run, and as many wait, if they are those of
	// [Gate.ArriveKept].
	Reserve int

	// Slowdowns has a greater Slowdown for some operations, by their name. Requests that share commits
	// on their store (see uow.Groups) take longer if many run at once, but the server serves more of
	// them.
	Slowdowns map[string]float64
}

// DefaultAdmission returns the limit for a server with so many cores.
func DefaultAdmission(cores int) Admission {
	return Admission{
		Least: 6 * cores, Most: min(64*cores, 10_000), Slowdown: 3, Queue: 256, Wait: time.Second, Reserve: 8,
		Slowdowns: map[string]float64{"send": 20, "read": 20, "propose": 20, "accept": 20, "cancel": 20},
	}
}

// slowdown returns how many times as long as without load a request of an operation may take.
func (a Admission) slowdown(operation string) float64 {
	return max(a.Slowdown, a.Slowdowns[operation])
}

func newAdmission(a Admission) *lane {
	if a.Most == 0 {
		return nil
	}
	l := newLane(Lane{AtOnce: a.Most, Queue: a.Queue, Wait: a.Wait}, ErrBusy, ErrBusy)
	a.Slowdowns = maps.Clone(a.Slowdowns)
	l.tuner, l.reserve = newTuner(a), a.Reserve
	return l
}

// AdmissionLoad is what the limit of an [Admission] is at present, and what came of it.
type AdmissionLoad struct {
	Limit            int // of the requests that run; 0 means no limit
	Running, Waiting int
	Refused          int64 // since the start
}

// Admission returns the load of the requests that have arrived.
func (g *Gate) Admission() AdmissionLoad {
	l := g.admission
	if l == nil {
		return AdmissionLoad{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return AdmissionLoad{Limit: l.limits.AtOnce, Running: l.running, Waiting: len(l.waiting), Refused: l.refused.Load()}
}

// bodyGrace is how long a request keeps its place while its body arrives. Most bodies have arrived
// with their request.
const bodyGrace = 5 * time.Millisecond

// arrival is a request that has a place, from Gate.Arrive until its response is made. It gives the
// place back when its body takes long to arrive, and when it enters the lane of its class.
type arrival struct {
	mu     sync.Mutex
	grace  *time.Timer // runs while the body is read; nil otherwise
	of     sharer
	kept   bool
	place  *place    // nil if it has none
	began  time.Time // when it had its first place; zero if it had none
	ran    time.Duration
	among  int  // the most requests that ran when it began
	isGone bool // for good

	presumed *presumption // nil if the caller was not presumed
}

// presumption is what Presumer.Presume returns for a context.
type presumption struct {
	of, ctx context.Context
	caller  users.Caller
	confirm func(context.Context) error
	err     error
}

type arrivalKey struct{}

// arrivalOf returns the arrival of a request, or nil if there is none, or if nothing limits
// arrivals.
func (g *Gate) arrivalOf(ctx context.Context) *arrival {
	if g.admission == nil {
		return nil
	}
	a, _ := ctx.Value(arrivalKey{}).(*arrival)
	return a
}

// Arrive waits until a request may run that will read the store, if only to find out who calls. It
// is the first gate of a request, so that a refusal costs next to nothing. A caller is the user
// whom the token names, if the Authenticator is a [Presumer] and the token is valid, or else the
// address. The transport must call [Gate.Depart] when the request has ended. Arrive does nothing if
// ctx does not come from [Watch], because nobody could give the place back then.
//
// The request gives its place back if its body takes longer to arrive than a few milliseconds, so
// that a client that sends slowly has none: [Gate.Resume] gets one again. [Gate.Confirm] gives it
// back when the response is made.
//
// A caller who leaves while the request waits gets ctx.Err(). Errors: ErrBusy.
func (g *Gate) Arrive(ctx context.Context) (context.Context, error) { return g.arrive(ctx, false) }

// ArriveKept is like [Gate.Arrive], for requests that have a way in under any load: they may use
// the reserve.
func (g *Gate) ArriveKept(ctx context.Context) (context.Context, error) { return g.arrive(ctx, true) }

func (g *Gate) arrive(ctx context.Context, kept bool) (context.Context, error) {
	a := g.arrivalOf(ctx)
	if a == nil {
		return ctx, nil
	}
	if !kept && g.IsFull() { // before it costs to find out who calls
		return ctx, g.TurnAway()
	}
	call := CallFrom(ctx)
	a.of, a.kept = sharer{"address " + network(call.Address), 1}, kept
	if presumer, ok := g.authenticator.(Presumer); ok && call.Token != "" {
		ctx = context.WithValue(ctx, arrivalKey{}, a) // a pointer, which can be compared
		p := &presumption{of: ctx}
		if p.ctx, p.caller, p.confirm, p.err = presumer.Presume(ctx, call.Token); p.err == nil {
			a.of.key = "user " + p.caller.UserID.String()
		}
		a.presumed = p
	}
	return ctx, g.occupy(ctx, a, newPlace(a.of))
}

// IsFull reports whether [Gate.Arrive] would refuse a request now, whoever sends it. A transport
// may call it, and then [Gate.TurnAway], before it makes what Arrive needs.
func (g *Gate) IsFull() bool { return g.admission != nil && g.admission.isFull() }

// TurnAway counts a request that is refused because the gate is full, and returns ErrBusy.
func (g *Gate) TurnAway() *fault.Error {
	if l := g.admission; l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.turnedAway()
	}
	return ErrBusy
}

// refusalLog is how often the log has a line for requests that are refused because of the load.
const refusalLog = time.Second

// NoteRefusal counts a request that ErrBusy refuses, for the log, which has one line a second for
// all of them. It reports whether this one has a line, and how many were counted since the last
// line, this one included.
func (g *Gate) NoteRefusal() (count int64, hasLine bool) {
	n := &g.noted
	n.mu.Lock()
	defer n.mu.Unlock()
	n.count++
	if time.Since(n.logged) < refusalLog {
		return 0, false
	}
	count, n.count, n.logged = n.count, 0, time.Now()
	return count, true
}

// noted are the refusals of which the log has no line yet.
type noted struct {
	mu     sync.Mutex
	count  int64
	logged time.Time // when the last line was written
}

// presume returns what a Presumer returns for a token. It is asked once for a request.
func (g *Gate) presume(ctx context.Context, presumer Presumer, token string) presumption {
	if a := g.arrivalOf(ctx); a != nil && a.presumed != nil && a.presumed.of == ctx {
		return *a.presumed
	}
	p := presumption{of: ctx}
	p.ctx, p.caller, p.confirm, p.err = presumer.Presume(ctx, token)
	return p
}

// occupy waits for a place.
func (g *Gate) occupy(ctx context.Context, a *arrival, p *place) error {
	p.kept = a.kept
	if err := g.admission.admit(ctx, p); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.isGone { // a middleware has answered without waiting for the endpoint
		g.admission.leave(p)
		return fmt.Errorf("edge: wait for a place: %w", context.Canceled)
	}
	if a.place = p; a.began.IsZero() {
		a.began = p.began
	}
	return nil
}

// Resume waits until a request that has arrived, and whose body was read, may go on. It does
// nothing for others. Errors: those of [Gate.Arrive].
func (g *Gate) Resume(ctx context.Context) error {
	a := g.arrivalOf(ctx)
	if a == nil {
		return nil
	}
	a.mu.Lock()
	a.stop()
	isPaused := a.place == nil && !a.began.IsZero() && !a.isGone
	a.mu.Unlock()
	if !isPaused {
		return nil
	}
	p := newPlace(a.of)
	p.resumed = true
	return g.occupy(ctx, a, p)
}

// pause gives the place of a request back, unless Gate.Resume is called before the grace is over.
func (g *Gate) pause(ctx context.Context) {
	a := g.arrivalOf(ctx)
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.place == nil || a.grace != nil {
		return
	}
	a.grace = time.AfterFunc(bodyGrace, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.grace != nil {
			g.admission.release(a, "", 0)
		}
	})
}

// stop ends the grace.
func (a *arrival) stop() {
	if a.grace != nil {
		a.grace.Stop()
		a.grace = nil
	}
}

// Depart gives the place of a request back for good. It may be called again, and does nothing for
// requests that have not arrived. Other than [Gate.Confirm], it does not count how long the request
// took.
func (g *Gate) Depart(ctx context.Context) { g.depart(ctx, fault.Invalid) }

// depart is Depart. The time of a request that ended with err counts if the request was served. If
// something was unavailable, it counts if it was long, and not as that of an operation without
// load.
func (g *Gate) depart(ctx context.Context, err error) {
	a := g.arrivalOf(ctx)
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stop()
	switch operation := CallFrom(ctx).Operation; {
	case err == nil:
		g.admission.release(a, operation, 0)
	case errors.Is(err, fault.Unavailable):
		g.admission.release(a, operation, math.MaxInt)
	default:
		g.admission.release(a, "", 0)
	}
	a.isGone = true
}

// release takes a request that runs out of the lane. The tuner gets to know how long it ran, all in
// all, among at least a number of requests, unless the operation is "".
func (l *lane) release(a *arrival, operation string, among int) {
	if a.place == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a.ran += time.Since(a.place.began)
	a.among = max(a.among, a.place.among, among)
	l.remove(a.place)
	a.place = nil
	if operation != "" {
		l.tuner.ended(operation, a.began, a.ran, a.among)
	}
	l.tune()
	l.advance()
}
