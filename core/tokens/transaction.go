package tokens

import (
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/text"
)

// Type says what a transaction was for.
type Type string

// The types of transactions; Allows says which sign each asks for.
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

// sign is +1 for types that only credit, -1 for those that only debit, 0 for either.
var sign = map[Type]int{
	SignupBonus: +1, Purchase: +1, Refund: +1, ActivityReceipt: +1, Bonus: +1, Deposit: +1,
	MessageSent: -1, ActivityPayment: -1, Penalty: -1, Withdrawal: -1,
	AdminAdjustment: 0,
}

// Allows reports whether a transaction of this type may have the amount: never 0, and of the sign
// that the type asks for. It is false for a type that does not exist.
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

// MaxAmount bounds the tokens of one transaction, either way: far above any price, and far enough
// below 2^63 that no sum of a wallet overflows. It is also what JavaScript holds exactly.
const MaxAmount = 1<<53 - 1

// MaxReason is the length of a reason in characters.
const MaxReason = 500

// Transaction is one line of the ledger. It never changes.
type Transaction struct {
	ID            id.Transaction
	UserID        id.User
	Seq           int64 // 1, 2, 3 … for each wallet
	Amount        int64 // above 0 a credit, below 0 a debit
	Type          Type
	Reason        string
	Metadata      Metadata
	BalanceBefore int64
	BalanceAfter  int64
	CreatedAt     time.Time
}

// Entry is what somebody wants to write to the ledger; the store gives it its seq and balances.
type Entry struct {
	ID        id.Transaction
	UserID    id.User
	Amount    int64
	Type      Type
	Reason    string
	Metadata  Metadata
	CreatedAt time.Time

	// UpToBalance, of a debit, takes what is there where that is less than Amount. An empty wallet
	// is too little all the same.
	UpToBalance bool
}

// Check returns fault.Invalid where the entry breaks a rule, naming the fields.
func (e Entry) Check() error {
	var f fault.Fields
	if _, known := sign[e.Type]; !known {
		f.Add("type", "is not a type of transaction")
	} else if e.Amount < -MaxAmount || e.Amount > MaxAmount {
		f.Add("amount", "must be at most 9007199254740991 either way")
	} else {
		f.Check(e.Amount != 0, "amount", "must not be 0")
		f.Check(e.Amount == 0 || e.Type.Allows(e.Amount), "amount", "has the wrong sign for "+string(e.Type))
	}
	text.Check(&f, "reason", e.Reason, 0, MaxReason)
	return f.Err()
}

// On is the line of the ledger that the entry becomes on a wallet with this balance, whose last line is seq: for
// stores that compute it while they hold the wallet. Errors: ErrTooFewTokens, ErrTooManyTokens.
func (e Entry) On(balance, seq int64) (Transaction, error) {
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

// Receipt is what the store answers for an entry that it wrote.
type Receipt struct {
	Transaction Transaction
	Closed      bool // the wallet belongs to somebody who is gone: a credit must leave again
}

// Wallet is what a person has.
type Wallet struct {
	ID      id.Wallet
	UserID  id.User
	Balance int64 // whole tokens, never below zero
	Closed  bool  // its person was erased; what is credited later leaves as WITHDRAWAL
}
