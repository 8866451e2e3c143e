package moderation

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// Status is the status of a report.
type Status string

// The statuses of a report.
const (
	Pending   Status = "pending"
	Reviewed  Status = "reviewed"
	Resolved  Status = "resolved"
	Dismissed Status = "dismissed"
)

// Valid reports whether the status exists.
func (s Status) Valid() bool {
	return s == Pending || s == Reviewed || s == Resolved || s == Dismissed
}

// Check adds an error to f, on the field status, if the status is not one of the constants.
func (s Status) Check(f *fault.Fields) {
	f.Check(s.Valid(), "status", "must be pending, reviewed, resolved or dismissed")
}

// mayBecome implements the table of moves in core/README.md#moderation.
func (s Status) mayBecome(to Status) bool {
	switch s {
	case Pending:
		return to == Reviewed || to == Resolved || to == Dismissed
	case Reviewed:
		return to == Resolved || to == Dismissed
	}
	return false
}

// rank returns a number that every move of mayBecome raises. It is the seq of the move's event.
func (s Status) rank() int64 {
	switch s {
	case Pending:
		return 1
	case Reviewed:
		return 2
	default:
		return 3
	}
}

// Maximum lengths, in characters.
const (
	MaxReason  = 100
	MaxMessage = 5000
	MaxNotes   = 5000
)

// Report is a complaint of one user about another.
type Report struct {
	ID             id.Report
	ReporterID     id.User
	ReportedUserID id.User
	Reason         string
	Message        string
	MessageID      id.Message // the message that was reported; zero if none was: see ReportedMessage
	Status         Status
	ReviewedBy     id.User // the admin who changed the status last; zero while it is pending
	AdminNotes     string
	ReviewedAt     time.Time // zero while it is pending
	CreatedAt      time.Time
}

// filed returns the report as it was when it was filed.
func (r Report) filed() Report {
	r.Status, r.ReviewedBy, r.AdminNotes, r.ReviewedAt = Pending, id.User{}, "", time.Time{}
	return r
}

// ForReporter returns the report without the fields that its reporter does not see.
func (r Report) ForReporter() Report {
	r.ReviewedBy, r.AdminNotes = id.User{}, ""
	return r
}

// ReportChange is a change of a report by an admin. A nil field stays as it is.
type ReportChange struct {
	Status *Status
	Notes  *string
}

// Check adds an error to f for each field that breaks a rule.
func (c ReportChange) Check(f *fault.Fields) { c.prepared(f) }

// prepared returns the change as it is applied, and adds an error to f for each field that breaks a
// rule.
func (c ReportChange) prepared(f *fault.Fields) ReportChange {
	if c.Status != nil {
		c.Status.Check(f)
	}
	if c.Notes != nil {
		c.Notes = new(text.Long(f, "admin_notes", *c.Notes, text.Optional, MaxNotes))
	}
	return c
}

// apply changes the status and the notes. An admin who changes only the notes does not become the
// reviewer. Errors: ErrReportMove.
func (r *Report) apply(c ReportChange, by id.User, at time.Time) error {
	if c.Status != nil {
		if !r.Status.mayBecome(*c.Status) {
			return ErrReportMove.WithDetail(fmt.Sprintf("the report is %s and cannot become %s", r.Status, *c.Status))
		}
		r.Status, r.ReviewedBy, r.ReviewedAt = *c.Status, by, at
	}
	if c.Notes != nil {
		r.AdminNotes = *c.Notes
	}
	return nil
}

// details returns the audit details of the change. before is the status before it.
func (c ReportChange) details(before Status) Details {
	d := Details{}
	if c.Status != nil {
		d["status"], d["status_before"] = string(*c.Status), string(before)
	}
	if c.Notes != nil {
		d["admin_notes"] = *c.Notes
	}
	return d
}

// Block prevents two users from finding each other and from writing to each other. UserID made it.
type Block struct {
	UserID        id.User
	BlockedUserID id.User
	CreatedAt     time.Time
}

// Action is the kind of an administrative act.
type Action string

// The actions that leave an audit record.
const (
	ActionUserChanged     Action = "user.changed"
	ActionAdminAppointed  Action = "user.admin_appointed"
	ActionFactorRemoved   Action = "user.second_factor_removed"
	ActionAddressChanged  Action = "user.address_changed"
	ActionUserErased      Action = "user.erased"
	ActionTokensPosted    Action = "tokens.posted"
	ActionReportChanged   Action = "report.changed"
	ActionInterestCreated Action = "interest.created"
	ActionInterestChanged Action = "interest.changed"

	ActionUserSanctioned Action = "user.sanctioned"
	ActionSanctionUpheld Action = "sanction.upheld"
	ActionSanctionLifted Action = "sanction.lifted"

	ActionReservationEnded Action = "reservation.ended"

	ActionEventRetried        Action = "event.retried"
	ActionSubscriptionChanged Action = "subscription.changed"

	ActionWebhookCreated Action = "webhook.created"
	ActionWebhookChanged Action = "webhook.changed"
	ActionWebhookRotated Action = "webhook.rotated"
	ActionWebhookRemoved Action = "webhook.removed"
)

// AuditRecord describes one administrative act. It never changes.
type AuditRecord struct {
	ID        id.AuditRecord
	ActorID   id.User // the admin; zero if the operator acted
	Action    Action
	SubjectID id.Subject // what the act changed: a user, report, interest, reservation, event, subscription or webhook
	Reason    string
	Details   Details
	CreatedAt time.Time
}

// Details holds the changed values by name. They are plain strings, so that every store keeps them
// alike.
type Details map[string]string

// Canonical returns the details in RFC 8785 canonical form, in which stores keep them.
func (d Details) Canonical() string { return tokens.CanonicalTexts(d) }

// ParseDetails parses the result of Canonical. It returns an error for any other text.
func ParseDetails(canonical string) (Details, error) {
	var d Details
	if err := json.Unmarshal([]byte(canonical), &d); err != nil {
		return nil, fmt.Errorf("read details: %w", err)
	}
	if d.Canonical() != canonical {
		return nil, fmt.Errorf("read details: not in canonical form: %q", canonical)
	}
	return d, nil
}

// PlaceOfReport returns the position of a report in a list.
func PlaceOfReport(r Report) page.Moment { return page.Moment{At: r.CreatedAt, ID: r.ID} }

// PlaceOfBlock returns the position of a block in a list.
func PlaceOfBlock(b Block) page.Moment { return page.Moment{At: b.CreatedAt, ID: b.BlockedUserID} }

// PlaceOfAudit returns the position of an audit record in a list.
func PlaceOfAudit(r AuditRecord) page.Moment { return page.Moment{At: r.CreatedAt, ID: r.ID} }
