package notifications

import (
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
)

// Kind is a kind of mail. As a users.MailKind, it names the templates of the mail, which are executed
// with the data that is documented at each kind.
type Kind string

// The kinds of mail of this domain. A new one needs templates.
const (
	NewMessage           Kind = "new_message"           // a NewMessageMail
	ReservationProposed  Kind = "reservation_proposed"  // a ReservationMail
	ReservationAccepted  Kind = "reservation_accepted"  // a ReservationMail
	ReservationDeclined  Kind = "reservation_declined"  // a ReservationMail
	ReservationCancelled Kind = "reservation_cancelled" // a ReservationMail
	ReservationExpired   Kind = "reservation_expired"   // a ReservationMail
	ReservationReminder  Kind = "reservation_reminder"  // a ReservationMail
	ReportDecided        Kind = "report_decided"        // a ReportDecidedMail
	Sanction             Kind = "sanction"              // a SanctionMail
)

// remind is the kind of the notice that makes a reservation be remembered. No mail has it.
const remind Kind = "remind"

// kinds are those of mails, in the order of their documentation.
var kinds = []Kind{
	NewMessage, ReservationProposed, ReservationAccepted, ReservationDeclined, ReservationCancelled, ReservationExpired,
	ReservationReminder, ReportDecided, Sanction,
}

// Kinds returns all kinds of mail.
func Kinds() []Kind { return slices.Clone(kinds) }

// NoticeKinds returns the kinds of notices: those of mail, and that of a reservation of which users
// are to be reminded.
func NoticeKinds() []Kind { return append(Kinds(), remind) }

// Optional reports whether a user may switch off mail of the kind: all kinds but Sanction, of which a
// user must learn, because a suspended one cannot see it elsewhere.
func (k Kind) Optional() bool { return k != Sanction && slices.Contains(kinds, k) }

// NewMessageMail is the data of NewMessage.
type NewMessageMail struct {
	Count   int      // messages that the recipient has not read, from 1, in the conversations of Senders
	Senders []string // the first names of up to MaxSenders senders, the latest first
	Others  int      // how many senders are not named
}

// MaxSenders is the maximum number of names in a NewMessageMail.
const MaxSenders = 3

// ReservationMail is the data of the kinds of reservations.
type ReservationMail struct {
	ReservationID id.Reservation
	Title         string
	Other         string // the first name of the other participant; "" in a ReservationCancelled if they are gone
	Date, EndDate time.Time
	Local         bool // the recipient is the local
}

// ReportDecidedMail is the data of ReportDecided.
type ReportDecidedMail struct {
	ReportID id.Report
	Reason   string // of the report, as its reporter gave it
	Resolved bool   // and not dismissed
}

// SanctionMail is the data of Sanction.
type SanctionMail struct {
	SanctionID id.Sanction
	Kind       string    // a moderation.SanctionKind
	Reason     string    // which an admin wrote for its reader
	EndsAt     time.Time // zero if it lasts until it is lifted, and for a warning
}
