package audit

import (
	"context"
	"encoding/json"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// purse is what an audit remembers of the tokens of a user: the wallet, and a summary of the
// ledger.
type purse struct {
	wallet       id.Wallet // zero if there is no wallet
	balance, seq int64
	closed       bool

	lines, sum     int64
	lastSeq, after int64 // of the last line
	bonus          bool
}

func (a *audit) checkWallets(ctx context.Context) error {
	return a.each(ctx, "wallets", func(r record) {
		wallet, user := id.Wallet(r.id("id")), id.User(r.id("user_id"))
		a.found.Wallets++
		a.balances += r.int("balance")
		if _, found := a.erased[user]; !found {
			a.broken("wallet_user", wallet, "it belongs to %s, who does not exist", user)
		}
		if other, taken := a.purses[user]; taken {
			a.broken("wallet_user", wallet, "its user also has the wallet %s", other.wallet)
			return
		}
		a.purses[user] = &purse{wallet: wallet, balance: r.int("balance"), seq: r.int("seq"), closed: r.bool("closed")}
	})
}

// checkTransactions reads the ledger in the order of its key, which is by user and seq, and the
// seals along with it.
func (a *audit) checkTransactions(ctx context.Context) error {
	chains, stop := a.follow(ctx)
	defer stop()
	err := a.each(ctx, "token_transactions", func(r record) {
		line := transaction(r)
		p, found := a.purses[line.UserID]
		if !found {
			p = &purse{}
			a.purses[line.UserID] = p
		}
		a.found.Transactions++
		a.checkLine(r, line, p)
		a.checkPurpose(r, line.UserID, p)
		chains.check(line)
		p.lines++
		p.sum += line.Amount
		p.lastSeq, p.after = line.Seq, line.BalanceAfter
	})
	if err != nil {
		return err
	}
	return chains.end()
}

// transaction returns a line of the ledger. Its metadata is empty if it is malformed.
func transaction(r record) tokens.Transaction {
	t := tokens.Transaction{
		ID: r.id("id"), UserID: r.id("user_id"), Seq: r.int("seq"), Amount: r.int("amount"), Type: tokens.Type(r.text("type")),
		Reason: r.text("reason"), BalanceBefore: r.int("balance_before"), BalanceAfter: r.int("balance_after"),
		CreatedAt: r.time("created_at"),
	}
	if m, err := tokens.ParseMetadata([]byte(r.text("metadata"))); err == nil {
		t.Metadata = m
	}
	return t
}

// checkLine checks one transaction by itself and against the previous one.
func (a *audit) checkLine(r record, line tokens.Transaction, p *purse) {
	before, after := line.BalanceBefore, line.BalanceAfter
	if line.Seq != p.lastSeq+1 {
		a.broken("transaction_seq", line.ID, "seq %d follows %d", line.Seq, p.lastSeq)
	}
	if before != p.after {
		a.broken("transaction_chain", line.ID, "it begins with %d, and the previous one ends with %d", before, p.after)
	}
	if after-before != line.Amount {
		a.broken("transaction_arithmetic", line.ID, "an amount of %d leads to %d from %d", line.Amount, after, before)
	}
	if before < 0 || after < 0 {
		a.broken("transaction_balance", line.ID, "the balances are %d and %d", before, after)
	}
	if !line.Type.Allows(line.Amount) {
		a.broken("transaction_amount", line.ID, "%q allows no amount of %d", line.Type, line.Amount)
	}
	if line.Metadata.String() != r.text("metadata") {
		a.broken("transaction_metadata", line.ID, "the metadata is not a JSON object in canonical form")
	}
}

// checkPurpose checks the reservation or message that a transaction names, and counts what came in
// and went out.
func (a *audit) checkPurpose(r record, user id.User, p *purse) {
	kind, amount := tokens.Type(r.text("type")), r.int("amount")
	switch kind {
	case tokens.ActivityPayment, tokens.ActivityReceipt, tokens.Refund:
		a.checkPayment(r, payment{kind, user, amount})
		return // these move tokens between users and what is held
	case tokens.MessageSent:
		a.checkCharge(r, user)
	case tokens.SignupBonus:
		if p.bonus {
			a.broken("signup_bonus", user, "has more than one; a further one is %s", id.Transaction(r.id("id")))
		}
		p.bonus = true
	}
	a.came += amount
}

func (a *audit) checkPayment(r record, paid payment) {
	b, found := a.bookings[namedIn(r).Reservation]
	if !found {
		a.broken("transaction_reservation", r.id("id"), "%s names no reservation that exists", paid.kind)
		return
	}
	b.paid = append(b.paid, paid)
}

func (a *audit) checkCharge(r record, user id.User) {
	message := namedIn(r).Message
	number, found := a.messages.find(message)
	if !found {
		a.broken("transaction_message", r.id("id"), "it names no message that exists")
		return
	}
	m := &a.messages.at(number).row
	switch from, _, _ := a.originOf(message, *m); {
	case from.sender != user:
		a.broken("transaction_message", r.id("id"), "it names the message %s, which another user sent", message)
	case m.charged:
		a.broken("transaction_message", r.id("id"), "it names the message %s, which another transaction paid for",
			message)
	}
	m.charged = true
}

// named is what the metadata of a transaction may name.
type named struct {
	Message     id.Message     `json:"message_id"`
	Reservation id.Reservation `json:"reservation_id"`
}

func namedIn(r record) named {
	var n named
	if json.Unmarshal([]byte(r.text("metadata")), &n) != nil {
		return named{} // the zero identifiers exist nowhere
	}
	return n
}

// checkPurses compares wallets with their ledgers, and the sums of both.
func (a *audit) checkPurses(context.Context) error {
	for _, user := range inOrder(a.erased) {
		if p, found := a.purses[user]; !found || p.wallet.IsZero() {
			a.broken("wallet_user", user, "has no wallet")
		} else if p.closed != a.erased[user] {
			a.broken("wallet_closed", p.wallet, "closed: %t, but its user is erased: %t", p.closed, a.erased[user])
		}
	}
	for _, user := range inOrder(a.purses) {
		a.checkPurse(user, a.purses[user])
	}
	if a.balances+a.found.Held != a.came {
		a.broken("store_balance", [16]byte{}, "wallets hold %d and reservations %d, but by the ledger they hold %d",
			a.balances, a.found.Held, a.came)
	}
	return nil
}

func (a *audit) checkPurse(user id.User, p *purse) {
	if p.wallet.IsZero() {
		if _, found := a.erased[user]; !found {
			a.broken("wallet_user", user, "has transactions, and neither a wallet nor an account")
		}
		return
	}
	if p.balance < 0 || p.balance != p.sum || p.balance != p.after {
		a.broken("wallet_balance", p.wallet, "it holds %d; its ledger ends with %d and adds up to %d", p.balance,
			p.after, p.sum)
	}
	if p.seq != p.lines {
		a.broken("wallet_seq", p.wallet, "its seq is %d, and its ledger has %d lines", p.seq, p.lines)
	}
	if p.closed && p.balance != 0 {
		a.broken("wallet_closed", p.wallet, "it is closed and holds %d", p.balance)
	}
}
