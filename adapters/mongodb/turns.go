package mongodb

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/uow"
)

// turns are the queues of this process's units for the documents that they are about to write.
// Without them the server would fail all but one of the units, as it does for units of different
// processes.
type turns struct {
	mu  sync.Mutex
	all map[turn]*line
}

// turn names a queue. Turns are taken in ascending order, which is the common lock order.
type turn string

// The kinds of turns, in the lock order. The rest of a turn's name identifies the document.
const (
	turnOfKey         = "0 key "
	turnOfAddress     = "1 address "
	turnOfToken       = "1 token "
	turnOfInterest    = "1 interest "
	turnOfAdmins      = "2 admins"
	turnOfUser        = "3 user "
	turnOfCalendar    = "4 calendar "
	turnOfReservation = "5 reservation "
	turnOfTalk        = "6 conversation "
	turnOfPair        = "6 pair "
	turnOfWallet      = "7 wallet "
	turnOfTries       = "9 tries "
)

func turnOf(kind string, id [16]byte) turn { return turn(kind + string(id[:])) }

// line is the queue of one turn.
type line struct {
	token chan struct{} // holds one token while the turn is free; the first in the queue gets it
	users int
}

var errQueued = errors.New("the wait for other units took too long")

// take waits for a turn in order of arrival, and reports whether it had to wait. It returns
// ctx.Err(), or uow.ErrConflict after the limit.
func (t *turns) take(ctx context.Context, name turn, limit time.Duration) (waited bool, err error) {
	l := t.join(name)
	select {
	case <-l.token:
		return false, nil
	default:
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-l.token:
		return true, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = uow.ErrConflict.Wrap(errQueued)
	}
	t.leave(name)
	return true, err
}

// try takes a turn if it is free.
func (t *turns) try(name turn) bool {
	select {
	case <-t.join(name).token:
		return true
	default:
		t.leave(name)
		return false
	}
}

// give passes a turn on.
func (t *turns) give(name turn) {
	t.mu.Lock()
	t.all[name].token <- struct{}{}
	t.mu.Unlock()
	t.leave(name)
}

func (t *turns) join(name turn) *line {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.all[name]
	if l == nil {
		l = &line{token: make(chan struct{}, 1)}
		l.token <- struct{}{}
		t.all[name] = l
	}
	l.users++
	return l
}

func (t *turns) leave(name turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.all[name]
	if l.users--; l.users == 0 {
		delete(t.all, name)
	}
}

// queueFor takes turns for the unit, until it ends. It skips a turn that is taken and out of order,
// so that two units cannot wait for each other; the server then fails the second writer.
func (t *txn) queueFor(ctx context.Context, names ...turn) error {
	if t.hosted {
		return nil // the store does not know how long the host's transaction lasts
	}
	slices.Sort(names)
	before := t.waits
	for _, name := range slices.Compact(names) {
		if slices.Contains(t.turns, name) {
			continue
		}
		if len(t.turns) > 0 && name < slices.Max(t.turns) {
			if t.store.turns.try(name) {
				t.turns = append(t.turns, name)
			}
			continue
		}
		inLine, err := t.store.turns.take(ctx, name, t.queueTime())
		if err != nil {
			return err
		}
		t.turns = append(t.turns, name)
		if inLine {
			t.waits++
		}
	}
	if t.waits > before {
		if err := t.hasten(uow.ErrConflict.Wrap(errQueued)); !errors.Is(err, uow.ErrConflict) {
			return err
		}
		return t.renew(ctx)
	}
	return nil
}
