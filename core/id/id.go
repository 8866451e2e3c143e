// Package id defines Cicerone's identifiers: UUIDs of version 7 that the application generates.
// Each kind of object has its own type, so that a message's id cannot be passed as a user's.
package id

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"github.com/cicerone-go/cicerone/core/fault"
)

// ID identifies one object of kind E. It is a 16-byte array: comparable, usable as a map key, and
// accepted by database drivers as a UUID. The zero value identifies no object.
type ID[E any] [16]byte

type (
	// User identifies an account.
	User = ID[userKind]
	// Session identifies a signed-in device.
	Session = ID[sessionKind]
	// Reset identifies a password reset.
	Reset = ID[resetKind]
	// Wallet identifies a wallet.
	Wallet = ID[walletKind]
	// Transaction identifies an entry of the ledger.
	Transaction = ID[transactionKind]
	// Profile identifies a profile.
	Profile = ID[profileKind]
	// Interest identifies an interest.
	Interest = ID[interestKind]
	// Conversation identifies a conversation.
	Conversation = ID[conversationKind]
	// Message identifies a message.
	Message = ID[messageKind]
	// Reservation identifies a reservation.
	Reservation = ID[reservationKind]
	// Report identifies a report.
	Report = ID[reportKind]
	// Sanction identifies a sanction.
	Sanction = ID[sanctionKind]
	// Event identifies an event.
	Event = ID[eventKind]
	// Mail identifies a mail that is requested.
	Mail = ID[mailKind]
	// Webhook identifies an endpoint of webhooks.
	Webhook = ID[webhookKind]
	// AuditRecord identifies a record of the audit trail.
	AuditRecord = ID[auditRecordKind]
	// Subject identifies the object of an administrative act, of any kind.
	Subject = ID[subjectKind]
)

// The kinds are empty types that make the identifier types distinct.
type (
	userKind         struct{}
	sessionKind      struct{}
	resetKind        struct{}
	walletKind       struct{}
	transactionKind  struct{}
	profileKind      struct{}
	interestKind     struct{}
	conversationKind struct{}
	messageKind      struct{}
	reservationKind  struct{}
	reportKind       struct{}
	sanctionKind     struct{}
	webhookKind      struct{}
	eventKind        struct{}
	mailKind         struct{}
	auditRecordKind  struct{}
	subjectKind      struct{}
)

// ErrMalformed is returned for text that is not an identifier. Its kind is fault.Invalid, and its
// text continues a sentence that begins with the field's name.
var ErrMalformed error = fault.New(fault.Invalid, fault.CodeInvalid,
	"must be an identifier like 0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a")

// Parse parses the usual form of 36 characters, with hexadecimal digits in either case. For any
// other form it returns ErrMalformed. It accepts UUIDs of all versions; those that are not of
// version 7 identify no object.
func Parse[E any](s string) (ID[E], error) {
	if len(s) != 36 {
		return ID[E]{}, ErrMalformed
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return ID[E]{}, ErrMalformed
	}
	return ID[E](u), nil
}

// String returns the usual form of 36 characters, in lower case.
func (i ID[E]) String() string {
	text := i.text()
	return string(text[:])
}

func (i ID[E]) text() (text [36]byte) {
	hex.Encode(text[0:], i[0:4])
	hex.Encode(text[9:], i[4:6])
	hex.Encode(text[14:], i[6:8])
	hex.Encode(text[19:], i[8:10])
	hex.Encode(text[24:], i[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return text
}

// IsZero reports whether i is the zero value.
func (i ID[E]) IsZero() bool { return i == ID[E]{} }

// Compare returns -1, 0 or +1, comparing by bytes. This is the order of generation time.
func (i ID[E]) Compare(other ID[E]) int { return bytes.Compare(i[:], other[:]) }

// Time returns the time at which an identifier of version 7 was generated, to the millisecond.
func (i ID[E]) Time() time.Time {
	ms := int64(i[0])<<40 | int64(i[1])<<32 | int64(i[2])<<24 | int64(i[3])<<16 | int64(i[4])<<8 | int64(i[5])
	return time.UnixMilli(ms).UTC()
}

// First returns the smallest identifier that can be generated at a time, which is cut to the
// millisecond. A time before 1970 counts as 1970.
func First(at time.Time) (i [16]byte) {
	binary.BigEndian.PutUint64(i[:8], uint64(max(at.UnixMilli(), 0))<<16|7<<12) // #nosec G115 -- not negative
	i[8] = 0x80
	return i
}

// MarshalText implements encoding.TextMarshaler. The text is that of String.
func (i ID[E]) MarshalText() ([]byte, error) { return i.AppendText(nil) }

// AppendText implements encoding.TextAppender. The text is that of String.
func (i ID[E]) AppendText(b []byte) ([]byte, error) {
	text := i.text()
	return append(b, text[:]...), nil
}

// UnmarshalText implements encoding.TextUnmarshaler. It accepts the text that Parse accepts, and
// otherwise returns ErrMalformed and leaves i unchanged.
func (i *ID[E]) UnmarshalText(text []byte) error {
	parsed, err := Parse[E](string(text))
	if err != nil {
		return err
	}
	*i = parsed
	return nil
}
