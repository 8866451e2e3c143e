package tokens

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/uow"
)

// Ledger is how the other domains move tokens: inside their own units of work. It gives each entry
// its id; time is the caller's, so that everything in one unit bears the same.
type Ledger struct {
	ids id.Source
}

// NewLedger returns a Ledger; nil takes identifiers from an id.Generator that reads the system's clock.
func NewLedger(ids id.Source) *Ledger {
	if ids == nil {
		ids = id.NewGenerator(nil)
	}
	return &Ledger{ids: ids}
}

// Movement is one change of one balance.
type Movement struct {
	UserID      id.User
	Amount      int64
	Type        Type
	Reason      string
	Metadata    Metadata
	UpToBalance bool // see Entry
}

// Open gives a new user a wallet.
func (l *Ledger) Open(ctx context.Context, tx Tx, user id.User) error {
	if err := tx.Tokens().Open(ctx, Wallet{ID: id.Wallet(l.ids.Next()), UserID: user}); err != nil {
		return fmt.Errorf("open a wallet: %w", err)
	}
	return nil
}

// Post writes movements to the ledger, all or none, at a time that is cut to the millisecond. What is credited to somebody who is gone leaves
// again at once as WITHDRAWAL. Movements of 0 tokens are left out: what is free writes nothing. Errors:
// ErrTooFewTokens, ErrTooManyTokens, fault.Invalid, fault.NotFound for a user without a wallet.
func (l *Ledger) Post(ctx context.Context, tx Tx, at time.Time, movements ...Movement) ([]Transaction, error) {
	at = clock.Trim(at)
	entries := make([]Entry, 0, len(movements))
	for _, m := range movements {
		if m.Amount == 0 {
			continue
		}
		e := Entry{
			ID: id.Transaction(l.ids.Next()), UserID: m.UserID, Amount: m.Amount, Type: m.Type, Reason: m.Reason,
			Metadata: m.Metadata, CreatedAt: at, UpToBalance: m.UpToBalance,
		}
		if err := e.Check(); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, nil
	}
	receipts, err := tx.Tokens().Post(ctx, entries...)
	if err != nil {
		return nil, fmt.Errorf("post to the ledger: %w", err)
	}
	written := make([]Transaction, 0, len(receipts))
	var leaving []Entry
	for _, r := range receipts {
		written = append(written, r.Transaction)
		if r.Closed && r.Transaction.Amount > 0 {
			leaving = append(leaving, l.withdrawal(r.Transaction.UserID, r.Transaction.Amount, at))
		}
	}
	if len(leaving) > 0 {
		if _, err := tx.Tokens().Post(ctx, leaving...); err != nil {
			return nil, fmt.Errorf("withdraw from a closed wallet: %w", err)
		}
	}
	return written, nil
}

// Close empties the wallet of a person who is erased; what is credited to it later leaves it immediately. The
// movements that come with the erasure are posted as by Post, those of the person's own wallet before it is
// emptied: of all these wallets, each is held in its turn, by user id ascending.
func (l *Ledger) Close(ctx context.Context, tx Tx, user id.User, at time.Time, movements ...Movement) error {
	var before, after []Movement
	for _, m := range movements {
		if m.UserID.Compare(user) <= 0 {
			before = append(before, m)
		} else {
			after = append(after, m)
		}
	}
	if _, err := l.Post(ctx, tx, at, before...); err != nil {
		return err
	}
	if err := l.empty(ctx, tx, user, at); err != nil {
		return err
	}
	_, err := l.Post(ctx, tx, at, after...)
	return err
}

func (l *Ledger) empty(ctx context.Context, tx Tx, user id.User, at time.Time) error {
	at = clock.Trim(at)
	w, err := tx.Tokens().Close(ctx, user)
	if err != nil {
		return fmt.Errorf("close a wallet: %w", err)
	}
	if w.Balance == 0 {
		return nil
	}
	if _, err := tx.Tokens().Post(ctx, l.withdrawal(user, w.Balance, at)); err != nil {
		return fmt.Errorf("empty a wallet: %w", err)
	}
	return nil
}

func (l *Ledger) withdrawal(user id.User, amount int64, at time.Time) Entry {
	return Entry{
		ID: id.Transaction(l.ids.Next()), UserID: user, Amount: -amount, Type: Withdrawal,
		Reason: "account erased", CreatedAt: at,
	}
}

// Service lists the ledger of a user; package reservations reads the balance and the held part of it.
type Service struct {
	store *uow.Store[Tx]
}

// NewService returns a Service, or an error if there is no store.
func NewService(store *uow.Store[Tx]) (*Service, error) {
	if store == nil {
		return nil, fault.Missing("tokens", struct{ Store any }{})
	}
	return &Service{store: store}, nil
}

// Transactions lists a user's ledger, newest first. Errors: fault.Invalid for a bad limit.
func (s *Service) Transactions(ctx context.Context, user id.User, r page.Request[int64]) (page.Page[Transaction, int64], error) {
	var p page.Page[Transaction, int64]
	err := s.store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		p, err = page.Read(r, Place, func(below *int64, limit int) ([]Transaction, error) {
			return tx.Tokens().Transactions(ctx, user, below, limit)
		})
		return err
	})
	if err != nil {
		return p, fmt.Errorf("list transactions: %w", err)
	}
	return p, nil
}

// Place is where a transaction stands in its wallet's ledger: its seq.
func Place(t Transaction) int64 { return t.Seq }
