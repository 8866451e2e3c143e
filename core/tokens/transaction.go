package tokens

import (
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/text"
)

// Type is the reason of a transaction, as programs read it.
type Type string

// The types of transactions. Allows reports which sign each of them takes.
const (
	SignupBonus     Type = "SIGNUP_BONUS"
	MessageSent     Type = "MESSAGE_SENT"
	AdminAdjustment Type = "ADMIN_ADJUSTMENT"
	Purchase        Type = "PURCHASE"
	Refund          Type = "REFUND"
	ActivityPayment Type = "ACTIVITY_PAYMENT"
	ActivityReceipt Type = "ACTIVITY_RECEIPT"
	Penalty         Type = "PENALTY"
	Bonus           Type = "BONUS"
	Withdrawal      Type = "WITHDRAWAL"
	Deposit         Type = "DEPOSIT"
)

// Types lists every type.
var Types = []Type{
	SignupBonus, MessageSent, AdminAdjustment, Purchase, Refund, ActivityPayment,
	ActivityReceipt, Penalty, Bonus, Withdrawal, Deposit,
}

// sign is +1 for types that only credit, -1 for types that only debit, and 0 for types that do
// both.
var sign = map[Type]int{
	SignupBonus: +1, Purchase: +1, Refund: +1, ActivityReceipt: +1, Bonus: +1, Deposit: +1,
	MessageSent: -1, ActivityPayment: -1, Penalty: -1, Withdrawal: -1,
	AdminAdjustment: 0,
}

// Allows reports whether a transaction of this type may have the amount: it must not be 0, and must
// have the sign of the type. Allows returns false for an unknown type.
func (t Type) Allows(amount int64) bool {
	s, known := sign[t]
	switch {
	case !known || amount == 0:
		return false
	case amount > 0:
		return s >= 0
	default:
		return s <= 0
	}
}

// MaxAmount is the most tokens that one transaction may credit or debit. It is the largest integer
// that JavaScript represents exactly, and so far below 2^63 that adding it to a balance does not
// overflow.
const MaxAmount = 1<<53 - 1

// MaxReason is the maximum length of a reason in characters.
const MaxReason = 500

// Transaction is one line of the ledger. It never changes.
type Transaction struct {
	ID            id.Transaction
	UserID        id.User
	Seq           int64 // counts the transactions of the wallet, from 1
	Amount        int64 // a credit if positive, a debit if negative
	Type          Type
	Reason        string
	Metadata      Metadata
	BalanceBefore int64
	BalanceAfter  int64
	CreatedAt     time.Time
}

// Entry is a transaction before it is appended to the ledger. The store assigns the seq and the
// balances.
type Entry struct {
	ID        id.Transaction
	UserID    id.User
	Amount    int64
	Type      Type
	Reason    string
	Metadata  Metadata
	CreatedAt time.Time

	// UpToBalance limits a debit to the balance of the wallet. If the balance is 0, the debit still
	// fails with ErrTooFewTokens.
	UpToBalance bool
}

// Prepared returns the entry with its reason as it is stored, or fault.Invalid, with the names of
// the fields, if the entry breaks a rule.
func (e Entry) Prepared() (Entry, error) {
	var f fault.Fields
	_, known := sign[e.Type]
	f.Check(known, "type", "is not a type of transaction")
	switch {
	case e.Amount < -MaxAmount || e.Amount > MaxAmount:
		f.Add("amount", "must be at most 9007199254740991 either way")
	case e.Amount == 0:
		f.Add("amount", "must not be 0")
	case known && !e.Type.Allows(e.Amount):
		f.Add("amount", "has the wrong sign for "+string(e.Type))
	}
	e.Reason = text.Line(&f, "reason", e.Reason, text.Optional, MaxReason)
	return e, f.Err()
}

// Apply returns the transaction that the entry becomes in a wallet with this balance, in which the
// last transaction has this seq. Stores call it while they hold the wallet. Errors:
// ErrTooFewTokens, ErrTooManyTokens.
func (e Entry) Apply(balance, seq int64) (Transaction, error) {
	amount := e.Amount
	switch {
	case e.UpToBalance && amount < 0 && balance == 0:
		return Transaction{}, ErrTooFewTokens
	case e.UpToBalance && amount < 0:
		amount = max(amount, -balance)
	case amount < -balance:
		return Transaction{}, ErrTooFewTokens
	case amount > MaxBalance-balance:
		return Transaction{}, ErrTooManyTokens
	}
	return Transaction{
		ID: e.ID, UserID: e.UserID, Seq: seq + 1, Amount: amount, Type: e.Type, Reason: e.Reason, Metadata: e.Metadata,
		BalanceBefore: balance, BalanceAfter: balance + amount, CreatedAt: e.CreatedAt,
	}, nil
}

// Receipt is the result of an entry that the store appended.
type Receipt struct {
	Transaction Transaction
	Closed      bool // the wallet is closed: Ledger.Post withdraws a credit again
}

// Wallet holds the tokens of a user.
type Wallet struct {
	ID      id.Wallet
	UserID  id.User
	Balance int64 // whole tokens, never below zero
	Closed  bool  // its user was erased; later credits are withdrawn
}
