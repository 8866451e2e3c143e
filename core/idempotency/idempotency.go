// Package idempotency makes a command safe to repeat: the client's key, a fingerprint of what was
// asked and the answer are kept in the transaction that did it. It is the one mechanism for every
// command that creates or moves something.
package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
)

// Retention is how long an answer is kept at least.
const Retention = 24 * time.Hour

// ErrKeyReused is a key that came before with another request.
var ErrKeyReused = fault.New(fault.Conflict, "idempotency_key_reused",
	"this Idempotency-Key was used for another request")

// Key is the client's name for one command: 1 to 128 visible ASCII characters, or "" for none.
type Key string

// ParseKey checks a key that was sent. An empty one, a longer one, and one with blanks or characters
// outside visible ASCII is fault.Invalid.
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

// UnmarshalText implements encoding.TextUnmarshaler as ParseKey.
func (k *Key) UnmarshalText(text []byte) error {
	parsed, err := ParseKey(string(text))
	if err != nil {
		return err
	}
	*k = parsed
	return nil
}

// Command says which request a key stands for.
type Command struct {
	Owner     string // whom the key belongs to
	Key       Key    // "" runs the command without the mechanism
	Operation string // the name of the use case
	Values    any    // path and body, normalised; marshalled to JSON and hashed, never kept; no passwords
}

// fingerprint tells two requests apart without keeping either.
func (c Command) fingerprint() ([32]byte, error) {
	b, err := json.Marshal([]any{c.Operation, c.Values})
	if err != nil {
		return [32]byte{}, fmt.Errorf("fingerprint %s: %w", c.Operation, err)
	}
	return sha256.Sum256(b), nil
}

// Run carries out a command in one unit of work, or gives back the answer of the time before:
// replayed says which. letIn runs before an answer is given back, and refuses those who may not act
// any more; do is trusted to do so itself. An answer goes through JSON, so A keeps its exported fields
// only. Errors: ErrKeyReused (fault.Conflict) where the key came with another request, fault.Invalid for
// a bad key, and those of letIn, do and the store. Refusals are not kept: after one, the key is free.
func Run[T Tx, A any](
	ctx context.Context, store *uow.Store[T], now clock.Clock, cmd Command,
	letIn func(ctx context.Context, tx T) error,
	do func(ctx context.Context, tx T) (A, error),
) (answer A, replayed bool, err error) {
	var none A
	if cmd.Key == "" {
		err = store.Do(ctx, func(ctx context.Context, tx T) error {
			answer, err = do(ctx, tx)
			return err
		})
		if err != nil {
			return none, false, err
		}
		return answer, false, nil
	}
	if _, err = ParseKey(string(cmd.Key)); err != nil {
		return answer, false, err
	}
	print, err := cmd.fingerprint()
	if err != nil {
		return answer, false, err
	}
	err = store.DoRepeatable(ctx, func(ctx context.Context, tx T) error {
		answer, replayed = none, false // an attempt that was rolled back leaves nothing behind
		kept, err := tx.Idempotency().Claim(ctx, cmd.Owner, cmd.Key)
		switch {
		case err == nil:
			replayed = true
			return replay(ctx, tx, kept, print, letIn, &answer)
		case !errors.Is(err, fault.NotFound):
			return fmt.Errorf("claim an idempotency key: %w", err)
		}
		if answer, err = do(ctx, tx); err != nil {
			return err
		}
		return save(ctx, tx, cmd, print, now.Now(), answer)
	})
	if err != nil {
		return none, false, err
	}
	return answer, replayed, nil
}

func replay[T Tx, A any](ctx context.Context, tx T, kept Record, print [32]byte, letIn func(context.Context, T) error, answer *A) error {
	if err := letIn(ctx, tx); err != nil {
		return err
	}
	if kept.Fingerprint != print {
		return ErrKeyReused
	}
	if err := json.Unmarshal(kept.Answer, answer); err != nil {
		return fmt.Errorf("read the answer kept under an idempotency key: %w", err)
	}
	return nil
}

func save[T Tx, A any](ctx context.Context, tx T, cmd Command, print [32]byte, at time.Time, answer A) error {
	b, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("keep the answer of %s: %w", cmd.Operation, err)
	}
	err = tx.Idempotency().Save(ctx, Record{Owner: cmd.Owner, Key: cmd.Key, Fingerprint: print, Answer: b, CreatedAt: at})
	if err != nil {
		return fmt.Errorf("keep the answer of %s: %w", cmd.Operation, err)
	}
	return nil
}

// Purge removes the records that are older than Retention, in units of at most 1,000, and says how
// many. It may run at any time and in several processes at once.
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
