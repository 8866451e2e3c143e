package edge

import (
	"context"
	"fmt"
	"slices"
	"sync"
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
	limits Lane
	own    *fault.Error // refuses a request of a caller whose share is used up
	full   *fault.Error // refuses other requests

	mu      sync.Mutex
	running int
	waiting []*place            // in the order of their arrival
	round   int                 // in which the last request began
	callers map[string]*portion // of the callers with requests that run or wait
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
	of    []sharer
	uses  []*portion    // one for each sharer
	begun chan struct{} // closed when the request may run
}

// enter waits until a request may run. The caller must call leave once, when the request has ended.
// Errors: those of the lane, and ctx.Err().
func (l *lane) enter(ctx context.Context, of ...sharer) (leave func(), err error) {
	p := &place{of: of, begun: make(chan struct{})}
	if err := l.join(p); err != nil {
		return nil, err
	}
	var late <-chan time.Time
	if l.limits.Wait > 0 {
		timer := time.NewTimer(l.limits.Wait)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-p.begun:
	case <-ctx.Done():
	case <-late:
		l.leave(p)
		return nil, l.full
	}
	if err := ctx.Err(); err != nil { // also if there was a place at the same time
		l.leave(p)
		return nil, fmt.Errorf("edge: wait for a place: %w", err)
	}
	return func() { l.leave(p) }, nil
}

// join lets a request run or wait, or returns the error that refuses it.
func (l *lane) join(p *place) error {
	l.mu.Lock()
	defer l.mu.Unlock()
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
	if p.runs() {
		return nil
	}
	refusal := l.refusal(p)
	if refusal != nil {
		l.remove(p)
	}
	return refusal
}

// refusal returns the error for a waiting request that exceeds a limit of the queue, or nil.
func (l *lane) refusal(p *place) error {
	isFull := len(l.waiting) > l.limits.Queue
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

// hasShare reports whether a sharer of a request may have another one that runs.
func (l *lane) hasShare(p *place, i int) bool {
	return l.limits.Each == 0 || p.uses[i].running < l.limits.Each*p.of[i].size
}

// advance begins the requests for which there is room, in rounds: of a caller, one begins in each
// round. In a round the order is that of arrival.
func (l *lane) advance() {
	for l.limits.AtOnce == 0 || l.running < l.limits.AtOnce {
		var next *place
		for _, p := range l.waiting {
			if l.mayBegin(p) && (next == nil || p.round() < next.round()) {
				next = p
			}
		}
		if next == nil {
			return
		}
		l.round = next.round()
		l.running++
		for _, use := range next.uses {
			use.waiting--
			use.running++
			use.round = l.round + 1
		}
		l.waiting = without(l.waiting, next)
		close(next.begun)
	}
}

func (l *lane) mayBegin(p *place) bool {
	for i := range p.of {
		if !l.hasShare(p, i) {
			return false
		}
	}
	return true
}

// round returns the round in which a waiting request may begin: the latest of its sharers.
func (p *place) round() (latest int) {
	for _, use := range p.uses {
		latest = max(latest, use.round)
	}
	return latest
}

func (p *place) runs() bool {
	select {
	case <-p.begun:
		return true
	default:
		return false
	}
}

// leave takes a request out of the lane, whether it runs or waits.
func (l *lane) leave(p *place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(p)
	l.advance()
}

func (l *lane) remove(p *place) {
	if p.runs() {
		l.running--
		for _, use := range p.uses {
			use.running--
		}
	} else {
		l.waiting = without(l.waiting, p)
		for _, use := range p.uses {
			use.waiting--
		}
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
