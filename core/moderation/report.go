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

// Status is how far a report has come.
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

// mayBecome holds the moves of core/README.md#moderation.
func (s Status) mayBecome(to Status) bool {
	switch s {
	case Pending:
		return to == Reviewed || to == Resolved || to == Dismissed
	case Reviewed:
		return to == Resolved || to == Dismissed
	}
	return false
}

// Lengths, in characters.
const (
	MaxReason  = 100
	MaxMessage = 5000
	MaxNotes   = 5000
)

// Report is what one person says of another.
type Report struct {
	ID             id.Report
	ReporterID     id.User
	ReportedUserID id.User
	Reason         string
	Message        string
	Status         Status
	ReviewedBy     id.User // who moved it last; zero while it is pending
	AdminNotes     string
	ReviewedAt     time.Time // zero while it is pending
	CreatedAt      time.Time
}

func newReport(r Report) (Report, error) {
	var f fault.Fields
	text.CheckLine(&f, "reason", r.Reason, 1, MaxReason)
	text.Check(&f, "message", r.Message, 0, MaxMessage)
	f.Check(r.ReporterID != r.ReportedUserID, "reported_user_id", "must be somebody else")
	r.Status = Pending
	return r, f.Err()
}

// ReportChange is what an admin does to a report; nil leaves a field as it is.
type ReportChange struct {
	Status *Status
	Notes  *string
}

func (c ReportChange) check() error {
	var f fault.Fields
	if c.Status != nil {
		f.Check(c.Status.Valid(), "status", "must be pending, reviewed, resolved or dismissed")
	}
	if c.Notes != nil {
		text.Check(&f, "admin_notes", *c.Notes, 0, MaxNotes)
	}
	return f.Err()
}

// apply moves a report on, and writes the notes; who only writes notes did not review it. Errors:
// ErrReportMove.
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

// details are what the change did to a report of a status.
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

// Block is one person's wish to have nothing to do with another.
type Block struct {
	UserID        id.User
	BlockedUserID id.User
	CreatedAt     time.Time
}

// Action says what an administrative act was.
type Action string

// The actions that leave an audit record.
const (
	ActionUserChanged     Action = "user.changed"
	ActionAdminAppointed  Action = "user.admin_appointed"
	ActionTokensPosted    Action = "tokens.posted"
	ActionReportChanged   Action = "report.changed"
	ActionInterestCreated Action = "interest.created"
	ActionInterestChanged Action = "interest.changed"
)

// AuditRecord says who did what to whom, when and why. It never changes.
type AuditRecord struct {
	ID        id.AuditRecord
	ActorID   id.User // zero where the operator acted, at the machine
	Action    Action
	SubjectID id.Subject // the user, report or interest that it was done to
	Reason    string
	Details   Details
	CreatedAt time.Time
}

// Details are what changed, by name: plain strings, so that every store keeps them alike.
type Details map[string]string

// Canonical writes the details in RFC 8785 canonical form, in which stores keep them.
func (d Details) Canonical() string { return tokens.CanonicalTexts(d) }

// ParseDetails reads what Canonical wrote, and nothing else.
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

// PlaceOfReport is where a report stands in a list.
func PlaceOfReport(r Report) page.Moment { return page.Moment{At: r.CreatedAt, ID: r.ID} }

// PlaceOfBlock is where a block stands in a list.
func PlaceOfBlock(b Block) page.Moment { return page.Moment{At: b.CreatedAt, ID: b.BlockedUserID} }

// PlaceOfAudit is where an audit record stands in a list.
func PlaceOfAudit(r AuditRecord) page.Moment { return page.Moment{At: r.CreatedAt, ID: r.ID} }
