package users

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
)

// Guard limits how many passwords and codes may be guessed and how many resets requested. It counts in the
// store, because several servers may share it. Each try is counted for its address, with or without
// an account, and for its network. After Policy.MaxWrong wrong passwords, a try has to wait for a
// pause that grows up to Policy.MaxPause. Tries from a network from which the account signed in
// before have a count of their own, so that strangers cannot lock its owner out. A try is counted
// before its password is compared, and given back if the password was right, so that concurrent
// tries cannot exceed the limit. The owner is told once of wrong passwords that reached it.
type Guard struct {
	store     *uow.Store[Tx]
	passwords *Passwords
	ids       id.Source
	clock     clock.Clock
	policy    Policy
	key       atomic.Pointer[[]byte] // of the hashes; nil until it is known to be stored
}

// NewGuard returns a Guard, or nil if a part is nil; NewService then reports it as missing.
func NewGuard(store *uow.Store[Tx], passwords *Passwords, ids id.Source, now clock.Clock, p Policy) *Guard {
	if store == nil || passwords == nil || ids == nil || now == nil {
		return nil
	}
	return &Guard{store: store, passwords: passwords, ids: ids, clock: now, policy: p}
}

// Confirm compares a password with the hash of an account. Errors: fault.Invalid on the field if the
// password is wrong, ErrTooManyTries.
func (g *Guard) Confirm(ctx context.Context, u User, hash PasswordHash, from Device, field, password string) error {
	return g.try(ctx, u, from, func() (refusal, err error) { return g.compare(ctx, u, hash, field, password) })
}

// compare compares a password with the hash of an account. refusal is fault.Invalid on the field if it is wrong.
func (g *Guard) compare(ctx context.Context, u User, hash PasswordHash, field, password string) (refusal, err error) {
	if fits, err := g.passwords.Check(ctx, hash, password); err != nil || fits {
		return nil, err
	}
	note(ctx, u.ID, WrongPassword)
	return wrongPassword(field), nil
}

// useCode runs a unit of work that uses a code of a second factor. refusal is fault.Invalid on code
// if the unit returns ErrWrongCode.
func (g *Guard) useCode(ctx context.Context, unit func(context.Context, Tx) error) (refusal, err error) {
	err = g.store.Do(ctx, unit)
	if errors.Is(err, ErrWrongCode) {
		return fault.InvalidField("code", "is wrong or was used before"), nil
	}
	return nil, err
}

// try counts one try for an account, and gives it back unless check returns a refusal, which it
// returns. Errors: ErrTooManyTries, and those of check.
func (g *Guard) try(ctx context.Context, u User, from Device, check func() (refusal, err error)) error {
	under, err := g.begin(ctx, u.Email, from)
	if err != nil {
		return err
	}
	refusal, err := check()
	if refusal != nil && err == nil {
		return under.wrong(ctx, refusal)
	}
	return under.giveBack(ctx, err)
}

// names returns the counts of passwords for an address from a device.
func (g *Guard) names(ctx context.Context, email string, from Device) (names, error) {
	key, err := g.hashKey(ctx)
	return namesOf(key, kindPassword, email, from.counted()), err
}

// hashKey reads the key once. A key that this call made may be undone with the transaction of a
// host, so it is remembered only when it is read again.
func (g *Guard) hashKey(ctx context.Context) (key []byte, err error) {
	if known := g.key.Load(); known != nil {
		return *known, nil
	}
	fresh := newStoreKey()
	err = g.store.Do(ctx, func(ctx context.Context, tx Tx) (err error) {
		key, err = tx.Users().Key(ctx, TryKey, fresh)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the key of tries: %w", err)
	}
	if !bytes.Equal(key, fresh) {
		g.key.Store(&key)
	}
	return key, nil
}

// try is the try of a password that is under way, and is counted.
type try struct {
	guard   *Guard
	email   string
	counts  []Tries // the first is the account's
	network Tries   // of the address from this network, with the time until which it is known
}

// begin counts a try before its password is compared. Errors: ErrTooManyTries.
func (g *Guard) begin(ctx context.Context, email string, from Device) (*try, error) {
	n, err := g.names(ctx, email, from)
	if err != nil {
		return nil, err
	}
	t := &try{guard: g, email: email, network: n.both}
	l := g.policy.guesses()
	err = g.store.Do(ctx, func(ctx context.Context, tx Tx) error {
		stored, err := tx.Users().HoldTries(ctx, hashes(n.address, n.network, n.both)...)
		if err != nil {
			return fmt.Errorf("hold tries: %w", err)
		}
		counts, limits := []Tries{n.address, n.network}, []limit{l, l}
		if both, known := n.both.in(stored); known && g.clock.Now().Before(both.ExpiresAt) {
			counts, limits = []Tries{n.both}, []limit{l}
		}
		t.counts, err = g.admit(ctx, tx, stored, counts, limits)
		return err
	})
	return t, err
}

// requestReset counts a request for a reset, and requests its mail. Errors: ErrTooManyTries.
func (g *Guard) requestReset(ctx context.Context, email string, from Device) error {
	key, err := g.hashKey(ctx)
	if err != nil {
		return err
	}
	n := namesOf(key, kindReset, email, from.counted())
	return g.store.Do(ctx, func(ctx context.Context, tx Tx) error {
		stored, err := tx.Users().HoldTries(ctx, hashes(n.address, n.network)...)
		if err != nil {
			return fmt.Errorf("hold requests for resets: %w", err)
		}
		_, err = g.admit(ctx, tx, stored, []Tries{n.address, n.network},
			[]limit{g.policy.resets(g.policy.MaxResets), g.policy.resets(g.policy.MaxResetsFrom)})
		if err != nil {
			return err
		}
		return requestMail(ctx, tx, g.ids, g.clock.Now(), MailPasswordReset, email)
	})
}

// admit stores one more try in each of the counts that are not zero, or returns ErrTooManyTries with
// the longest wait.
func (g *Guard) admit(ctx context.Context, tx Tx, stored, counts []Tries, limits []limit) (counted []Tries, err error) {
	refused := *ErrTooManyTries
	for i, t := range counts {
		if t.Hash == (SecretHash{}) {
			continue
		}
		t, _ = t.in(stored)
		refused.RetryAfter = max(refused.RetryAfter, limits[i].admit(&t, g.clock.Now()))
		counted = append(counted, t)
	}
	if refused.RetryAfter > 0 {
		return nil, &refused
	}
	if err := tx.Users().SaveTries(ctx, counted...); err != nil {
		return nil, fmt.Errorf("count a try: %w", err)
	}
	return counted, nil
}

// right gives a try back in the unit in which the account signs in, and remembers its network.
func (t *try) right(ctx context.Context, tx Tx) error {
	if err := tx.Users().GiveBackTries(ctx, hashes(t.counts...), t.guard.known(t.network)...); err != nil {
		return fmt.Errorf("give a try back: %w", err)
	}
	return nil
}

// know remembers that an address knows a network.
func (g *Guard) know(ctx context.Context, tx Tx, n names) error {
	if n.both.Hash == (SecretHash{}) {
		return nil
	}
	if err := tx.Users().GiveBackTries(ctx, nil, g.known(n.both)...); err != nil {
		return fmt.Errorf("remember a network: %w", err)
	}
	return nil
}

// known returns the count of an address from a network that it knows from now on, for as long as a
// session may last.
func (g *Guard) known(both Tries) []Tries {
	if both.Hash == (SecretHash{}) {
		return nil
	}
	both.ExpiresAt = g.clock.Now().Add(g.policy.SessionLifetime)
	return []Tries{both}
}

// giveBack gives back a try that was right, or whose password was not compared because of err, which
// it returns. The try of a caller who has left stays counted.
func (t *try) giveBack(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	return errors.Join(err, t.guard.store.Do(ctx, func(ctx context.Context, tx Tx) error {
		return tx.Users().GiveBackTries(ctx, hashes(t.counts...))
	}))
}

// wrong returns the refusal of a wrong password, after it has told the owner of the account if this
// try reached the limit. It does the same work if there is no account.
func (t *try) wrong(ctx context.Context, refusal error) error {
	most := int64(t.guard.policy.MaxWrong)
	if t.counts[0].Count < most {
		return refusal
	}
	err := t.guard.store.Do(ctx, func(ctx context.Context, tx Tx) error {
		stored, err := tx.Users().HoldTries(ctx, t.counts[0].Hash)
		if err != nil {
			return fmt.Errorf("hold tries: %w", err)
		}
		if len(stored) == 0 || stored[0].Count < most || stored[0].Told {
			return nil
		}
		stored[0].Told = true
		if err := tx.Users().SaveTries(ctx, stored...); err != nil {
			return fmt.Errorf("note that the owner is told: %w", err)
		}
		return requestMail(ctx, tx, t.guard.ids, t.guard.clock.Now(), MailWrongPasswords, t.email)
	})
	if err != nil {
		return fmt.Errorf("tell the owner of wrong passwords: %w", err)
	}
	return refusal
}

// PurgeTries removes the counts of tries that have expired, and returns their number. It may run at
// any time, and concurrently in several processes.
func (s *Service) PurgeTries(ctx context.Context) (int, error) {
	n, err := s.purge(ctx, func(ctx context.Context, tx Tx, limit int) (int, error) {
		return tx.Users().PurgeTries(ctx, s.deps.Clock.Now(), limit)
	})
	if err != nil {
		err = fmt.Errorf("purge tries: %w", err)
	}
	return n, err
}
