package postgres

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
)

const reportColumns = "id, reporter_id, reported_user_id, reason, message, status, reviewed_by, admin_notes, reviewed_at, created_at"

func scanReport(r *row) moderation.Report {
	return moderation.Report{
		ID: r.id(), ReporterID: r.id(), ReportedUserID: r.id(), Reason: r.text(), Message: r.text(), Status: moderation.Status(r.text()),
		ReviewedBy: r.id(), AdminNotes: r.text(), ReviewedAt: r.time(), CreatedAt: r.time(),
	}
}

func scanBlock(r *row) moderation.Block {
	return moderation.Block{UserID: r.id(), BlockedUserID: r.id(), CreatedAt: r.time()}
}

func scanAudit(r *row) moderation.AuditRecord {
	return moderation.AuditRecord{
		ID: r.id(), ActorID: r.id(), Action: moderation.Action(r.text()), SubjectID: r.id(), Reason: r.text(),
		Details: r.details(), CreatedAt: r.time(),
	}
}

type moderationRepository struct{ *unit }

func (r moderationRepository) AddReport(ctx context.Context, report moderation.Report) (created bool, err error) {
	err = r.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, "INSERT INTO @reports ("+reportColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (reporter_id, reported_user_id) WHERE status = 'pending' DO NOTHING`,
			uuid(report.ID), uuid(report.ReporterID), uuid(report.ReportedUserID), report.Reason, textOrNull(report.Message),
			string(report.Status), uuidOrNull(report.ReviewedBy), textOrNull(report.AdminNotes), timeOrNull(report.ReviewedAt),
			report.CreatedAt)
		created = n == 1
		return err
	})
	return created && err == nil, err
}

func (r moderationRepository) Report(ctx context.Context, report id.Report) (there moderation.Report, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		there, err = find(ctx, c, scanReport, "SELECT "+reportColumns+" FROM @reports WHERE id = $1", uuid(report))
		return orNotFound(err, "a report")
	})
	return there, err
}

func (r moderationRepository) ChangeReport(ctx context.Context, report moderation.Report, from moderation.Status) (changed bool, err error) {
	err = r.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `UPDATE @reports SET status = $1, admin_notes = $2, reviewed_by = $3, reviewed_at = $4
			WHERE id = $5 AND status = $6`,
			string(report.Status), textOrNull(report.AdminNotes), uuidOrNull(report.ReviewedBy), timeOrNull(report.ReviewedAt),
			uuid(report.ID), string(from))
		changed = n == 1
		return err
	})
	return changed && err == nil, err
}

func (r moderationRepository) Reports(ctx context.Context, status moderation.Status, last *page.Moment, limit int) (all []moderation.Report, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		at, item := after(last)
		q := where{args: []any{at, item, limited(limit)}}
		q.add("(created_at, id) > ($1, $2)")
		if status != "" {
			q.add("status = ?", string(status))
		}
		all, err = list(ctx, c, scanReport,
			"SELECT "+reportColumns+" FROM @reports WHERE "+q.text()+" ORDER BY created_at, id LIMIT $3", q.args...)
		return err
	})
	return all, err
}

func (r moderationRepository) ReportsBy(ctx context.Context, reporter id.User, last *page.Moment, limit int) (all []moderation.Report, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		at, item := before(last)
		all, err = list(ctx, c, scanReport, "SELECT "+reportColumns+` FROM @reports
			WHERE reporter_id = $4 AND (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT $3`,
			at, item, limited(limit), uuid(reporter))
		return err
	})
	return all, err
}

func (r moderationRepository) Block(ctx context.Context, b moderation.Block) error {
	return r.write(ctx, func(c *conn) error {
		c.later(`INSERT INTO @blocks (user_id, blocked_user_id, created_at) VALUES ($1, $2, $3)
			ON CONFLICT (user_id, blocked_user_id) DO NOTHING`, uuid(b.UserID), uuid(b.BlockedUserID), b.CreatedAt)
		return nil
	})
}

func (r moderationRepository) Unblock(ctx context.Context, user, blocked id.User) error {
	return r.write(ctx, func(c *conn) error {
		c.later("DELETE FROM @blocks WHERE user_id = $1 AND blocked_user_id = $2", uuid(user), uuid(blocked))
		return nil
	})
}

func (r moderationRepository) Blocks(ctx context.Context, user id.User, last *page.Moment, limit int) (all []moderation.Block, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		at, item := before(last)
		all, err = list(ctx, c, scanBlock, `SELECT user_id, blocked_user_id, created_at FROM @blocks
			WHERE user_id = $4 AND (created_at, blocked_user_id) < ($1, $2)
			ORDER BY created_at DESC, blocked_user_id DESC LIMIT $3`, at, item, limited(limit), uuid(user))
		return err
	})
	return all, err
}

func (r moderationRepository) Blocked(ctx context.Context, a, b id.User) (blocked bool, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		blocked, err = find(ctx, c, (*row).bool, `SELECT EXISTS (SELECT 1 FROM @blocks WHERE user_id = $1 AND blocked_user_id = $2)
			OR EXISTS (SELECT 1 FROM @blocks WHERE user_id = $2 AND blocked_user_id = $1)`, uuid(a), uuid(b))
		return err
	})
	return blocked, err
}

func (r moderationRepository) DropBlocks(ctx context.Context, user id.User) error {
	return r.write(ctx, func(c *conn) error {
		c.later("DELETE FROM @blocks WHERE user_id = $1", uuid(user))
		return nil
	})
}

func (r moderationRepository) AddAudit(ctx context.Context, record moderation.AuditRecord) error {
	return r.write(ctx, func(c *conn) error {
		c.later(`INSERT INTO @audit_records (id, actor_id, action, subject_id, reason, details, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			uuid(record.ID), uuidOrNull(record.ActorID), string(record.Action), uuid(record.SubjectID), textOrNull(record.Reason),
			record.Details.Canonical(), record.CreatedAt)
		return nil
	})
}

func (r moderationRepository) Audits(ctx context.Context, subject id.Subject, last *page.Moment, limit int) (all []moderation.AuditRecord, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		at, item := before(last)
		q := where{args: []any{at, item, limited(limit)}}
		q.add("(created_at, id) < ($1, $2)")
		if !subject.IsZero() {
			q.add("subject_id = ?", uuid(subject))
		}
		all, err = list(ctx, c, scanAudit, `SELECT id, actor_id, action, subject_id, reason, details::text, created_at
			FROM @audit_records WHERE `+q.text()+" ORDER BY created_at DESC, id DESC LIMIT $3", q.args...)
		return err
	})
	return all, err
}
