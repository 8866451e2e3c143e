package ports

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// Auditor checks the whole of a store against the rules of spec §1 and §2.
type Auditor struct{ store *Store }

// NewAuditor makes an Auditor of a store.
func NewAuditor(s *Store) *Auditor { return &Auditor{store: s} }

// Audit reads all rows in one snapshot, table by table, and returns what breaks a rule. It changes nothing,
// and what it says holds no message, address or password. It takes memory for the identifiers of all
// people, conversations, messages and reservations, and time for all rows. Errors are those of the
// store; that a rule is broken is no error.
//
// The rules, by the names that Violation.Rule has:
//
//	reference                what a row refers to is there
//	user_email               no two accounts have one address without regard to case
//	user_role                a role is user or admin
//	user_erased              of an erased person nothing is left but history, under the name "deleted"
//	profile_user             nobody has two profiles
//	profile_age              an age is 18 to 120 or absent
//	interest_name            no two interests have one name without regard to case
//	conversation_pair        no two conversations have one voyager and one local
//	conversation_self        voyager and local are two people
//	message_sender           who sends a message takes part in its conversation
//	message_attachment       a message and its image name the same media type, or neither is there
//	reservation_participants voyager and local are those of the conversation, and one of them is the creator
//	reservation_dates        a reservation ends after it begins
//	reservation_status       a status is one of the five
//	reservation_tokens       a price in tokens is not below zero
//	reservation_overlap      accepted reservations of one local do not overlap
//	reservation_payment      payment, receipt and refund are what the status asks for
//	wallet_user              everybody has one wallet, and every wallet somebody
//	wallet_balance           a balance is the sum of its amounts and the last balance_after, never below zero
//	wallet_seq               a wallet's seq is the number of its transactions
//	wallet_closed            the wallet of an erased person is closed and empty, and no other is closed
//	transaction_seq          seq counts 1, 2, 3 … in each wallet
//	transaction_chain        balance_before is balance_after of the transaction before, at first 0
//	transaction_arithmetic   balance_after less balance_before is the amount
//	transaction_balance      no balance before or after a transaction is below zero
//	transaction_amount       the type exists and allows the amount
//	transaction_metadata     metadata is a JSON object in canonical form
//	transaction_message      MESSAGE_SENT names a message of its payer, and no other names the same
//	transaction_reservation  ACTIVITY_PAYMENT, ACTIVITY_RECEIPT and REFUND name a reservation
//	signup_bonus             nobody has two
//	store_balance            balances and what is held are the sum of what came in, less what went out
//	report_self              nobody reports themselves
//	report_status            a status is one of the four
//	report_pending           no two pending reports have one reporter and one reported person
//	report_review            a report names reviewer and time once it was moved on, and not before
//	block_self               nobody blocks themselves
func (a *Auditor) Audit(ctx context.Context) (tokens.Verification, error) {
	var v tokens.Verification
	err := a.store.Snapshot(ctx, func(ctx context.Context, tx Tx) (err error) {
		v, err = auditRows(ctx, tx.Rows())
		return err
	})
	if err != nil {
		return tokens.Verification{}, fmt.Errorf("audit the store: %w", err)
	}
	return v, nil
}

// rowReader is the part of Rows that an audit needs.
type rowReader interface {
	Read(ctx context.Context, table *Table, after []any, limit int) ([]Row, error)
}

func auditRows(ctx context.Context, rows rowReader) (tokens.Verification, error) {
	a := &audit{
		rows:          rows,
		erased:        map[id.User]bool{},
		conversations: map[id.Conversation]participants{},
		messages:      map[id.Message]*sent{},
		bookings:      map[id.Reservation]*booking{},
		purses:        map[id.User]*purse{},
	}
	// Each needs what those before it have gathered.
	for _, check := range []func(context.Context) error{
		a.checkUsers, a.checkSessions, a.checkResets, a.checkInterests, a.checkProfiles, a.checkConversations,
		a.checkMessages, a.checkAttachments, a.checkReservations, a.checkWallets, a.checkTransactions,
		a.checkPurses, a.checkPayments, a.checkReports, a.checkBlocks, a.checkAuditRecords,
	} {
		if err := check(ctx); err != nil {
			return tokens.Verification{}, err
		}
	}
	return a.found, nil
}

// audit is one audit under way: what it found, and what it remembers of the rows that it has read.
type audit struct {
	rows  rowReader
	found tokens.Verification

	erased        map[id.User]bool // of everybody who is there
	conversations map[id.Conversation]participants
	messages      map[id.Message]*sent
	bookings      map[id.Reservation]*booking
	purses        map[id.User]*purse
	balances      int64 // the sum of what wallets say that they hold
	came          int64 // what came in less what went out, as the ledger says
}

// broken notes a violation.
func (a *audit) broken(rule string, subject [16]byte, format string, args ...any) {
	v := tokens.Violation{Rule: rule, Detail: fmt.Sprintf(format, args...)}
	if subject != [16]byte{} {
		v.Subject = id.User(subject).String()
	}
	a.found.Violations = append(a.found.Violations, v)
}

// refers notes a violation unless the person to whom a column of a row refers is there.
func (a *audit) refers(r record, subject [16]byte, column string) {
	user := r.id(column)
	if _, found := a.erased[user]; !found {
		a.broken("reference", subject, "%s.%s is %s, who is not there", r.table.Name, column, id.User(user))
	}
}

// The rows read at once. Images are large.
const (
	batch       = 500
	batchImages = 4
)

// each calls f with every row of a table in the order of its key.
func (a *audit) each(ctx context.Context, table *Table, batch int, f func(r record)) error {
	var after []any
	for {
		rows, err := a.rows.Read(ctx, table, after, batch)
		if err != nil {
			return fmt.Errorf("read %s: %w", table.Name, err)
		}
		for _, row := range rows {
			f(record{table: table, row: row})
		}
		if len(rows) < batch {
			return nil
		}
		after = rows[len(rows)-1][:table.Key]
	}
}

// record is a row whose values are asked for by name; what is absent is the zero value.
type record struct {
	table *Table
	row   Row
}

func (r record) id(column string) [16]byte    { return value[[16]byte](r, column) }
func (r record) text(column string) string    { return value[string](r, column) }
func (r record) int(column string) int64      { return value[int64](r, column) }
func (r record) bool(column string) bool      { return value[bool](r, column) }
func (r record) time(column string) time.Time { return value[time.Time](r, column) }

func value[T any](r record, column string) (v T) {
	for i, c := range r.table.Columns {
		if c.Name == column {
			v, _ = r.row[i].(T) // nil where it is absent
		}
	}
	return v
}
