package moderation

import (
	"context"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

// Repository keeps reports, sanctions, blocks and the audit trail.
type Repository interface {
	// AddReport stores a report with the messages that are copied into it, whose ids differ. If the
	// reporter already has a pending report of the same user, AddReport stores nothing and created
	// is false. Of concurrent units that add such a report, one creates it.
	AddReport(ctx context.Context, r Report, messages ...ReportedMessage) (created bool, err error)

	// Report returns a report, or fault.NotFound.
	Report(ctx context.Context, report id.Report) (Report, error)

	// ChangeReport stores the status, notes, reviewer and time of r if the stored status is from,
	// and reports whether it did. Of concurrent units that change the status of one report, one
	// succeeds. The caller passes r with the ReporterID and ReportedUserID that are stored.
	ChangeReport(ctx context.Context, r Report, from Status) (changed bool, err error)

	// Reports lists up to limit reports of a status ("" for all), oldest first by (created_at, id):
	// those after the given position, or from the oldest if after is nil.
	Reports(ctx context.Context, status Status, after *page.Moment, limit int) ([]Report, error)

	// ReportsBy lists the reports that a user filed, newest first by (created_at, id), paged like
	// Reports.
	ReportsBy(ctx context.Context, reporter id.User, after *page.Moment, limit int) ([]Report, error)

	// ReportsAbout lists the reports about a user, newest first by (created_at, id), paged like
	// Reports.
	ReportsAbout(ctx context.Context, reported id.User, after *page.Moment, limit int) ([]Report, error)

	// ReportedMessages returns the messages that were copied into reports, of each report the oldest
	// first by (created_at, id of the message). A report without messages is not in the result.
	ReportedMessages(ctx context.Context, reports ...id.Report) (map[id.Report][]ReportedMessage, error)

	// Block stores a block, and reports whether it did. If it exists already, it stays as it is.
	Block(ctx context.Context, b Block) (added bool, err error)

	// Unblock removes a block, and reports whether it did.
	Unblock(ctx context.Context, user, blocked id.User) (removed bool, err error)

	// Blocks lists the blocks that a user made, newest first by (created_at, id of the blocked
	// user), paged like Reports.
	Blocks(ctx context.Context, user id.User, after *page.Moment, limit int) ([]Block, error)

	// BlocksBetween returns the blocks that one of users made of one of blocked, in any order. A list
	// may contain an id more than once.
	BlocksBetween(ctx context.Context, users, blocked []id.User) ([]Block, error)

	// DropBlocks removes all blocks that a user made.
	DropBlocks(ctx context.Context, user id.User) error

	// AddSanction stores a sanction against an account that the unit holds.
	AddSanction(ctx context.Context, s Sanction) error

	// Sanction returns a sanction, or fault.NotFound.
	Sanction(ctx context.Context, sanction id.Sanction) (Sanction, error)

	// SaveSanction stores the appeal and the outcome of a sanction, each with its fields. The unit
	// holds the account.
	SaveSanction(ctx context.Context, s Sanction) error

	// Sanctions lists the sanctions against a user, newest first by (created_at, id), paged like
	// Reports.
	Sanctions(ctx context.Context, user id.User, after *page.Moment, limit int) ([]Sanction, error)

	// AddAudit appends a record to the audit trail.
	AddAudit(ctx context.Context, r AuditRecord) error

	// Audits lists the audit records of one subject, or of all if subject is zero, newest first by
	// (created_at, id), paged like Reports.
	Audits(ctx context.Context, subject id.Subject, after *page.Moment, limit int) ([]AuditRecord, error)
}

// Tx holds the repositories that this domain uses in a unit of work.
type Tx interface {
	users.Tx
	events.RelayTx
	Moderation() Repository
}
