package idempotency_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// receipt is the answer of the command of these tests.
type receipt struct {
	Balance int64
	secret  string // not exported, so not saved
}

// till is a test world. Its command credits one token to a user and returns the balance.
type till struct {
	*coretest.World
	ada  id.User
	done atomic.Int64 // the number of executions of the command
}

func newTill(t *testing.T, storage ports.Storage) *till {
	w := coretest.NewWorld(t, storage)
	return &till{World: w, ada: w.Person("Ada")}
}

func (w *till) give(ctx context.Context, tx ports.Tx) (receipt, error) {
	w.done.Add(1)
	written, err := w.Ledger.Post(ctx, tx, w.Clock.Now(), tokens.Movement{UserID: w.ada, Amount: 1, Type: tokens.Bonus})
	if err != nil {
		return receipt{}, err
	}
	return receipt{Balance: written[0].BalanceAfter, secret: "hush"}, nil
}

func allow(context.Context, ports.Tx) error { return nil }

func (w *till) run(cmd idempotency.Command) (receipt, bool, error) {
	return idempotency.Run(w.Ctx, w.Store, w.Clock.Now, cmd, allow, w.give, kept)
}

var kept = idempotency.Whole[ports.Tx, receipt]()

// command is a command with a key. Tests change copies of it.
var command = idempotency.Command{Owner: "ada", Key: "k1", Operation: "give", Values: []string{"to", "ada"}}

func TestReplay(t *testing.T) {
	w := newTill(t, memory.New())
	first, replayed, err := w.run(command)
	if err != nil || replayed || first != (receipt{51, "hush"}) {
		t.Fatalf("got %+v, replayed %v, error %v; want a new answer", first, replayed, err)
	}
	w.Clock.Advance(23 * time.Hour)
	w.Unchanged(func() {
		again, replayed, err := w.run(command)
		if err != nil || !replayed || again != (receipt{51, ""}) {
			t.Errorf("got %+v, replayed %v, error %v; want the first answer without secret", again, replayed, err)
		}
	})
	if w.done.Load() != 1 {
		t.Errorf("the command was executed %d times, want 1", w.done.Load())
	}
}

// TestPart checks that only a part of an answer is saved, that a replay recalls the rest in its
// unit of work, and that an answer that was saved with more fields is recalled alike.
func TestPart(t *testing.T) {
	w := newTill(t, memory.New())
	type seq struct{ Seq int64 }
	gone := errors.New("gone")
	var recalled error
	line := func(ctx context.Context, tx ports.Tx) (tokens.Transaction, error) {
		written, err := w.Ledger.Post(ctx, tx, w.Clock.Now(),
			tokens.Movement{UserID: w.ada, Amount: 1, Type: tokens.Bonus, Reason: "for the flowers"})
		if err != nil {
			return tokens.Transaction{}, err
		}
		return written[0], nil
	}
	form := idempotency.Part(func(t tokens.Transaction) seq { return seq{t.Seq} },
		func(ctx context.Context, tx ports.Tx, kept seq) (tokens.Transaction, error) {
			found, err := tx.Tokens().Transactions(ctx, w.ada, new(kept.Seq+1), 1)
			if err != nil || recalled != nil {
				return tokens.Transaction{}, errors.Join(err, recalled)
			}
			return found[0], nil
		})
	run := func(key idempotency.Key) (tokens.Transaction, bool, error) {
		cmd := command
		cmd.Key = key
		return idempotency.Run(w.Ctx, w.Store, w.Clock.Now, cmd, allow, line, form)
	}
	first, _, err := run("k1")
	coretest.Is(t, err, nil)
	var saved idempotency.Record
	coretest.Is(t, w.Store.Do(w.Ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		if saved, err = tx.Idempotency().Claim(ctx, "ada", "k1"); err != nil {
			return err
		}
		whole, err := json.Marshal(first)
		if err != nil {
			return err
		}
		if _, err := tx.Idempotency().Claim(ctx, "ada", "whole"); !errors.Is(err, fault.NotFound) {
			return err
		}
		return tx.Idempotency().Save(ctx, idempotency.Record{
			Owner: "ada", Key: "whole", Fingerprint: saved.Fingerprint, Answer: whole, CreatedAt: saved.CreatedAt,
		})
	}), nil)
	if got := string(saved.Answer); got != `{"Seq":2}` {
		t.Errorf("saved %s, want the seq alone", got)
	}
	for _, key := range []idempotency.Key{"k1", "whole"} {
		if again, replayed, err := run(key); err != nil || !replayed || again != first {
			t.Errorf("%s: got %+v, replayed %v, error %v; want %+v", key, again, replayed, err, first)
		}
	}
	recalled = gone
	if again, replayed, err := run("k1"); !errors.Is(err, gone) || replayed || again != (tokens.Transaction{}) {
		t.Errorf("a failed recall: got %+v, replayed %v, error %v", again, replayed, err)
	}
}

// TestReplayed checks that Replayed reports an earlier answer, and only to its request.
func TestReplayed(t *testing.T) {
	w := newTill(t, memory.New())
	unwatched := w.Ctx
	for i, want := range []bool{false, true, true} {
		w.Ctx = idempotency.Watch(unwatched)
		_, _, err := w.run(command)
		coretest.Is(t, err, nil)
		if got := idempotency.Replayed(w.Ctx); got != want {
			t.Errorf("request %d: got %v, want %v", i+1, got, want)
		}
	}
	w.Ctx = idempotency.Watch(unwatched)
	refused := errors.New("not allowed")
	_, _, err := idempotency.Run(w.Ctx, w.Store, w.Clock.Now, command,
		func(context.Context, ports.Tx) error { return refused }, w.give, kept)
	if !errors.Is(err, refused) || idempotency.Replayed(w.Ctx) {
		t.Errorf("a refused repeat: got %v, replayed %v", err, idempotency.Replayed(w.Ctx))
	}
	w.Ctx = unwatched
	if _, replayed, err := w.run(command); err != nil || !replayed || idempotency.Replayed(w.Ctx) {
		t.Errorf("without Watch: replayed %v, %v, and the context tells %v", replayed, err, idempotency.Replayed(w.Ctx))
	}
}

func TestWithoutKey(t *testing.T) {
	w := newTill(t, memory.New())
	cmd := command
	cmd.Key = ""
	for _, want := range []int64{51, 52} {
		got, replayed, err := w.run(cmd)
		if err != nil || replayed || got.Balance != want {
			t.Errorf("got %+v, replayed %v, error %v; want a balance of %d", got, replayed, err, want)
		}
	}
	if strings.Contains(w.Rows(), "give") {
		t.Error("a record was saved")
	}
}

func TestReusedKey(t *testing.T) {
	w := newTill(t, memory.New())
	_, _, err := w.run(command)
	coretest.Is(t, err, nil)

	for name, change := range map[string]func(c *idempotency.Command){
		"another operation": func(c *idempotency.Command) { c.Operation = "take" },
		"other values":      func(c *idempotency.Command) { c.Values = []string{"to", "luca"} },
		"joined values":     func(c *idempotency.Command) { c.Values = []string{"toada"} },
	} {
		cmd := command
		change(&cmd)
		w.Unchanged(func() {
			if _, _, err := w.run(cmd); !errors.Is(err, idempotency.ErrKeyReused) || !errors.Is(err, fault.Conflict) {
				t.Errorf("%s: got error %v, want %v, which matches fault.Conflict", name, err, idempotency.ErrKeyReused)
			}
		})
	}
	for name, change := range map[string]func(c *idempotency.Command){
		"another owner": func(c *idempotency.Command) { c.Owner = "luca" },
		"another key":   func(c *idempotency.Command) { c.Key = "K1" },
	} {
		cmd := command
		change(&cmd)
		if _, replayed, err := w.run(cmd); err != nil || replayed {
			t.Errorf("%s: replayed %v, error %v; want a new answer", name, replayed, err)
		}
	}
}

var errDenied = errors.New("access denied")

func TestUnauthorizedReplay(t *testing.T) {
	w := newTill(t, memory.New())
	_, _, err := w.run(command)
	coretest.Is(t, err, nil)
	deny := func(context.Context, ports.Tx) error { return errDenied }
	other := command
	other.Operation = "take"
	for _, cmd := range []idempotency.Command{command, other} { // ErrKeyReused would reveal that the key was used
		got, _, err := idempotency.Run(w.Ctx, w.Store, w.Clock.Now, cmd, deny, w.give, kept)
		if !errors.Is(err, errDenied) || got != (receipt{}) {
			t.Errorf("got %+v and error %v, want no answer and %v", got, err, errDenied)
		}
	}
}

func TestKeyIsFreeAfterError(t *testing.T) {
	w := newTill(t, memory.New())
	w.Unchanged(func() {
		_, _, err := idempotency.Run(w.Ctx, w.Store, w.Clock.Now, command, allow, func(ctx context.Context, tx ports.Tx) (receipt, error) {
			if _, err := w.give(ctx, tx); err != nil {
				return receipt{}, err
			}
			return receipt{}, errDenied
		}, kept)
		coretest.Is(t, err, errDenied)
	})
	other := command
	other.Operation = "give after all"
	_, replayed, err := w.run(other)
	if err != nil || replayed {
		t.Errorf("replayed %v, error %v; want the key to be free", replayed, err)
	}
}

func TestKeyIsFreeAfterPanic(t *testing.T) {
	w := newTill(t, memory.New())
	w.Unchanged(func() {
		defer func() {
			if recover() != "ouch" {
				t.Error("the panic was swallowed")
			}
		}()
		_, _, _ = idempotency.Run(w.Ctx, w.Store, w.Clock.Now, command, allow, func(ctx context.Context, tx ports.Tx) (receipt, error) {
			if _, err := w.give(ctx, tx); err != nil {
				return receipt{}, err
			}
			panic("ouch")
		}, kept)
	})
	_, replayed, err := w.run(command)
	if err != nil || replayed {
		t.Errorf("replayed %v, error %v; want the key to be free", replayed, err)
	}
}

func TestKeys(t *testing.T) {
	good := []string{"a", "~", "!", "0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a", strings.Repeat("k", 128)}
	bad := []string{"", " ", "a b", "a\tb", "a\n", "\x7f", "é", "a\x00", strings.Repeat("k", 129)}
	for _, s := range good {
		if key, err := idempotency.ParseKey(s); err != nil || string(key) != s {
			t.Errorf("ParseKey(%q): got %q and error %v", s, key, err)
		}
		var key idempotency.Key
		if err := key.UnmarshalText([]byte(s)); err != nil || string(key) != s {
			t.Errorf("UnmarshalText(%q): got %q and error %v", s, key, err)
		}
	}
	w := newTill(t, memory.New())
	for _, s := range bad {
		key, err := idempotency.ParseKey(s)
		coretest.Fields(t, err, "Idempotency-Key")
		if key != "" {
			t.Errorf("ParseKey(%q) returned an error and %q", s, key)
		}
		key = "before"
		coretest.Fields(t, key.UnmarshalText([]byte(s)), "Idempotency-Key")
		if key != "before" {
			t.Errorf("UnmarshalText(%q) returned an error and changed the key to %q", s, key)
		}
		if s == "" {
			continue // runs the command without a key
		}
		cmd := command
		cmd.Key = idempotency.Key(s)
		_, _, err = w.run(cmd)
		coretest.Fields(t, err, "Idempotency-Key")
	}
	if w.done.Load() != 0 {
		t.Error("a command with an invalid key was executed")
	}
}

func TestConcurrentRepeats(t *testing.T) {
	w := newTill(t, memory.New())
	var fresh atomic.Int64
	errs := coretest.AtOnce(30, func(int) error {
		got, replayed, err := w.run(command)
		if !replayed {
			fresh.Add(1)
		}
		if err == nil && got.Balance != 51 {
			err = fmt.Errorf("a balance of %d", got.Balance)
		}
		return err
	})
	if n := coretest.Count(errs, nil); n != len(errs) {
		t.Errorf("%d of %d commands succeeded: %v", n, len(errs), errors.Join(errs...))
	}
	if w.Balance(w.ada) != 51 || fresh.Load() != 1 {
		t.Errorf("the balance is %d and %d answers were new, want 51 and 1", w.Balance(w.ada), fresh.Load())
	}
}

// unsure is a storage in which the next units that write return ErrOutcomeUnknown.
type unsure struct {
	ports.Storage
	outcomes []bool // for each of these units, whether it is committed
}

var errLost = errors.New("the connection was lost")

func (u *unsure) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	if mode != uow.Write || len(u.outcomes) == 0 {
		return u.Storage.Run(ctx, mode, fn)
	}
	committed := u.outcomes[0]
	u.outcomes = u.outcomes[1:]
	err := u.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
		if err := fn(ctx, tx); err != nil || committed {
			return err
		}
		return errLost
	})
	if err != nil && !errors.Is(err, errLost) {
		return err
	}
	return fmt.Errorf("commit: %w", uow.ErrOutcomeUnknown)
}

func TestUnknownOutcomes(t *testing.T) {
	for name, test := range map[string]struct {
		key      idempotency.Key
		outcomes []bool
		want     error
		replayed bool
		balance  int64
	}{
		"key, committed":                {"k1", []bool{true}, nil, true, 51},
		"key, not committed":            {"k1", []bool{false}, nil, false, 51},
		"key, several unknown outcomes": {"k1", []bool{false, false, true}, nil, true, 51},
		"no key, committed":             {"", []bool{true}, uow.ErrOutcomeUnknown, false, 51},
		"no key, not committed":         {"", []bool{false}, uow.ErrOutcomeUnknown, false, 50},
		"key, replay unknown as well":   {"k1", []bool{true, true}, nil, true, 51},
	} {
		t.Run(name, func(t *testing.T) {
			storage := &unsure{Storage: memory.New()}
			w := newTill(t, storage)
			storage.outcomes = test.outcomes
			cmd := command
			cmd.Key = test.key
			got, replayed, err := w.run(cmd)
			coretest.Is(t, err, test.want)
			if replayed != test.replayed || err == nil && got.Balance != 51 {
				t.Errorf("got %+v, replayed %v; want replayed %v", got, replayed, test.replayed)
			}
			if w.Balance(w.ada) != test.balance {
				t.Errorf("the balance is %d, want %d", w.Balance(w.ada), test.balance)
			}
		})
	}
}

// TestRolledBackAnswer checks that the answer of an attempt that was rolled back is discarded.
func TestRolledBackAnswer(t *testing.T) {
	w := newTill(t, memory.New())
	attempts := 0
	got, _, err := idempotency.Run(w.Ctx, w.Store, w.Clock.Now, command, allow, func(context.Context, ports.Tx) (map[string]int, error) {
		attempts++
		answer := map[string]int{"attempt": attempts}
		if attempts == 1 {
			answer["first"] = 1
			return answer, uow.ErrConflict
		}
		return answer, nil
	}, idempotency.Whole[ports.Tx, map[string]int]())
	if err != nil || len(got) != 1 || got["attempt"] != 2 {
		t.Errorf("got %v and error %v, want only the answer of the second attempt", got, err)
	}
}

func TestUnencodableAnswers(t *testing.T) {
	w := newTill(t, memory.New())
	w.Unchanged(func() {
		cmd := command
		cmd.Values = make(chan int)
		_, _, err := w.run(cmd)
		if _, ok := errors.AsType[*json.UnsupportedTypeError](err); !ok {
			t.Errorf("values that JSON cannot encode: got error %v", err)
		}
		_, _, err = idempotency.Run(w.Ctx, w.Store, w.Clock.Now, command, allow, func(ctx context.Context, tx ports.Tx) (chan int, error) {
			_, err := w.give(ctx, tx)
			return nil, err
		}, idempotency.Whole[ports.Tx, chan int]())
		if _, ok := errors.AsType[*json.UnsupportedTypeError](err); !ok {
			t.Errorf("an answer that JSON cannot encode: got error %v", err)
		}
	})

	_, _, err := w.run(command)
	coretest.Is(t, err, nil)
	_, _, err = idempotency.Run(w.Ctx, w.Store, w.Clock.Now, command, allow, func(context.Context, ports.Tx) (int, error) { return 7, nil },
		idempotency.Whole[ports.Tx, int]())
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); !ok {
		t.Errorf("an answer of another type: got error %v", err)
	}
}

func TestPurge(t *testing.T) {
	w := newTill(t, memory.New())
	record := func(key string, age time.Duration) idempotency.Record {
		return idempotency.Record{Owner: "ada", Key: idempotency.Key(key), Answer: []byte("{}"), CreatedAt: w.Clock.Now().Add(-age)}
	}
	var records []idempotency.Record
	for i := range 2500 {
		records = append(records, record(fmt.Sprintf("old-%d", i), 25*time.Hour))
	}
	records = append(records, record("due", idempotency.Retention+time.Millisecond), record("young", idempotency.Retention), record("new", 0))
	err := w.Store.Do(w.Ctx, func(ctx context.Context, tx ports.Tx) error {
		for _, r := range records {
			if err := tx.Idempotency().Save(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
	coretest.Is(t, err, nil)

	n, err := idempotency.Purge(w.Ctx, ports.ForIdempotency(w.Store), w.Clock.Now)
	if err != nil || n != 2501 {
		t.Errorf("purged %d with error %v, want 2501", n, err)
	}
	for _, key := range []idempotency.Key{"young", "new"} {
		cmd := command
		cmd.Key = key
		if _, _, err := w.run(cmd); !errors.Is(err, idempotency.ErrKeyReused) {
			t.Errorf("%s: got error %v, want %v from the record", key, err, idempotency.ErrKeyReused)
		}
	}
	if n, err := idempotency.Purge(w.Ctx, ports.ForIdempotency(w.Store), w.Clock.Now); err != nil || n != 0 {
		t.Errorf("purged %d more with error %v, want 0", n, err)
	}
}

func TestCancelled(t *testing.T) {
	w := newTill(t, memory.New())
	store := ports.ForIdempotency(w.Store)
	for _, name := range []string{"run", "replay"} {
		t.Run(name, func(t *testing.T) {
			coretest.Is(t, w.Cancelled(func(ctx context.Context) error {
				_, _, err := idempotency.Run(ctx, w.Store, w.Clock.Now, command, allow, w.give, kept)
				return err
			}), nil)
		})
	}
	t.Run("purge", func(t *testing.T) {
		w.Clock.Advance(48 * time.Hour)
		coretest.Is(t, w.Cancelled(func(ctx context.Context) error {
			_, err := idempotency.Purge(ctx, store, w.Clock.Now)
			return err
		}), nil)
	})
}
