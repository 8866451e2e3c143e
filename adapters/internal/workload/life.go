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

// Life runs a Crowd and a Keyless on a store while its server fails and recovers.
type Life struct {
	Crowd *Crowd

	t       *testing.T
	storage ports.Storage
	within  time.Duration
	keyless *Keyless
	inbox   *Inbox        // nil without Listen
	diary   Diary         // empty without Listen
	stop    chan struct{} // nil while the clients rest
	ended   chan struct{} // closed when the Keyless has stopped
	sum     Verdict
	worst   time.Duration // the longest time from a server that answers until all clients are served
}

// NewLife returns the Life of a community on a store. Every wait fails the test after the time
// within.
func NewLife(t *testing.T, c *community.Community, storage ports.Storage, admin id.User, pairs []community.Pair, within time.Duration) *Life {
	l := &Life{
		Crowd: NewCrowd(c, admin, pairs), t: t, storage: storage, within: within,
		keyless: &Keyless{Community: c, Pair: pairs[0]},
	}
	t.Cleanup(l.Rest)
	return l
}

// Listen delivers the events of the store to a subscriber until the test ends. Each check of the store
// then also compares its rows with what the subscriber has got: see Inbox.Judge. Unless the diary is
// empty, all units of work of the community keep it, and each check compares it with the events.
func (l *Life) Listen(diary Diary) {
	l.inbox, l.diary = &Inbox{}, diary
	failed := func(error) {} // a relay fails while its server does
	l.t.Cleanup(Deliver(l.storage, 10*time.Millisecond, l.inbox.Handle, failed))
}

// Work starts the clients unless they are running, and waits until each has executed a few
// commands.
func (l *Life) Work() {
	l.t.Helper()
	if l.stop == nil {
		l.stop, l.ended = make(chan struct{}), make(chan struct{})
		l.Crowd.Start()
		go l.send(l.stop)
	}
	l.Crowd.AwaitEach(l.t, 1+rand.N(5), l.within)
}

// send sends messages without a key, one after the other.
func (l *Life) send(stop <-chan struct{}) {
	defer close(l.ended)
	for {
		if err := l.keyless.Send(context.Background()); err != nil {
			time.Sleep(rand.N(40 * time.Millisecond)) // send fewer messages while the server fails
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

// Healed must be called when the server answers again. It waits until all clients are served, stops
// them, and checks the store.
func (l *Life) Healed() {
	l.t.Helper()
	l.worst = max(l.worst, l.Crowd.AwaitEach(l.t, 1, l.within))
	if err := l.storage.Ping(l.t.Context()); err != nil {
		l.t.Errorf("the server answers, but Ping returned %v", err)
	}
	l.judge()
}

// judge stops the clients and checks the store.
func (l *Life) judge() {
	l.t.Helper()
	l.Rest()
	v := l.Crowd.Judge(l.t)
	l.sum.Lost += v.Lost
	l.sum.Doubled += v.Doubled
	if l.inbox != nil {
		l.inbox.Judge(l.t, l.Crowd.clients[0].Community, l.within)
	}
	if l.diary.Lines != nil {
		l.diary.judge(l.t, l.inbox)
	}
	if l.t.Failed() {
		l.t.FailNow()
	}
}

// Rest stops the clients until Work is called again.
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

// End checks the store and reports the counts of the test.
func (l *Life) End(what string) {
	l.t.Helper()
	l.judge()
	c := l.Crowd.Counts()
	unknown, done := l.keyless.Judge(l.t)
	if l.inbox != nil {
		all, repeated := l.inbox.Counts()
		what += fmt.Sprintf(", %d events, %d handled again", all, repeated)
	}
	l.t.Attr("counts", fmt.Sprintf("%s, %d acknowledged, %d answers 503, %d lost, %d doubled; "+
		"without a key %d of unknown outcome, of which %d were done; healed within %d ms",
		what, c.Acknowledged, c.Unavailable, l.sum.Lost, l.sum.Doubled, unknown, done, l.worst.Milliseconds()))
}
