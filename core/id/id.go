// Package id holds Cicerone's identifiers: UUID version 7, made by the application and typed by
// what they name, so that a message's id cannot be handed in where a user's is wanted.
package id

import (
	"bytes"
	"time"

	"github.com/google/uuid"

	"github.com/cicerone-go/cicerone/core/fault"
)

// ID names one E. It is a plain 16-byte array: comparable, usable as a map key, and taken by
// database drivers as a UUID. The zero value names nothing.
type ID[E any] [16]byte

type (
	// User names an account.
	User = ID[userKind]
	// Session names a signed-in device.
	Session = ID[sessionKind]
	// Wallet names a wallet.
	Wallet = ID[walletKind]
	// Transaction names a line of the ledger.
	Transaction = ID[transactionKind]
	// Profile names a profile.
	Profile = ID[profileKind]
	// Interest names an interest.
	Interest = ID[interestKind]
	// Conversation names a conversation.
	Conversation = ID[conversationKind]
	// Message names a message.
	Message = ID[messageKind]
	// Reservation names a reservation.
	Reservation = ID[reservationKind]
	// Report names a report.
	Report = ID[reportKind]
	// AuditRecord names a record of the audit trail.
	AuditRecord = ID[auditRecordKind]
	// Subject names whatever an administrative act was done to.
	Subject = ID[subjectKind]
)

// The kinds are empty types that exist only to tell identifiers apart.
type (
	userKind         struct{}
	sessionKind      struct{}
	walletKind       struct{}
	transactionKind  struct{}
	profileKind      struct{}
	interestKind     struct{}
	conversationKind struct{}
	messageKind      struct{}
	reservationKind  struct{}
	reportKind       struct{}
	auditRecordKind  struct{}
	subjectKind      struct{}
)

// ErrMalformed is text that is not an identifier; it is fault.Invalid, and reads on from a field's name.
var ErrMalformed error = fault.New(fault.Invalid, fault.CodeInvalid,
	"must be an identifier like 0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a")

// Parse reads the usual form of 36 characters, hexadecimal digits in either case; of other forms
// it returns ErrMalformed. A UUID of another version than 7 is taken: it merely names nothing.
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

// String is the usual form, in lower case.
func (i ID[E]) String() string { return uuid.UUID(i).String() }

// IsZero reports whether the identifier names nothing.
func (i ID[E]) IsZero() bool { return i == ID[E]{} }

// Compare orders identifiers by their bytes, which is by the time when they were made.
func (i ID[E]) Compare(other ID[E]) int { return bytes.Compare(i[:], other[:]) }

// Time is when the identifier was made, to the millisecond, if it is of version 7.
func (i ID[E]) Time() time.Time {
	ms := int64(i[0])<<40 | int64(i[1])<<32 | int64(i[2])<<24 | int64(i[3])<<16 | int64(i[4])<<8 | int64(i[5])
	return time.UnixMilli(ms).UTC()
}

// MarshalText implements encoding.TextMarshaler with the usual form.
func (i ID[E]) MarshalText() ([]byte, error) { return uuid.UUID(i).MarshalText() }

// UnmarshalText implements encoding.TextUnmarshaler; it returns ErrMalformed as Parse does.
func (i *ID[E]) UnmarshalText(text []byte) error {
	parsed, err := Parse[E](string(text))
	if err != nil {
		return err
	}
	*i = parsed
	return nil
}
