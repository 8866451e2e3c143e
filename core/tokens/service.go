package tokens

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/uow"
)

// Ledger moves tokens for the other domains, inside their units of work. It assigns each entry its
// id. The caller passes the time, so that all rows of one unit have the same.
type Ledger struct {
	ids id.Source
}

// NewLedger returns a Ledger that takes identifiers from ids. If ids is nil, it uses an
// id.Generator that reads the system clock.
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

// Open adds an empty wallet for a new user.
func (l *Ledger) Open(ctx context.Context, tx Tx, user id.User) error {
	if err := tx.Tokens().Open(ctx, Wallet{ID: id.Wallet(l.ids.Next()), UserID: user}); err != nil {
		return fmt.Errorf("open a wallet: %w", err)
	}
	return nil
}

// Post appends movements to the ledger, all or none, with the time at, truncated to the
// millisecond. It returns the transactions that it made of them. Movements of 0 tokens are skipped.
// A credit to a closed wallet is withdrawn again in the same unit, with a second transaction that
// Post does not return. Errors: ErrTooFewTokens, ErrTooManyTokens, fault.Invalid, and
// fault.NotFound for a user without a wallet.
func (l *Ledger) Post(ctx context.Context, tx Tx, at time.Time, movements ...Movement) ([]Transaction, error) {
	at = clock.Truncate(at)
	entries := make([]Entry, 0, len(movements))
	for _, m := range movements {
		if m.Amount == 0 {
			continue
		}
		e, err := l.entry(at, m)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, nil
	}
	receipts, err := l.post(ctx, tx, entries)
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
		if _, err := l.post(ctx, tx, leaving); err != nil {
			return nil, fmt.Errorf("withdraw from a closed wallet: %w", err)
		}
	}
	return written, nil
}

// Prepare returns the entry and the event that Post makes of a movement, for a store that posts it
// and adds the event in one step with other things. The store knows what the event lacks: its Seq
// and BalanceAfter. Errors: fault.Invalid.
func (l *Ledger) Prepare(at time.Time, m Movement) (Entry, events.Event, error) {
	e, err := l.entry(clock.Truncate(at), m)
	if err != nil {
		return Entry{}, events.Event{}, err
	}
	return e, l.changed(Transaction{ID: e.ID, UserID: e.UserID, Amount: e.Amount, Type: e.Type, CreatedAt: e.CreatedAt}), nil
}

// entry returns the entry of a movement at a time, which is truncated.
func (l *Ledger) entry(at time.Time, m Movement) (Entry, error) {
	return Entry{
		ID: id.Transaction(l.ids.Next()), UserID: m.UserID, Amount: m.Amount, Type: m.Type, Reason: m.Reason,
		Metadata: m.Metadata, CreatedAt: at, UpToBalance: m.UpToBalance,
	}.Prepared()
}

// changed returns the event of a transaction.
func (l *Ledger) changed(t Transaction) events.Event {
	return events.New(l.ids, t.CreatedAt, t.Seq, events.WalletChanged{
		Amount: t.Amount, BalanceAfter: t.BalanceAfter, TransactionID: t.ID, Type: string(t.Type), UserID: t.UserID,
	})
}

// post appends entries to the ledger, and adds an event for each.
func (l *Ledger) post(ctx context.Context, tx Tx, entries []Entry) ([]Receipt, error) {
	receipts, err := tx.Tokens().Post(ctx, entries...)
	if err != nil {
		return nil, err
	}
	changed := make([]events.Event, len(receipts))
	for i, r := range receipts {
		changed[i] = l.changed(r.Transaction)
	}
	if err := tx.Events().Add(ctx, changed...); err != nil {
		return nil, fmt.Errorf("add the events of transactions: %w", err)
	}
	return receipts, nil
}

// Close closes and empties the wallet of a user who is erased. Later credits to it are withdrawn
// immediately: see Post. Close also posts the movements that belong to the erasure, like refunds;
// those of the user's own wallet come before it is emptied. Wallets are held in ascending order of
// user id, as all units do it.
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
	at = clock.Truncate(at)
	w, err := tx.Tokens().Close(ctx, user)
	if err != nil {
		return fmt.Errorf("close a wallet: %w", err)
	}
	if w.Balance == 0 {
		return nil
	}
	if _, err := l.post(ctx, tx, []Entry{l.withdrawal(user, w.Balance, at)}); err != nil {
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

// Service lists the transactions of a user, and the heads of all chains. The balance and the held
// tokens are in reservations.Funds.
type Service struct {
	store *uow.Store[Tx]
}

// NewService returns a Service, or an error of kind fault.Internal if store is nil.
func NewService(store *uow.Store[Tx]) (*Service, error) {
	if store == nil {
		return nil, fault.Missing("tokens", struct{ Store any }{})
	}
	return &Service{store: store}, nil
}

// Transactions lists a user's transactions, newest first. Errors: fault.Invalid if the limit is out
// of range.
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

// Heads returns the heads of all chains at one moment. It takes memory for all of them.
func (s *Service) Heads(ctx context.Context) (heads Heads, err error) {
	err = s.store.Snapshot(ctx, func(ctx context.Context, tx Tx) error {
		heads = nil
		var after id.User
		for more := true; more; {
			var chains []Chain
			var err error
			if chains, more, err = all(ctx, tx, after); err != nil {
				return err
			}
			for _, c := range chains {
				if after = c.Last.UserID; c.Last.Seq > 0 {
					heads = append(heads, c.Last)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the heads of the ledger: %w", err)
	}
	return heads, nil
}

// Place returns the position of a transaction in its wallet's ledger, which is its seq.
func Place(t Transaction) int64 { return t.Seq }
