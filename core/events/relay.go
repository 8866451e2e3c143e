package events

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
)

// RelayDeps are the parts of a Relay.
type RelayDeps struct {
	Store       *uow.Store[RelayTx]
	Notifier    Notifier    // of the store; nil if it has none
	Clock       clock.Clock // nil means the system clock
	IDs         id.Source   // nil means an id.Generator that reads Clock
	Policy      Policy
	Subscribers []Subscriber // may be empty: other processes may have some
	Source      Source       // of further subscribers; nil if there are none
}

// Relay numbers the events of a store, delivers them to its subscribers, and removes those that no
// active subscription needs. Each event is delivered to a subscriber at least once, and in the
// order of positions, so that of two events of one aggregate the one with the lower Seq comes
// first. There are two exceptions: an event that was set aside is delivered again out of order,
// and a subscription that was told to begin at an earlier position gets events again. Several
// relays, in one process or in several, may run over one store concurrently.
type Relay struct {
	deps RelayDeps
	bell bell

	mu       sync.Mutex
	runs     map[*relayRun]bool
	watchers map[chan struct{}]bool // see Watch
	wanted   bool                   // the store had active subscriptions when they were listed last
	watching bool                   // see Progress
	progress Progress
}

// NewRelay returns a Relay. Errors: fault.Internal if the store is nil, fault.Invalid with the names
// of the fields if the policy or a subscriber is not valid.
func NewRelay(d RelayDeps) (*Relay, error) {
	if d.Store == nil {
		return nil, fault.Missing("a relay", struct{ Store any }{})
	}
	if d.Clock == nil {
		d.Clock = clock.System()
	}
	if d.IDs == nil {
		d.IDs = id.NewGenerator(d.Clock)
	}
	var f fault.Fields
	d.Policy.Check(&f)
	CheckSubscribers(&f, d.Subscribers)
	if err := f.Err(); err != nil {
		return nil, err
	}
	r := &Relay{deps: d, runs: map[*relayRun]bool{}, watchers: map[chan struct{}]bool{}}
	r.bell.relay = r
	return r, nil
}

// Progress is how far the relay and the subscriptions of its store are.
type Progress struct {
	At            time.Time // when this was read; zero if Run has not read it yet
	Watching      bool      // the commits of other processes wake Run at present: see Notifier
	Oldest        time.Time // of the oldest event that was not numbered yet; zero if there was none
	Subscriptions []SubscriptionProgress
}

// MaxCounted is the maximum of SubscriptionProgress.SetAside.
const MaxCounted = 1000

// SubscriptionProgress is how far a subscription is.
type SubscriptionProgress struct {
	Name     string
	State    State
	Waiting  int64     // positions after the one that is stored, also of types that it does not handle: see Policy.Batch
	Oldest   time.Time // of the next event of an active subscription; zero if there is none
	SetAside int       // events that are set aside: MaxCounted if there are as many or more
}

// Progress returns what Run has read last, which it does every second. It does not ask the store.
func (r *Relay) Progress() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.progress
	p.Watching = r.watching
	p.Subscriptions = slices.Clone(p.Subscriptions)
	return p
}

// relayRun is one call of Run.
type relayRun struct {
	*Relay
	report     func(error)
	holder     string // no other run has it, in any process
	woken      chan struct{}
	deliveries map[string]*delivery // by the names of the subscribers
	tail       *tail
	running    sync.WaitGroup // the deliveries, and watch

	known    map[string]Subscription // as they were when they were listed last
	highest  int64
	numbered int            // events in the last round
	reached  []reached      // the highest positions of the last MinStay, one each second
	passed   int64          // all events up to here are older than Policy.Keep
	young    time.Time      // the time of the next event after them, if it was younger; zero if that is not known
	trimmed  int64          // no event up to here is left, except those that are set aside
	asides   map[string]int // see SubscriptionProgress.SetAside
	counted  time.Time      // when asides were counted
}

// Run delivers events until ctx ends, and then returns nil. It passes errors to report, from
// several goroutines, and tries again. The context of the handlers ends with ctx, and Run waits
// until they have returned. What they have handled is stored, and their subscriptions are released
// for other processes.
func (r *Relay) Run(ctx context.Context, report func(error)) error {
	run := &relayRun{
		Relay: r, report: report, holder: id.Event(r.deps.IDs.Next()).String(), woken: make(chan struct{}, 1),
		deliveries: map[string]*delivery{},
	}
	run.tail = newTail(run)
	for _, s := range r.deps.Subscribers {
		run.begin(ctx, s, false)
	}
	r.join(run, true)
	defer r.join(run, false)
	if r.deps.Notifier != nil {
		run.running.Go(func() { run.watch(ctx) })
	}
	run.loop(ctx)
	run.running.Wait()
	return nil
}

func (r *Relay) join(run *relayRun, runs bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if runs {
		r.runs[run] = true
	} else {
		delete(r.runs, run)
	}
}

const (
	gatherTime  = 20 * time.Millisecond // between rounds after Wake, so that one numbers the events of many units
	busyTime    = 60 * time.Millisecond // in its place after a round that numbered busyEvents or more
	busyEvents  = 20
	upkeepEvery = time.Second
	countEvery  = 10 * time.Second
	maxRest     = 10 * time.Second // after rounds that failed

	numberedAtOnce = 500
	trimmedAtOnce  = 500
	listedAtOnce   = 100
)

// loop numbers and trims events, and wakes the deliveries that have something to do.
func (r *relayRun) loop(ctx context.Context) {
	look, upkeep := time.NewTicker(r.deps.Policy.LookEvery), time.NewTicker(upkeepEvery)
	defer look.Stop()
	defer upkeep.Stop()
	round, rest, glanced := r.askAnd(r.look), r.newRest(), time.Time{}
	for {
		rest.after(ctx, round(ctx))
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			round = r.look
		case <-upkeep.C:
			round = r.askAnd(r.upkeep)
		case <-r.woken:
			sleep(ctx, time.Until(glanced.Add(r.gather())))
			round, glanced = r.glance, time.Now()
		}
	}
}

// gather returns how long to wait after a round for the events of the next one. A round costs the
// store much more than an event in it, so there are fewer of them when there are many events.
func (r *relayRun) gather() time.Duration {
	if r.numbered >= busyEvents {
		return busyTime
	}
	return gatherTime
}

// rest reports errors, and waits after each, longer after several in a row.
type rest struct {
	*relayRun
	pause time.Duration
}

func (r *relayRun) newRest() *rest { return &rest{r, r.deps.Policy.LookEvery} }

// after waits if err is an error, unless ctx has ended.
func (r *rest) after(ctx context.Context, err error) {
	switch {
	case err == nil:
		r.pause = r.deps.Policy.LookEvery
	case ctx.Err() == nil:
		r.report(err)
		r.pause = min(2*r.pause, max(maxRest, r.deps.Policy.LookEvery))
		sleep(ctx, r.pause)
	}
}

// sleep returns after d, or when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// glance numbers the events of the outbox. It wakes those that Watch also without new events, because
// another process may have called Announce.
func (r *relayRun) glance(ctx context.Context) error {
	_, err := r.number(ctx)
	if err == nil {
		r.wakeWatchers()
	}
	return err
}

// look is glance, and also wakes the deliveries that have something to do for another reason. It
// adds the subscriptions that the store does not have.
func (r *relayRun) look(ctx context.Context) error {
	moved, err := r.number(ctx)
	if err != nil {
		return err
	}
	if err := r.list(ctx); err != nil {
		return err
	}
	for name, d := range r.deliveries {
		if _, found := r.known[name]; !found && !d.sourced {
			if err := r.subscribe(ctx, name); err != nil {
				return err
			}
		}
	}
	for name, d := range r.deliveries {
		if s, found := r.known[name]; found && s.Holder != r.holder { // it may have been switched off, or begun elsewhere
			d.asks.Store(true)
		}
	}
	r.wakeThose(func(s Subscription) bool { return r.may(s) && (moved || s.Position < r.highest) })
	return nil
}

// may reports whether this run may deliver events to a subscription now.
func (r *relayRun) may(s Subscription) bool {
	now := r.deps.Clock.Now()
	return s.State == Active && !now.Before(s.RetryAt) && (s.Holder == "" || s.Holder == r.holder || !now.Before(s.HeldUntil))
}

func (r *relayRun) wakeThose(when func(Subscription) bool) {
	for name, d := range r.deliveries {
		if s, found := r.known[name]; found && when(s) {
			wake(d.woken)
		}
	}
}

// number numbers the events that are in the outbox, and reports whether there are positions that
// were not given before, also if another process has given them. It wakes the deliveries that may
// deliver those events, and all that Watch. It only reads if the outbox is empty, so that it holds up
// no other server.
func (r *relayRun) number(ctx context.Context) (moved bool, err error) {
	r.numbered = 0
	b, err := r.backlog(ctx)
	if err != nil {
		return false, err
	}
	if !b.Oldest.IsZero() {
		if err := r.numberAll(ctx); err != nil {
			return false, err
		}
	}
	highest := b.Highest + int64(r.numbered) // or more, if others number, too: then the next round finds that
	if moved, r.highest = highest > r.highest, highest; moved {
		r.tail.news.Store(true)
		r.wakeThose(r.may)
		r.wakeWatchers()
	}
	return moved, nil
}

// numberAll numbers events until the outbox is empty, and notifies other processes.
func (r *relayRun) numberAll(ctx context.Context) error {
	for full := true; full; {
		var n int
		err := r.deps.Store.Do(ctx, func(ctx context.Context, tx RelayTx) (err error) {
			n, err = tx.Events().Number(ctx, numberedAtOnce)
			return err
		})
		if err != nil {
			return fmt.Errorf("number events: %w", err)
		}
		r.numbered += n
		if n > 0 {
			r.tail.news.Store(true)
			r.bell.ring()
			r.wakeThose(r.may)
		}
		full = n == numberedAtOnce
	}
	return nil
}

func (r *relayRun) backlog(ctx context.Context) (b Backlog, err error) {
	err = r.deps.Store.View(ctx, func(ctx context.Context, tx RelayTx) (err error) {
		b, err = tx.Events().Backlog(ctx)
		return err
	})
	if err != nil {
		return Backlog{}, fmt.Errorf("read how far the numbering of events is: %w", err)
	}
	return b, nil
}

// list reads all subscriptions.
func (r *relayRun) list(ctx context.Context) error {
	known := map[string]Subscription{}
	err := r.deps.Store.View(ctx, func(ctx context.Context, tx RelayTx) error {
		clear(known)
		after := ""
		for full := true; full; {
			page, err := tx.Subscriptions().List(ctx, after, listedAtOnce)
			if err != nil {
				return err
			}
			for _, s := range page {
				known[s.Name], after = s, s.Name
			}
			full = len(page) == listedAtOnce
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list subscriptions: %w", err)
	}
	r.known = known
	r.want()
	return nil
}

// want notes whether there are active subscriptions.
func (r *relayRun) want() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted = false
	for _, s := range r.known {
		r.wanted = r.wanted || s.State == Active
	}
}

// subscribe adds the subscription of a new subscriber.
func (r *relayRun) subscribe(ctx context.Context, name string) error {
	s := Subscription{Name: name, State: Active, Since: r.deps.Clock.Now()}
	err := r.deps.Store.Do(ctx, func(ctx context.Context, tx RelayTx) error {
		if !r.deps.Policy.FromOldest && !r.deliveries[name].present.Load().FromOldest {
			b, err := tx.Events().Backlog(ctx)
			if err != nil {
				return err
			}
			s.Position = b.Highest
		}
		_, err := tx.Subscriptions().Subscribe(ctx, s)
		return err
	})
	if err != nil {
		return fmt.Errorf("add the subscription %s: %w", name, err)
	}
	r.known[name] = s // another process may have added it, which the next round sees
	r.want()
	return nil
}

// names returns the names of the known subscriptions, in ascending order.
func (r *relayRun) names() []string { return slices.Sorted(maps.Keys(r.known)) }
