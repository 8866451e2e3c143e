package sqlite

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

const auditColumns = "id, actor_id, action, subject_id, reason, details, created_at"

func scanAudit(r *row) moderation.AuditRecord {
	return moderation.AuditRecord{
		ID: r.id(), ActorID: r.id(), Action: moderation.Action(r.text()), SubjectID: r.id(), Reason: r.text(),
		Details: r.details(), CreatedAt: r.time(),
	}
}

type moderationRepository struct{ *unit }

func (r moderationRepository) AddReport(ctx context.Context, report moderation.Report) (created bool, err error) {
	err = r.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, "INSERT INTO reports ("+reportColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (reporter_id, reported_user_id) WHERE status = 'pending' DO NOTHING`,
			blob(report.ID), blob(report.ReporterID), blob(report.ReportedUserID), report.Reason, textOrNull(report.Message),
			string(report.Status), blobOrNull(report.ReviewedBy), textOrNull(report.AdminNotes), milliOrNull(report.ReviewedAt),
			milli(report.CreatedAt))
		created = n == 1
		return err
	})
	return created && err == nil, err
}

func (r moderationRepository) Report(ctx context.Context, report id.Report) (there moderation.Report, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		there, err = find(ctx, c, scanReport, "SELECT "+reportColumns+" FROM reports WHERE id = ?", blob(report))
		return orNotFound(err, "a report")
	})
	return there, err
}

func (r moderationRepository) ChangeReport(ctx context.Context, report moderation.Report, from moderation.Status) (changed bool, err error) {
	err = r.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `UPDATE reports SET status = ?, admin_notes = ?, reviewed_by = ?, reviewed_at = ? WHERE id = ? AND status = ?`,
			string(report.Status), textOrNull(report.AdminNotes), blobOrNull(report.ReviewedBy), milliOrNull(report.ReviewedAt),
			blob(report.ID), string(from))
		changed = n == 1
		return err
	})
	return changed && err == nil, err
}

func (r moderationRepository) Reports(ctx context.Context, status moderation.Status, last *page.Moment, limit int) (all []moderation.Report, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		at, item := after(last)
		if status == "" {
			all, err = list(ctx, c, scanReport, "SELECT "+reportColumns+` FROM reports
				WHERE (created_at, id) > (?1, ?2) ORDER BY created_at, id LIMIT ?3`, at, item, limited(limit))
			return err
		}
		all, err = list(ctx, c, scanReport, "SELECT "+reportColumns+` FROM reports
			WHERE status = ?4 AND (created_at, id) > (?1, ?2) ORDER BY created_at, id LIMIT ?3`,
			at, item, limited(limit), string(status))
		return err
	})
	return all, err
}

func (r moderationRepository) ReportsBy(ctx context.Context, reporter id.User, last *page.Moment, limit int) (all []moderation.Report, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		at, item := before(last)
		all, err = list(ctx, c, scanReport, "SELECT "+reportColumns+` FROM reports
			WHERE reporter_id = ?4 AND (created_at, id) < (?1, ?2) ORDER BY created_at DESC, id DESC LIMIT ?3`,
			at, item, limited(limit), blob(reporter))
		return err
	})
	return all, err
}

func (r moderationRepository) Block(ctx context.Context, b moderation.Block) error {
	return r.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, `INSERT INTO blocks (user_id, blocked_user_id, created_at) VALUES (?, ?, ?)
			ON CONFLICT (user_id, blocked_user_id) DO NOTHING`, blob(b.UserID), blob(b.BlockedUserID), milli(b.CreatedAt))
		return err
	})
}

func (r moderationRepository) Unblock(ctx context.Context, user, blocked id.User) error {
	return r.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "DELETE FROM blocks WHERE user_id = ? AND blocked_user_id = ?", blob(user), blob(blocked))
		return err
	})
}

func (r moderationRepository) Blocks(ctx context.Context, user id.User, last *page.Moment, limit int) (all []moderation.Block, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		at, item := before(last)
		all, err = list(ctx, c, scanBlock, `SELECT user_id, blocked_user_id, created_at FROM blocks
			WHERE user_id = ?4 AND (created_at, blocked_user_id) < (?1, ?2)
			ORDER BY created_at DESC, blocked_user_id DESC LIMIT ?3`, at, item, limited(limit), blob(user))
		return err
	})
	return all, err
}

func (r moderationRepository) Blocked(ctx context.Context, a, b id.User) (blocked bool, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		blocked, err = find(ctx, c, (*row).bool, `SELECT EXISTS (SELECT 1 FROM blocks WHERE user_id = ?1 AND blocked_user_id = ?2)
			OR EXISTS (SELECT 1 FROM blocks WHERE user_id = ?2 AND blocked_user_id = ?1)`, blob(a), blob(b))
		return err
	})
	return blocked, err
}

func (r moderationRepository) DropBlocks(ctx context.Context, user id.User) error {
	return r.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "DELETE FROM blocks WHERE user_id = ?", blob(user))
		return err
	})
}

func (r moderationRepository) AddAudit(ctx context.Context, record moderation.AuditRecord) error {
	return r.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "INSERT INTO audit_records ("+auditColumns+") VALUES (?, ?, ?, ?, ?, ?, ?)",
			blob(record.ID), blobOrNull(record.ActorID), string(record.Action), blob(record.SubjectID), textOrNull(record.Reason),
			record.Details.Canonical(), milli(record.CreatedAt))
		return err
	})
}

func (r moderationRepository) Audits(ctx context.Context, subject id.Subject, last *page.Moment, limit int) (all []moderation.AuditRecord, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		at, item := before(last)
		if subject.IsZero() {
			all, err = list(ctx, c, scanAudit, "SELECT "+auditColumns+` FROM audit_records
				WHERE (created_at, id) < (?1, ?2) ORDER BY created_at DESC, id DESC LIMIT ?3`, at, item, limited(limit))
			return err
		}
		all, err = list(ctx, c, scanAudit, "SELECT "+auditColumns+` FROM audit_records
			WHERE subject_id = ?4 AND (created_at, id) < (?1, ?2) ORDER BY created_at DESC, id DESC LIMIT ?3`,
			at, item, limited(limit), blob(subject))
		return err
	})
	return all, err
}
