package events_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/ports"
)

// planner is a subscriber that prepares batches.
type planner struct {
	inbox
	mu      sync.Mutex
	batches [][]int64 // the seqs of the events of each
	refuse  func(batch []events.Event) error
}

func (p *planner) prepare(_ context.Context, batch []events.Event) (func(context.Context, events.Event) error, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var seqs []int64
	for _, e := range batch {
		seqs = append(seqs, e.Seq)
	}
	p.batches = append(p.batches, seqs)
	if p.refuse != nil {
		if err := p.refuse(batch); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, e events.Event) error {
		if !slices.Contains(seqs, e.Seq) {
			return fmt.Errorf("the event %d is not in the batch %v", e.Seq, seqs)
		}
		return p.handle(ctx, e)
	}, nil
}

func (p *planner) as(name string, types ...events.Type) events.Subscriber {
	return events.Subscriber{Name: name, Types: types, Prepare: p.prepare}
}

// prepared fails the test unless these batches were prepared.
func (o *office) prepared(p *planner, want ...[]int64) {
	o.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if fmt.Sprint(p.batches) != fmt.Sprint(want) {
		o.Errorf("prepared the batches %v, want %v", p.batches, want)
	}
}

func TestBatchesArePrepared(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.Batch = 3
		var p planner
		defer o.run(o.relay(p.as("mail", events.TypeWalletChanged)))()
		user := id.User(o.ids.Next())
		o.add(user, 1)
		o.do(func(ctx context.Context, tx ports.Tx) error {
			return events.Add(ctx, tx, o.ids, time.Now(), 99, events.BlockRemoved{UserID: user})
		})
		o.add(user, 2, 3, 4, 5, 6)
		time.Sleep(time.Second)
		o.want(&p.inbox, 1, 2, 3, 4, 5, 6)
		o.prepared(&p, []int64{1, 2}, []int64{3, 4, 5}, []int64{6})
		if s := o.subscription("mail"); s.Position != 7 {
			t.Errorf("the position is %d, want 7", s.Position)
		}
		o.quiet()
	})
}

// A failure is one of its event. What was prepared before is not used again.
func TestEventOfAPreparedBatchFails(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.MaxTries = 3
		var p planner
		p.fail = failing(3)
		defer o.run(o.relay(p.as("mail")))()
		o.add(id.User(o.ids.Next()), 1, 2, 3, 4)
		time.Sleep(time.Minute)
		o.want(&p.inbox, 1, 2, 4)
		o.prepared(&p, []int64{1, 2, 3, 4}, []int64{3, 4}, []int64{3, 4}, []int64{4})
		if list := o.aside(); len(list) != 1 || list[0].Position != 3 || list[0].Attempts != 3 {
			t.Errorf("set aside: %+v, want the third event after 3 attempts", list)
		}

		p.inbox.mu.Lock()
		p.fail = nil
		p.inbox.mu.Unlock()
		o.do(func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Subscriptions().Retry(ctx, events.AsidePlace{Subscriber: "mail", Position: 3})
			return err
		})
		time.Sleep(5 * time.Second)
		o.want(&p.inbox, 1, 2, 4, 3)
		if list := o.aside(); len(list) != 0 {
			t.Errorf("still set aside: %+v", list)
		}
	})
}

// A batch that cannot be prepared because of one of its events does not hold up the others.
func TestBatchCannotBePrepared(t *testing.T) {
	for name, fail := range map[string]func(){"an error": nil, "a panic": func() { panic("no plan") }} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				o.policy.MaxTries = 2
				var p planner
				p.refuse = func(batch []events.Event) error {
					if !slices.ContainsFunc(batch, func(e events.Event) bool { return e.Seq == 3 }) {
						return nil
					}
					if fail != nil {
						fail()
					}
					return errBroken
				}
				defer o.run(o.relay(p.as("mail")))()
				o.add(id.User(o.ids.Next()), 1, 2, 3, 4)
				time.Sleep(time.Minute)
				o.want(&p.inbox, 1, 2, 4)
				o.prepared(&p, []int64{1, 2, 3, 4}, []int64{1}, []int64{2}, []int64{3}, []int64{3, 4}, []int64{3}, []int64{4})
				if list := o.aside(); len(list) != 1 || list[0].Position != 3 || list[0].Attempts != 2 {
					t.Errorf("set aside: %+v, want the third event after 2 attempts", list)
				}
				o.reported("subscriber mail: the events after position 0 are prepared one by one")
				o.reported("the event wallet.changed at position 3 failed 2 times")
			})
		})
	}
}

// While what a subscriber reads from is away, it is not asked for each event of a batch.
func TestBatchCannotBePreparedYet(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.MaxTries = 2
		var p planner
		away := 5
		p.refuse = func([]events.Event) error {
			if away--; away >= 0 {
				return fault.New(fault.Unavailable, "down", "the server cannot be reached")
			}
			return nil
		}
		defer o.run(o.relay(p.as("mail")))()
		o.add(id.User(o.ids.Next()), 1, 2, 3)
		time.Sleep(10 * time.Minute)
		o.want(&p.inbox, 1, 2, 3)
		o.prepared(&p, slices.Repeat([][]int64{{1, 2, 3}}, 6)...)
		o.reported("the server cannot be reached")
	})
}

// A subscriber that is slow to prepare does not lose the lease while its events are prepared one by
// one.
func TestLeaseIsRenewedWhileBatchesArePrepared(t *testing.T) {
	inOffice(t, func(o *office) {
		o.policy.Lease = 2 * o.policy.HandleTime
		var p planner
		var other inbox
		p.refuse = func(batch []events.Event) error {
			time.Sleep(o.policy.HandleTime - time.Second)
			if len(batch) > 1 {
				return errBroken
			}
			return nil
		}
		stop := o.run(o.relay(p.as("mail")))
		o.add(id.User(o.ids.Next()), 1, 2, 3, 4, 5, 6)
		time.Sleep(time.Second)
		defer o.run(o.relay(other.as("mail")))()
		time.Sleep(5 * time.Minute)
		o.want(&p.inbox, 1, 2, 3, 4, 5, 6)
		o.want(&other)
		stop()
	})
}
