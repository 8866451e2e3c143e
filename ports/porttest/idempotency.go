package porttest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/ports"
)

// idempotencyTests tests that a command with a key is done once.
var idempotencyTests = []test{
	{"a record comes back as it was saved", recordKept},
	{"a second unit with a key sees the record of the first", claimWaits},
	{"concurrent commands with one key are done once", doneOnce},
	{"after a refusal the key is free", refusalFreesKey},
	{"another request under the same key is refused", keyReused},
	{"a key belongs to its owner", ownersApart},
	{"forgetting removes the records of one owner", forgotten},
	{"purging removes old records, up to a limit", purged},
	{"a purged key is free", purgedKeyFree},
}

func (f *fixture) newRecord(owner string, key idempotency.Key, at time.Time) idempotency.Record {
	return idempotency.Record{
		Owner: owner, Key: key, Fingerprint: f.secret(), Answer: []byte(`{"n":1,"s":"é"}`), CreatedAt: at,
	}
}

func (f *fixture) save(r idempotency.Record) idempotency.Record {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) error { return claimAndSave(ctx, tx, r) })
	return r
}

// record reads the record of a key; found is false if the key has no record.
func (f *fixture) record(owner string, key idempotency.Key) (r idempotency.Record, found bool) {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) (err error) {
		r, err = tx.Idempotency().Claim(ctx, owner, key)
		found = err == nil
		if errors.Is(err, fault.NotFound) {
			return nil
		}
		return err
	})
	return r, found
}

func recordKept(f *fixture) {
	want := f.save(f.newRecord("ada", "key", noon))
	got, found := f.record("ada", "key")
	f.same("found", found, true)
	f.same("the record", got, want)
	f.do(func(ctx context.Context, tx ports.Tx) error { // a key that is claimed without a record
		return claimFree(ctx, tx, "ada", "unused")
	})
	_, found = f.record("ada", "unused")
	f.same("a key that was claimed without a record has a record", found, false)
}

func claimWaits(f *fixture) {
	record := f.newRecord("ada", "key", noon)
	var second *task
	var seen idempotency.Record
	f.do(func(ctx context.Context, tx ports.Tx) error {
		if err := claimFree(ctx, tx, record.Owner, record.Key); err != nil {
			return err
		}
		if second == nil {
			second = inBackground(func() error {
				return f.once(func(ctx context.Context, tx ports.Tx) (err error) {
					seen, err = tx.Idempotency().Claim(ctx, record.Owner, record.Key)
					return err
				})
			})
			second.endsSoon()
		}
		return tx.Idempotency().Save(ctx, record)
	})
	switch err := second.wait(f.ctx); {
	case errors.Is(err, fault.NotFound):
		f.Error("a second unit found no record for a key that another unit had claimed")
	case err == nil:
		f.same("the record that the second unit read", seen, record)
	case !lostOrNil(err):
		f.Errorf("the second unit returned %v", err)
	}
}

// bonus is a command that credits tokens, with its key.
func (f *fixture) bonus(user id.User, amount int64, cmd idempotency.Command) (answer int64, replayed bool, err error) {
	return f.slowBonus(0, user, amount, cmd)
}

// slowBonus is bonus with a pause after it has claimed its key.
func (f *fixture) slowBonus(
	pause time.Duration, user id.User, amount int64, cmd idempotency.Command,
) (answer int64, replayed bool, err error) {
	return idempotency.Run(f.ctx, f.store, clock.Clock(func() time.Time { return noon }), cmd,
		func(context.Context, ports.Tx) error { return nil },
		func(ctx context.Context, tx ports.Tx) (int64, error) {
			time.Sleep(pause)
			receipt, err := postOne(ctx, tx, f.newEntry(user, amount, tokens.AdminAdjustment))
			return receipt.Transaction.BalanceAfter, err
		}, idempotency.Whole[ports.Tx, int64]())
}

func command(owner id.User, key idempotency.Key, values any) idempotency.Command {
	return idempotency.Command{Owner: owner.String(), Key: key, Operation: "bonus", Values: values}
}

func doneOnce(f *fixture) {
	const callers = 16
	for round := range rounds(3, 100) {
		ada := f.user(fmt.Sprintf("ada%d", round))
		fresh := make([]bool, callers)
		f.allConcurrently(callers, func(i int) error {
			answer, replayed, err := f.slowBonus(patience, ada.ID, 7, command(ada.ID, "key", 7))
			fresh[i] = !replayed
			if err == nil && answer != 7 {
				err = fmt.Errorf("got the answer %d, want 7", answer)
			}
			return err
		})
		f.same("the number of callers that were not answered by a replay",
			len(filter(fresh, func(b bool) bool { return b })), 1)
		f.same("the balance", f.wallet(ada.ID).Balance, 7)
	}
	f.audited()
}

func refusalFreesKey(f *fixture) {
	ada := f.user("ada")
	before := f.dump()
	for range 2 {
		if _, _, err := f.bonus(ada.ID, -7, command(ada.ID, "key", -7)); !errors.Is(err, tokens.ErrTooFewTokens) {
			f.Errorf("a debit of an empty wallet returned %v", err)
		}
	}
	f.unchanged("a refusal", before)
	answer, replayed, err := f.bonus(ada.ID, 7, command(ada.ID, "key", 7))
	f.kept("the answer to another request", answer, 7, err)
	f.same("replayed", replayed, false)
}

func keyReused(f *fixture) {
	ada := f.user("ada")
	if _, _, err := f.bonus(ada.ID, 7, command(ada.ID, "key", 7)); err != nil {
		f.Fatal(err)
	}
	before := f.dump()
	for _, values := range []any{8, "7", []int{7}} {
		if _, _, err := f.bonus(ada.ID, 8, command(ada.ID, "key", values)); !errors.Is(err, idempotency.ErrKeyReused) {
			f.Errorf("another request under the same key returned %v", err)
		}
	}
	f.unchanged("a request under a used key", before)
}

func ownersApart(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	for _, u := range []id.User{ada.ID, ben.ID} {
		for _, key := range []idempotency.Key{"key", "KEY", "key2", "ke"} {
			if _, replayed, err := f.bonus(u, 1, command(u, key, 1)); err != nil || replayed {
				f.Errorf("the key %s: replayed %v, error %v", key, replayed, err)
			}
		}
		f.same("the balance", f.wallet(u).Balance, 4)
	}
}

func forgotten(f *fixture) {
	f.save(f.newRecord("ada", "1", noon))
	f.save(f.newRecord("ada", "2", noon))
	kept := f.save(f.newRecord("adah", "1", noon))
	for range 2 { // the second call finds no records
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Idempotency().Forget(ctx, "ada") })
	}
	for _, key := range []idempotency.Key{"1", "2"} {
		_, found := f.record("ada", key)
		f.same("a record that was forgotten is found", found, false)
	}
	got, _ := f.record("adah", "1")
	f.same("another owner's record", got, kept)
}

func purged(f *fixture) {
	for i := range 5 {
		f.save(f.newRecord("ada", idempotency.Key(fmt.Sprint("old", i)), noon.Add(-time.Millisecond)))
	}
	at := f.save(f.newRecord("ada", "at", noon))
	for _, want := range []int{3, 2, 0} {
		n := write(f, func(ctx context.Context, tx ports.Tx) (int, error) {
			return tx.Idempotency().Purge(ctx, noon, 3)
		})
		f.same("the number of purged records", n, want)
	}
	got, _ := f.record("ada", "at")
	f.same("the record created exactly at the limit", got, at)
}

func purgedKeyFree(f *fixture) {
	ada := f.user("ada")
	for want := range 2 {
		answer, replayed, err := f.bonus(ada.ID, 7, command(ada.ID, "key", 7))
		f.kept("the answer", answer, 7*(want+1), err)
		f.same("replayed", replayed, false)
		n, err := idempotency.Purge(f.ctx, f.store, clock.Clock(func() time.Time { return noon.Add(25 * time.Hour) }))
		f.kept("the number of purged records", n, 1, err)
	}
}
