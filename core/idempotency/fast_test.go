package idempotency_test

import (
	"context"
	"errors"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/ports"
)

// fast is a fast form that saves the record and then returns an outcome and an error.
type fast struct {
	outcome idempotency.Outcome
	err     error
	calls   int
	units   map[ports.Tx]bool
}

func (f *fast) do(ctx context.Context, tx ports.Tx, record func(receipt) (*idempotency.Record, error)) (receipt, idempotency.Outcome, error) {
	f.calls++
	f.units[tx] = true
	answer := receipt{Balance: 7, secret: "fast"}
	r, err := record(answer)
	if err == nil && r != nil && f.outcome == idempotency.Done {
		if _, err := tx.Idempotency().Claim(ctx, r.Owner, r.Key); err == nil {
			return receipt{}, idempotency.NotDone, nil
		}
		err = tx.Idempotency().Save(ctx, *r)
	}
	return answer, f.outcome, errors.Join(err, f.err)
}

func TestRunFast(t *testing.T) {
	broken := errors.New("broken")
	slow, quick := receipt{51, "hush"}, receipt{7, "fast"}
	for _, key := range []idempotency.Key{"", "k1"} {
		for name, test := range map[string]struct {
			outcome idempotency.Outcome
			err     error
			answer  receipt
			units   int // in which something was called
			steps   int64
		}{
			"done":        {idempotency.Done, nil, quick, 1, 0},
			"not done":    {idempotency.NotDone, nil, slow, 2, 1},
			"unsupported": {idempotency.Unsupported, nil, slow, 1, 1},
			"broken":      {idempotency.NotDone, broken, receipt{}, 1, 0},
		} {
			t.Run(name+" with the key "+string(key), func(t *testing.T) {
				w := newTill(t, memory.New())
				f := &fast{outcome: test.outcome, err: test.err, units: map[ports.Tx]bool{}}
				cmd := command
				cmd.Key = key
				steps := func(ctx context.Context, tx ports.Tx) (receipt, error) {
					f.units[tx] = true
					return w.give(ctx, tx)
				}
				run := func() (receipt, bool, error) {
					return idempotency.RunFast(w.Ctx, w.Store, w.Clock.Now, cmd, allow, f.do, steps, kept)
				}
				answer, replayed, err := run()
				if answer != test.answer || replayed || !errors.Is(err, test.err) {
					t.Errorf("got %+v, replayed %v, error %v; want %+v and %v", answer, replayed, err, test.answer, test.err)
				}
				if f.calls != 1 || len(f.units) != test.units || w.done.Load() != test.steps {
					t.Errorf("%d calls of the fast form and %d of the steps in %d units, want 1, %d and %d",
						f.calls, w.done.Load(), len(f.units), test.steps, test.units)
				}
				if key == "" || test.err != nil {
					return
				}
				// Either form replays what the other has kept.
				want := receipt{Balance: test.answer.Balance}
				answer, replayed, err = run()
				if answer != want || !replayed || err != nil {
					t.Errorf("repeated, it returned %+v, replayed %v, error %v; want %+v", answer, replayed, err, want)
				}
				answer, replayed, err = idempotency.Run(w.Ctx, w.Store, w.Clock.Now, cmd, allow, w.give, kept)
				if answer != want || !replayed || err != nil {
					t.Errorf("repeated step by step, it returned %+v, replayed %v, error %v; want %+v", answer, replayed, err, want)
				}
				cmd.Values = "another request"
				if _, _, err := run(); !errors.Is(err, idempotency.ErrKeyReused) {
					t.Errorf("the key of another request returned %v", err)
				}
			})
		}
	}
}
