package kithttp

import (
	"sync"
	"time"
)

// pace ends the reads of bodies that take too long. It watches all of them with one timer, because
// nearly all return immediately, and a deadline for each would cost a timer of the system.
type pace struct {
	mu    sync.Mutex
	until map[*intake]time.Time // when a read must have returned
	timer *time.Timer
	rings time.Time // zero if the timer does not run
}

func newPace() *pace { return &pace{until: map[*intake]time.Time{}} }

// begin lets a read take until a time.
func (p *pace) begin(in *intake, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until[in] = until
	if p.rings.IsZero() || until.Before(p.rings) {
		p.set(until)
	}
}

// end is called when a read has returned. It reports whether that was too late.
func (p *pace) end(in *intake) (late bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, inTime := p.until[in]
	delete(p.until, in)
	return !inTime
}

func (p *pace) set(rings time.Time) {
	p.rings = rings
	if p.timer == nil {
		p.timer = time.AfterFunc(time.Until(rings), p.look)
		return
	}
	p.timer.Reset(time.Until(rings))
}

// look ends the reads whose time is over. The timer runs on only if there are others.
func (p *pace) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, next := time.Now(), time.Time{}
	for in, until := range p.until {
		switch {
		case !until.After(now):
			delete(p.until, in)
			_ = in.setDeadline(now) // fails only if the client has left
		case next.IsZero() || until.Before(next):
			next = until
		}
	}
	if p.rings = next; !next.IsZero() {
		p.set(next)
	}
}
