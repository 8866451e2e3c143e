// Package idempotency makes commands safe to repeat. It saves the client's key, a fingerprint of
// the request and a small part of the answer in the transaction that executes the command. All
// commands that create or transfer something use it.
package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
)

// Retention is the minimum time for which an answer is kept.
const Retention = 24 * time.Hour

// ErrKeyReused is returned for a key that was used before with another request.
var ErrKeyReused = fault.New(fault.Conflict, "idempotency_key_reused",
	"this Idempotency-Key was used for another request")

// Key is a client's name for one command: 1 to 128 visible ASCII characters, or "" for no key.
type Key string

// ParseKey returns s as a Key. If s is not 1 to 128 visible ASCII characters, it returns
// fault.Invalid.
func ParseKey(s string) (Key, error) {
	ok := len(s) >= 1 && len(s) <= 128
	for i := 0; ok && i < len(s); i++ {
		ok = s[i] > ' ' && s[i] < 0x7f
	}
	if !ok {
		return "", fault.InvalidField("Idempotency-Key", "must be 1 to 128 visible ASCII characters")
	}
	return Key(s), nil
}

// UnmarshalText implements encoding.TextUnmarshaler. It accepts the text that ParseKey accepts, and
// otherwise returns fault.Invalid and leaves k unchanged.
func (k *Key) UnmarshalText(text []byte) error {
	parsed, err := ParseKey(string(text))
	if err != nil {
		return err
	}
	*k = parsed
	return nil
}

// Command identifies the request for which a key is used.
type Command struct {
	Owner     string // the owner of the key
	Key       Key    // "" runs the command without idempotency
	Operation string // the name of the use case
	Values    any    // path and body, normalised; hashed as JSON and not kept; no passwords
}

// fingerprint returns a hash that distinguishes requests.
func (c Command) fingerprint() ([32]byte, error) {
	b, err := json.Marshal([]any{c.Operation, c.Values})
	if err != nil {
		return [32]byte{}, fmt.Errorf("fingerprint %s: %w", c.Operation, err)
	}
	return sha256.Sum256(b), nil
}

// Form determines what is kept of the answers of a command, and how a replay makes the answer of
// it. Whole and Part return one.
type Form[T, A any] struct {
	keep   func(A) any
	recall func(ctx context.Context, tx T, kept []byte) (A, error)
}

// Whole keeps an answer as it is. It is for answers that are identifiers or numbers.
func Whole[T, A any]() Form[T, A] {
	return Part(func(a A) A { return a }, func(_ context.Context, _ T, a A) (A, error) { return a, nil })
}

// Part keeps the part K of an answer: identifiers, and the facts that would have changed at a
// replay, such as a status. It keeps no text and nothing personal of other users: recall reads them
// at a replay, in the unit of work that found the key. Text that was kept is stored twice, and is
// not removed when its author is erased.
//
// K is kept as JSON with its exported fields, and is read from JSON that may have more fields.
func Part[T, A, K any](part func(A) K, recall func(ctx context.Context, tx T, kept K) (A, error)) Form[T, A] {
	return Form[T, A]{
		keep: func(answer A) any { return part(answer) },
		recall: func(ctx context.Context, tx T, kept []byte) (answer A, err error) {
			var k K
			if err := json.Unmarshal(kept, &k); err != nil {
				return answer, fmt.Errorf("decode the answer saved with an idempotency key: %w", err)
			}
			return recall(ctx, tx, k)
		},
	}
}

// Run executes a command with do, in one unit of work. If the key was used for the same request
// before, it does not call do, and returns the answer of that time, as form recalls it, with
// replayed true.
//
// authorize runs before an earlier answer is returned. It returns an error if the caller may no
// longer act; do has to check that itself. Errors are not saved: after one, the key can be used for
// any request.
//
// Run returns ErrKeyReused (fault.Conflict) if the key was used with another request, fault.Invalid
// for an invalid key, and the errors of authorize, of do, of form and of the store.
func Run[T Tx, A any](
	ctx context.Context, store *uow.Store[T], now clock.Clock, cmd Command,
	authorize func(ctx context.Context, tx T) error,
	do func(ctx context.Context, tx T) (A, error),
	form Form[T, A],
) (answer A, replayed bool, err error) {
	return RunFast(ctx, store, now, cmd, authorize, nil, do, form)
}

// Outcome is what a fast form did.
type Outcome int

// The outcomes of fast forms.
const (
	Unsupported Outcome = iota // nothing: the store, or this unit of work, cannot do it in one step
	NotDone                    // nothing: the command may be refused, or its key was used
	Done                       // the whole command, and the unit of work is committed
)

// Fast is the fast form of a command: the store does in one step what do and the record of the key
// do in several. record returns the record that is saved with an answer, or nil if the command has
// no key. A fast form refuses nothing: where it cannot do the command, do decides, and finds the
// reason.
type Fast[T, A any] func(ctx context.Context, tx T, record func(A) (*Record, error)) (A, Outcome, error)

// errNotDone ends a unit of work in which a fast form did nothing. The next unit takes the steps.
var errNotDone = fault.New(fault.Conflict, "not_done", "the command has to be done step by step")

// RunFast is Run for a command with a fast form, which it tries first. After NotDone it calls do,
// in a unit of work of its own.
func RunFast[T Tx, A any](
	ctx context.Context, store *uow.Store[T], now clock.Clock, cmd Command,
	authorize func(ctx context.Context, tx T) error,
	fast Fast[T, A],
	do func(ctx context.Context, tx T) (A, error),
	form Form[T, A],
) (answer A, replayed bool, err error) {
	var zero A
	run, record := store.Do, func(A) (*Record, error) { return nil, nil }
	steps := func(ctx context.Context, tx T) (err error) {
		answer, err = do(ctx, tx)
		return err
	}
	if cmd.Key != "" {
		if _, err := ParseKey(string(cmd.Key)); err != nil {
			return zero, false, err
		}
		fingerprint, err := cmd.fingerprint()
		if err != nil {
			return zero, false, err
		}
		run, record = store.DoRepeatable, func(a A) (*Record, error) { return cmd.record(fingerprint, now.Now(), form.keep(a)) }
		steps = func(ctx context.Context, tx T) (err error) {
			answer, replayed, err = once(ctx, tx, cmd, fingerprint, authorize, do, record, form)
			return err
		}
	}
	unit := func(ctx context.Context, tx T) error {
		answer, replayed = zero, false // discard those of an attempt that was rolled back
		if fast == nil {
			return steps(ctx, tx)
		}
		done, outcome, err := fast(ctx, tx, record)
		switch {
		case err != nil:
			return err
		case outcome == Unsupported:
			return steps(ctx, tx)
		case outcome == NotDone:
			return errNotDone
		}
		answer = done
		return nil
	}
	err = run(ctx, unit)
	if errors.Is(err, errNotDone) {
		fast = nil
		err = run(ctx, unit)
	}
	if err != nil {
		return zero, false, err
	}
	if watch, ok := ctx.Value(watchKey{}).(*atomic.Bool); ok && replayed {
		watch.Store(true)
	}
	return answer, replayed, nil
}

// once claims the key, and then executes the command or recalls its earlier answer.
func once[T Tx, A any](
	ctx context.Context, tx T, cmd Command, fingerprint [32]byte,
	authorize func(ctx context.Context, tx T) error,
	do func(ctx context.Context, tx T) (A, error),
	record func(A) (*Record, error), form Form[T, A],
) (answer A, replayed bool, err error) {
	kept, err := tx.Idempotency().Claim(ctx, cmd.Owner, cmd.Key)
	switch {
	case err == nil:
		answer, err = replay(ctx, tx, kept, fingerprint, authorize, form)
		return answer, true, err
	case !errors.Is(err, fault.NotFound):
		return answer, false, fmt.Errorf("claim an idempotency key: %w", err)
	}
	if answer, err = do(ctx, tx); err != nil {
		return answer, false, err
	}
	saved, err := record(answer)
	if err != nil {
		return answer, false, err
	}
	if err := tx.Idempotency().Save(ctx, *saved); err != nil {
		return answer, false, fmt.Errorf("save the answer of %s: %w", cmd.Operation, err)
	}
	return answer, false, nil
}

type watchKey struct{}

// watched is the context of a request, with what Replayed reports.
type watched struct {
	context.Context
	replayed atomic.Bool
}

// Value returns what Replayed reports for its key.
func (w *watched) Value(key any) any {
	if key == (watchKey{}) {
		return &w.replayed
	}
	return w.Context.Value(key)
}

// Watch returns a context for one request. If Run is called with that context, or with one derived
// from it, and returns an earlier answer, Replayed reports it.
func Watch(ctx context.Context) context.Context {
	return &watched{Context: ctx}
}

// Replayed reports whether Run returned an earlier answer to the request of ctx, so that a
// transport can tell the client. It returns false if ctx does not come from Watch.
func Replayed(ctx context.Context) bool {
	watch, ok := ctx.Value(watchKey{}).(*atomic.Bool)
	return ok && watch.Load()
}

func replay[T Tx, A any](
	ctx context.Context, tx T, kept Record, fingerprint [32]byte, authorize func(context.Context, T) error, form Form[T, A],
) (answer A, err error) {
	if err := authorize(ctx, tx); err != nil {
		return answer, err
	}
	if kept.Fingerprint != fingerprint {
		return answer, ErrKeyReused
	}
	return form.recall(ctx, tx, kept.Answer)
}

// record returns the record of a command that succeeded.
func (c Command) record(fingerprint [32]byte, at time.Time, kept any) (*Record, error) {
	b, err := json.Marshal(kept)
	if err != nil {
		return nil, fmt.Errorf("save the answer of %s: %w", c.Operation, err)
	}
	return &Record{Owner: c.Owner, Key: c.Key, Fingerprint: fingerprint, Answer: b, CreatedAt: at}, nil
}

// Purge removes the records that are older than Retention, at most 1,000 in one unit of work, and
// returns their number, also with an error. It may run at any time, and in several processes
// concurrently.
func Purge[T Tx](ctx context.Context, store *uow.Store[T], now clock.Clock) (int, error) {
	const batch = 1000
	total := 0
	for {
		var n int
		err := store.Do(ctx, func(ctx context.Context, tx T) (err error) {
			n, err = tx.Idempotency().Purge(ctx, now.Now().Add(-Retention), batch)
			return err
		})
		if err != nil {
			return total, fmt.Errorf("purge idempotency records: %w", err)
		}
		total += n
		if n < batch {
			return total, nil
		}
	}
}
