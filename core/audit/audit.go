// Package audit checks a whole store against the rules of every domain: references, balances, the
// ledger, calendars. It reads the rows of the store and changes none.
package audit

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
)

// Tx is what an audit needs of a unit of work. ports.ForAudit makes one from any store.
type Tx interface {
	Records() Records
}

// Records reads the rows of a store, table by table.
type Records interface {
	// Each returns the rows of a table in ascending order of its key, bytes and text compared byte
	// by byte. It ends at the first error, which it returns with a nil Record. A table that does
	// not exist is an error.
	Each(ctx context.Context, table string) iter.Seq2[Record, error]
}

// Derived is implemented by the Records of a store that keeps values which it makes of several
// rows, for instance to search them. It is optional.
type Derived interface {
	// Disagreeing returns the rows whose values are not those that the store would make now. It ends
	// at the first error, which it returns with a zero Disagreement.
	Disagreeing(ctx context.Context) iter.Seq2[Disagreement, error]
}

// Disagreement is a row with a value that does not agree with the rows of which it was made.
type Disagreement struct {
	Table  string
	Column string   // has the value; only the store knows it
	ID     [16]byte // of the row
}

// Record is one row.
type Record interface {
	// Value returns the value of a column: [16]byte, string, int64, bool, time.Time or []byte, or
	// nil if the value is absent. A column that does not exist is an error.
	Value(column string) (any, error)
}

// Auditor audits a store. It is safe for concurrent use.
type Auditor struct{ store *uow.Store[Tx] }

// New returns an Auditor of a store.
func New(store *uow.Store[Tx]) *Auditor { return &Auditor{store: store} }

// Audit reads all rows in one snapshot, table by table, and returns the rules that they break. It
// changes nothing, and its findings hold no message, address or password. It takes time for all
// rows, and memory for what its later checks need: 24 bytes for a message, and some hundreds for
// each user, conversation, reservation, session, aggregate of events, and message that names an
// image. It returns the errors of the store; a broken rule is not an error. It may run more than
// once.
//
// These are the rules, by the names in Violation.Rule:
//
//	reference                every row that another row refers to exists
//	user_email               addresses by text.FoldAddress are unique, but for those of twins
//	user_role                a role is user or admin
//	user_erased              an erased account has only its history, and the name "deleted"
//	grant_key                the key is kept with which the addresses of bonuses were hashed
//	try_key                  the key is kept with which the names of tries were hashed
//	profile_user             a user has at most one profile
//	profile_age              an age is 18 to 120 or absent
//	interest_name            names of interests by text.Fold are unique, but for those of twins
//	conversation_pair        no two conversations have the same voyager and the same local
//	conversation_self        voyager and local are different users
//	message_sender           the sender of a message takes part in its conversation
//	correspondent            a user is recorded to have written to another if they sent a message
//	message_attachment       a message names the media type of its image, and none without one
//	reservation_participants voyager and local are those of the conversation; one is the creator
//	reservation_dates        a reservation ends after it begins
//	reservation_status       a status is one of the six statuses
//	reservation_tokens       a price in tokens is not below zero
//	reservation_overlap      accepted reservations of one local do not overlap
//	reservation_payment      payment, receipt and refund agree with the status
//	wallet_user              every user has one wallet, and every wallet a user
//	wallet_balance           a balance is the sum of amounts, the last balance_after, at least 0
//	wallet_seq               a wallet's seq is the number of its transactions
//	wallet_closed            the wallet of an erased user is closed and empty; others are open
//	transaction_seq          seq counts 1, 2, 3 … in each wallet
//	transaction_chain        balance_before is the balance_after of the one before, at first 0
//	transaction_arithmetic   balance_after minus balance_before is the amount
//	transaction_balance      no balance before or after a transaction is below zero
//	transaction_amount       the type exists and allows the amount
//	transaction_metadata     metadata is a JSON object in canonical form
//	transaction_message      MESSAGE_SENT names a message of its payer, which no other names
//	transaction_reservation  ACTIVITY_PAYMENT, ACTIVITY_RECEIPT and REFUND name a reservation
//	ledger_seal              a seal is that of its transaction and of the seal before it
//	ledger_gap               no transaction before a sealed one of its wallet is not sealed
//	ledger_head              a chain has the given seal: see AuditAgainst
//	signup_bonus             a user has at most one SIGNUP_BONUS
//	store_balance            balances and held tokens add up to what came in minus what went out
//	report_self              no user reports themselves
//	report_status            a status is one of the four statuses
//	report_pending           no two pending reports have the same reporter and reported user
//	report_review            a report names reviewer and time if it is not pending, and only then
//	report_message           a report has copies of its message and of at most two others of its users' conversation
//	user_suspended           an account that is suspended is neither active nor erased
//	notification             preferences, presences and notices are of users who are not erased; kinds exist
//	second_factor            every account with an active second factor has a stored secret
//	sanction                 kind and outcome exist; the appeal and the outcome have their times
//	block_self               no user blocks themselves
//	event_seq                in each aggregate, seq ascends with the position; events without one come last
//	event_position           no event has a position above the highest that was given
//	subscription             a position is not above the highest; a lease has a holder and an end; that of a webhook has one
//	webhook                  a webhook has a subscription; its old secret has an end
//	derived                  what the store makes of several rows agrees with them: see Derived
func (a *Auditor) Audit(ctx context.Context) (tokens.Verification, error) {
	return a.AuditAgainst(ctx, nil)
}

// AuditAgainst is Audit, and also compares the chains of the ledger with their heads of an earlier
// time. Without them, an audit does not find that the last transactions of a wallet were removed
// together with their seals, or that a chain was made again. AuditAgainst takes memory for all
// heads.
func (a *Auditor) AuditAgainst(ctx context.Context, heads tokens.Heads) (tokens.Verification, error) {
	var found tokens.Verification
	err := a.store.Snapshot(ctx, func(ctx context.Context, tx Tx) (err error) {
		found, err = check(ctx, tx.Records(), heads)
		return err
	})
	if err != nil {
		return tokens.Verification{}, fmt.Errorf("audit the store: %w", err)
	}
	return found, nil
}

func check(ctx context.Context, records Records, heads tokens.Heads) (tokens.Verification, error) {
	a := &audit{
		heads:       heads,
		records:     records,
		erased:      map[id.User]bool{},
		factors:     map[id.User]bool{},
		strays:      map[id.Message]origin{},
		images:      map[id.Message]string{},
		wrote:       map[correspondent]id.Message{},
		copied:      map[id.Report]*reported{},
		bookings:    map[id.Reservation]*booking{},
		purses:      map[id.User]*purse{},
		subscribers: map[string]bool{},
	}
	// Each check uses what the checks before it have remembered.
	for _, check := range []func(context.Context) error{
		a.checkUsers, a.checkSecondFactors, a.checkSessions, a.checkResets, a.checkKeys, a.checkInterests, a.checkProfiles, a.checkConversations,
		a.checkMessages, a.checkCorrespondents, a.checkAttachments, a.checkReservations, a.checkWallets, a.checkTransactions,
		a.checkPurses, a.checkPayments, a.checkReports, a.checkReportedMessages, a.checkSanctions, a.checkBlocks, a.checkAuditRecords,
		a.checkNotifications, a.checkEvents, a.checkWebhooks, a.checkDerived,
	} {
		if err := check(ctx); err != nil {
			return tokens.Verification{}, err
		}
	}
	return a.found, nil
}

func (a *audit) checkDerived(ctx context.Context) error {
	derived, ok := a.records.(Derived)
	if !ok {
		return nil
	}
	for d, err := range derived.Disagreeing(ctx) {
		if err != nil {
			return err
		}
		a.broken("derived", d.ID, "%s.%s does not agree with the rows of which it was made", d.Table, d.Column)
	}
	return nil
}

// audit is one audit in progress: its findings, and what it remembers of the rows that it has read.
type audit struct {
	records Records
	heads   tokens.Heads
	found   tokens.Verification

	erased        map[id.User]bool // has an entry for every user that exists
	factors       map[id.User]bool // the users with an active second factor
	conversations table[id.Conversation, participants]
	messages      table[id.Message, sent]
	strays        map[id.Message]origin
	images        map[id.Message]string        // the media types that messages name, until their images were found
	wrote         map[correspondent]id.Message // a message of each, until the correspondent was found
	copied        map[id.Report]*reported      // the reports of messages
	bookings      map[id.Reservation]*booking
	purses        map[id.User]*purse
	subscribers   map[string]bool // the names of all subscriptions
	balances      int64           // the sum of the balances of all wallets
	came          int64           // what came in minus what went out, by the ledger
}

// broken adds a violation to the findings.
func (a *audit) broken(rule string, subject [16]byte, format string, args ...any) {
	named := ""
	if subject != [16]byte{} {
		named = id.User(subject).String()
	}
	a.brokenBy(rule, named, format, args...)
}

// brokenBy is broken for a subject that has no identifier.
func (a *audit) brokenBy(rule, subject, format string, args ...any) {
	v := tokens.Violation{Rule: rule, Subject: subject, Detail: fmt.Sprintf(format, args...)}
	a.found.Violations = append(a.found.Violations, v)
}

// refers adds a violation unless the user to whom a column of a row refers exists.
func (a *audit) refers(r record, subject [16]byte, column string) {
	user := r.id(column)
	if _, found := a.erased[user]; !found {
		a.broken("reference", subject, "%s.%s is %s, who does not exist", r.table, column, id.User(user))
	}
}

// each calls f with every row of a table in the order of its key.
func (a *audit) each(ctx context.Context, table string, f func(r record)) error {
	var unreadable error
	for row, err := range a.records.Each(ctx, table) {
		if err != nil {
			return err
		}
		f(record{row, table, &unreadable})
		if unreadable != nil {
			return unreadable
		}
	}
	return nil
}

// eachTry is each for an f that may fail, which is not called again after an error.
func (a *audit) eachTry(ctx context.Context, table string, f func(r record) error) error {
	var failed error
	err := a.each(ctx, table, func(r record) {
		if failed == nil {
			failed = f(r)
		}
	})
	if err == nil && failed != nil {
		err = fmt.Errorf("read %s: %w", table, failed)
	}
	return err
}

// record is a row of a known table. Its methods return the zero value if a value is absent; a value
// whose type is not that of its column ends the audit with an error.
type record struct {
	Record
	table      string
	unreadable *error
}

func (r record) id(column string) [16]byte    { return value[[16]byte](r, column) }
func (r record) text(column string) string    { return value[string](r, column) }
func (r record) bytes(column string) []byte   { return value[[]byte](r, column) }
func (r record) int(column string) int64      { return value[int64](r, column) }
func (r record) bool(column string) bool      { return value[bool](r, column) }
func (r record) time(column string) time.Time { return value[time.Time](r, column) }

func value[T any](r record, column string) (v T) {
	raw, err := r.Value(column)
	if raw == nil && err == nil {
		return v
	}
	v, is := raw.(T)
	if err == nil && !is {
		err = fmt.Errorf("the value is a %T, not a %T", raw, v)
	}
	if err != nil && *r.unreadable == nil {
		*r.unreadable = fmt.Errorf("read %s.%s: %w", r.table, column, err)
	}
	return v
}
