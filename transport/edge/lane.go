package edge

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Lane is the limits of requests that run at the same time. A request that finds no place waits in
// a queue. Callers in the queue take turns, so that a caller with many requests delays another by
// one of them. The zero value sets no limits.
type Lane struct {
	AtOnce int // requests that run; 0 means no limit
	Each   int // requests of one caller that run; 0 means no limit

	Queue     int           // requests that wait for a place; 0 means that no request waits
	QueueEach int           // requests of one caller that wait; 0 means no limit but Queue
	Wait      time.Duration // the longest time in the queue; 0 means no limit
}

// lane admits requests within the limits of a Lane.
type lane struct {
	own  *fault.Error // refuses a request of a caller whose share is used up
	full *fault.Error // refuses other requests

	// The lane of an Admission has these, too.
	tuner   *tuner // sets AtOnce and Queue of the limits; nil if they are fixed
	reserve int    // requests that run, and requests that wait, beyond the limits if they are kept

	mu      sync.Mutex
	limits  Lane
	running int
	waiting []*place            // in the order of their arrival
	round   int                 // in which the last request began
	callers map[string]*portion // of the callers with requests that run or wait
	refused atomic.Int64        // requests, since the start
}

func newLane(limits Lane, own, full *fault.Error) *lane {
	return &lane{limits: limits, own: own, full: full, callers: map[string]*portion{}}
}

// sharer is one on whose behalf a request runs. A request may have several, and uses a share of
// each.
type sharer struct {
	key  string
	size int // how many times the limits of one caller
}

// portion is the share of a lane that a caller uses.
type portion struct {
	running, waiting int
	round            int // in which the next request of the caller may begin
}

// place is a request that runs or waits.
type place struct {
	of      []sharer
	uses    []*portion    // one for each sharer
	decided chan struct{} // closed when the request may run or is refused
	state   placeState    // of which others read what it was when decided was closed

	kept    bool // may use the reserve
	resumed bool // has run before: it begins before others, and is not refused for one of them

	// These are for the tuner.
	began time.Time
	among int // requests that ran when it began, itself included
}

type placeState int

const (
	waits placeState = iota
	runs
	isRefused
)

func newPlace(of ...sharer) *place { return &place{of: of, decided: make(chan struct{})} }

// enter waits until a request may run. The caller must call leave once, when the request has ended.
// Errors: those of the lane, and ctx.Err().
func (l *lane) enter(ctx context.Context, of ...sharer) (leave func(), err error) {
	p := newPlace(of...)
	if err := l.admit(ctx, p); err != nil {
		return nil, err
	}
	return func() { l.leave(p) }, nil
}

// admit waits until a request may run. Then the caller must call leave. Errors: those of the lane,
// and ctx.Err().
func (l *lane) admit(ctx context.Context, p *place) error {
	if err := l.join(p); err != nil {
		return err
	}
	if err := l.await(ctx, p); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // also if there was a place at the same time
		l.leave(p)
		return fmt.Errorf("edge: wait for a place: %w", err)
	}
	return nil
}

// await returns when it is decided about a request, or when its context has ended.
func (l *lane) await(ctx context.Context, p *place) error {
	select {
	case <-p.decided:
	default:
		var late <-chan time.Time
		if l.limits.Wait > 0 {
			timer := time.NewTimer(l.limits.Wait)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-p.decided:
		case <-ctx.Done():
			return nil
		case <-late:
			l.expire(p)
			return l.full
		}
	}
	if p.state == isRefused {
		return l.full
	}
	return nil
}

// expire takes a request out of the lane that has waited too long.
func (l *lane) expire(p *place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.state != isRefused {
		l.turnedAway()
	}
	l.drop(p)
}

// join lets a request run or wait, or returns the error that refuses it.
func (l *lane) join(p *place) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tune()
	for _, s := range p.of {
		use := l.callers[s.key]
		if use == nil {
			use = &portion{round: l.round + 1}
			l.callers[s.key] = use
		}
		use.waiting++
		p.uses = append(p.uses, use)
	}
	l.waiting = append(l.waiting, p)
	l.advance()
	if p.state == runs {
		return nil
	}
	refusal := l.refusal(p)
	if refusal != nil {
		l.remove(p)
		l.turnedAway()
	}
	return refusal
}

// refusal returns the error for a waiting request that exceeds a limit of the queue, or nil.
func (l *lane) refusal(p *place) error {
	most := l.limits.Queue
	if p.kept {
		most += l.reserve
	}
	isFull := len(l.waiting) > most
	if isFull && l.tuner != nil {
		isFull = !l.displace(p)
	}
	for i, s := range p.of {
		use := p.uses[i]
		if l.limits.QueueEach > 0 && use.waiting > l.limits.QueueEach*s.size || isFull && !l.hasShare(p, i) {
			return l.own
		}
	}
	if isFull {
		return l.full
	}
	return nil
}

// displace makes room for a request in a queue that is full, if another caller has more requests
// there: the last one of the caller with the most is refused. So the requests of a caller refuse
// its own, and not those of others. It reports whether there is room.
func (l *lane) displace(p *place) bool {
	worst := l.worst(p.kept)
	if worst == nil || worst.uses[0].waiting <= p.uses[0].waiting && !p.resumed {
		return false
	}
	l.refuse(worst)
	return true
}

// isFull reports whether there is no room for another request, whoever sends it.
func (l *lane) isFull() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tune()
	if l.running < l.limits.AtOnce || len(l.waiting) < l.limits.Queue {
		return false
	}
	for _, w := range l.waiting {
		if w.uses[0].waiting > 1 {
			return false // see displace
		}
	}
	return true
}

// worst returns the last waiting request of the caller with the most, or nil. Requests that are
// kept are among them if so is the one for which there is no room.
func (l *lane) worst(kept bool) (worst *place) {
	for _, w := range l.waiting {
		if w.resumed || w.kept && !kept {
			continue
		}
		if worst == nil || w.uses[0].waiting > worst.uses[0].waiting || w.uses[0] == worst.uses[0] {
			worst = w
		}
	}
	return worst
}

// refuse refuses a request that waits.
func (l *lane) refuse(p *place) {
	l.remove(p)
	l.turnedAway()
	p.state = isRefused
	close(p.decided)
}

// turnedAway counts a request for which there was no room.
func (l *lane) turnedAway() {
	l.refused.Add(1)
	if l.tuner != nil {
		l.tuner.refused++
	}
}

// hasShare reports whether a sharer of a request may have another one that runs.
func (l *lane) hasShare(p *place, i int) bool {
	return l.limits.Each == 0 || p.uses[i].running < l.limits.Each*p.of[i].size
}

// advance begins the requests for which there is room, in rounds: of a caller, one begins in each
// round. In a round the order is that of arrival.
func (l *lane) advance() {
	for l.limits.AtOnce == 0 || l.running < l.limits.AtOnce+l.reserve {
		var next *place
		for _, p := range l.waiting {
			if l.mayBegin(p) && (next == nil || p.round() < next.round()) {
				next = p
			}
		}
		if next == nil {
			return
		}
		l.round = max(l.round, next.round())
		l.running++
		for _, use := range next.uses {
			use.waiting--
			use.running++
			use.round = l.round + 1
		}
		l.waiting = without(l.waiting, next)
		next.state = runs
		if l.tuner != nil {
			next.began, next.among = time.Now(), l.running
			l.tuner.begun++
		}
		close(next.decided)
	}
}

func (l *lane) mayBegin(p *place) bool {
	if l.limits.AtOnce > 0 && l.running >= l.limits.AtOnce && !p.kept {
		return false
	}
	for i := range p.of {
		if !l.hasShare(p, i) {
			return false
		}
	}
	return true
}

// round returns the round in which a waiting request may begin: the latest of its sharers.
func (p *place) round() (latest int) {
	if p.resumed {
		return 0 // it had its turn
	}
	for _, use := range p.uses {
		latest = max(latest, use.round)
	}
	return latest
}

// leave takes a request out of the lane, whether it runs or waits.
func (l *lane) leave(p *place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(p)
}

// drop takes a request out, and begins those for which there is room then.
func (l *lane) drop(p *place) {
	l.remove(p)
	l.tune()
	l.advance()
}

// tune lets the tuner set the limits, and refuses the requests for which the queue has become too
// short.
func (l *lane) tune() {
	if l.tuner == nil {
		return
	}
	l.limits.AtOnce, l.limits.Queue = l.tuner.tune(time.Now(), l.running, len(l.waiting))
	if len(l.waiting) <= l.limits.Queue {
		return
	}
	kept := 0
	for _, w := range l.waiting {
		if w.kept {
			kept++
		}
	}
	for len(l.waiting)-kept > l.limits.Queue { // the reserve stays free for those that are kept
		worst := l.worst(false)
		if worst == nil {
			return
		}
		l.refuse(worst)
	}
}

func (l *lane) remove(p *place) {
	switch p.state {
	case runs:
		l.running--
		for _, use := range p.uses {
			use.running--
		}
	case waits:
		l.waiting = without(l.waiting, p)
		for _, use := range p.uses {
			use.waiting--
		}
	case isRefused:
		return // it was removed
	}
	for i, s := range p.of {
		if p.uses[i].running == 0 && p.uses[i].waiting == 0 {
			delete(l.callers, s.key)
		}
	}
}

func without(all []*place, p *place) []*place {
	i := slices.Index(all, p)
	return slices.Delete(all, i, i+1)
}
