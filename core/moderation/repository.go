package moderation

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

// Repository keeps reports, blocks and the audit trail.
type Repository interface {
	// AddReport stores a report. created is false, and nothing stored, where the same reporter has a pending
	// report of the same person; of units that add one at once, one creates it.
	AddReport(ctx context.Context, r Report) (created bool, err error)

	// Report reads a report, or fault.NotFound.
	Report(ctx context.Context, report id.Report) (Report, error)

	// ChangeReport stores the status, notes, reviewer and time of r if its stored status is from, and
	// says whether it was: of units that move one report at once, one does. Both people of r are those stored.
	ChangeReport(ctx context.Context, r Report, from Status) (changed bool, err error)

	// Reports lists the reports of a status ("" for all), oldest first by (created_at, id): those after
	// a place, or from the oldest where it is nil; at most limit.
	Reports(ctx context.Context, status Status, after *page.Moment, limit int) ([]Report, error)

	// ReportsBy lists what somebody reported, newest first by (created_at, id), paged as Reports.
	ReportsBy(ctx context.Context, reporter id.User, after *page.Moment, limit int) ([]Report, error)

	// Block stores a block. One that is there already stays as it is.
	Block(ctx context.Context, b Block) error

	// Unblock removes a block. None is not an error.
	Unblock(ctx context.Context, user, blocked id.User) error

	// Blocks lists whom somebody blocks, newest first by (created_at, blocked user's id), paged as Reports.
	Blocks(ctx context.Context, user id.User, after *page.Moment, limit int) ([]Block, error)

	// Blocked reports whether either of two users blocks the other.
	Blocked(ctx context.Context, a, b id.User) (bool, error)

	// DropBlocks removes all blocks that somebody made.
	DropBlocks(ctx context.Context, user id.User) error

	// AddAudit appends to the audit trail.
	AddAudit(ctx context.Context, r AuditRecord) error

	// Audits lists the audit trail, newest first by (created_at, id), of one subject or (zero) of all,
	// paged as Reports.
	Audits(ctx context.Context, subject id.Subject, after *page.Moment, limit int) ([]AuditRecord, error)
}

// Tx is what this domain touches in a unit of work.
type Tx interface {
	users.Tx
	Moderation() Repository
}
