package workload

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/ports"
)

// Life is a crowd at work through the failures of its server, and beside it somebody who has no keys.
type Life struct {
	Crowd *Crowd

	t       *testing.T
	storage ports.Storage
	within  time.Duration
	keyless *Keyless
	stop    chan struct{} // nil while nobody works
	ended   chan struct{} // by the one without keys
	sum     Verdict
	worst   time.Duration // from a server that answers to all being served
}

// NewLife is the life of a community over a store. A test fails that waits for anything longer than within.
func NewLife(t *testing.T, c *community.Community, storage ports.Storage, admin id.User, pairs []community.Pair, within time.Duration) *Life {
	l := &Life{Crowd: NewCrowd(c, admin, pairs), t: t, storage: storage, within: within, keyless: &Keyless{Community: c, Pair: pairs[0]}}
	t.Cleanup(l.Rest)
	return l
}

// Work lets all get to work, and do a little.
func (l *Life) Work() {
	l.t.Helper()
	if l.stop == nil {
		l.stop, l.ended = make(chan struct{}), make(chan struct{})
		l.Crowd.Start()
		go l.live(l.stop)
	}
	l.Crowd.AwaitEach(l.t, 1+rand.N(5), l.within)
}

// live sends messages without a key, one after the other.
func (l *Life) live(stop <-chan struct{}) {
	defer close(l.ended)
	for {
		if err := l.keyless.Send(context.Background()); err != nil {
			time.Sleep(rand.N(40 * time.Millisecond)) // those that the server takes are worth more
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

// Healed is called as soon as the server answers: soon all have to be served again, as if nothing had been. It ends the work to
// look at what is there.
func (l *Life) Healed() {
	l.t.Helper()
	l.worst = max(l.worst, l.Crowd.AwaitEach(l.t, 1, l.within))
	if err := l.storage.Ping(l.t.Context()); err != nil {
		l.t.Errorf("all is well, and ping says %v", err)
	}
	l.judge()
}

// judge looks at what there is while nobody works.
func (l *Life) judge() {
	l.t.Helper()
	l.Rest()
	v := l.Crowd.Judge(l.t)
	l.sum.Lost += v.Lost
	l.sum.Doubled += v.Doubled
	if l.t.Failed() {
		l.t.FailNow()
	}
}

// Rest lets nobody work any more, until Work is called again.
func (l *Life) Rest() {
	l.t.Helper()
	if l.stop == nil {
		return
	}
	close(l.stop)
	l.stop = nil
	<-l.ended
	l.Crowd.Stop(l.t)
}

// End judges, and says what has been.
func (l *Life) End(what string) {
	l.t.Helper()
	l.judge()
	c := l.Crowd.Counts()
	unknown, done := l.keyless.Judge(l.t)
	l.t.Attr("counts", fmt.Sprintf("%s, %d acknowledged, %d answers 503, %d lost, %d doubled; "+
		"without a key %d of unknown outcome, of which %d were done; healed within %d ms",
		what, c.Acknowledged, c.Unavailable, l.sum.Lost, l.sum.Doubled, unknown, done, l.worst.Milliseconds()))
}
