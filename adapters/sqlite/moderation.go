package sqlite

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	reports = tableOf(ports.ReportLayout)
	blocks  = tableOf(ports.BlockLayout)
	audits  = tableOf(ports.AuditRecordLayout)
)

type moderationRepository struct{ *unit }

func (r moderationRepository) AddReport(ctx context.Context, report moderation.Report) (created bool, err error) {
	err = r.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, reports.insert+" ON CONFLICT (reporter_id, reported_user_id) WHERE status = 'pending' DO NOTHING",
			reports.args(report)...)
		created = n == 1
		return err
	})
	return created && err == nil, err
}

func (r moderationRepository) Report(ctx context.Context, report id.Report) (there moderation.Report, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		there, err = find(ctx, c, reports.scan, "SELECT "+reports.columns+" FROM reports WHERE id = ?", blob(report))
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
			all, err = list(ctx, c, reports.scan, "SELECT "+reports.columns+` FROM reports
				WHERE (created_at, id) > (?1, ?2) ORDER BY created_at, id LIMIT ?3`, at, item, limited(limit))
			return err
		}
		all, err = list(ctx, c, reports.scan, "SELECT "+reports.columns+` FROM reports
			WHERE status = ?4 AND (created_at, id) > (?1, ?2) ORDER BY created_at, id LIMIT ?3`,
			at, item, limited(limit), string(status))
		return err
	})
	return all, err
}

func (r moderationRepository) ReportsBy(ctx context.Context, reporter id.User, last *page.Moment, limit int) (all []moderation.Report, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		at, item := before(last)
		all, err = list(ctx, c, reports.scan, "SELECT "+reports.columns+` FROM reports
			WHERE reporter_id = ?4 AND (created_at, id) < (?1, ?2) ORDER BY created_at DESC, id DESC LIMIT ?3`,
			at, item, limited(limit), blob(reporter))
		return err
	})
	return all, err
}

func (r moderationRepository) Block(ctx context.Context, b moderation.Block) error {
	return r.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, blocks.insert+" ON CONFLICT (user_id, blocked_user_id) DO NOTHING", blocks.args(b)...)
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
		all, err = list(ctx, c, blocks.scan, "SELECT "+blocks.columns+` FROM blocks
			WHERE user_id = ?4 AND (created_at, blocked_user_id) < (?1, ?2)
			ORDER BY created_at DESC, blocked_user_id DESC LIMIT ?3`, at, item, limited(limit), blob(user))
		return err
	})
	return all, err
}

func (r moderationRepository) Blocked(ctx context.Context, a, b id.User) (blocked bool, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		blocked, err = find(ctx, c, value((*row).bool), `SELECT EXISTS (SELECT 1 FROM blocks WHERE user_id = ?1 AND blocked_user_id = ?2)
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
		_, err := c.exec(ctx, audits.insert, audits.args(record)...)
		return err
	})
}

func (r moderationRepository) Audits(ctx context.Context, subject id.Subject, last *page.Moment, limit int) (all []moderation.AuditRecord, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		at, item := before(last)
		if subject.IsZero() {
			all, err = list(ctx, c, audits.scan, "SELECT "+audits.columns+` FROM audit_records
				WHERE (created_at, id) < (?1, ?2) ORDER BY created_at DESC, id DESC LIMIT ?3`, at, item, limited(limit))
			return err
		}
		all, err = list(ctx, c, audits.scan, "SELECT "+audits.columns+` FROM audit_records
			WHERE subject_id = ?4 AND (created_at, id) < (?1, ?2) ORDER BY created_at DESC, id DESC LIMIT ?3`,
			at, item, limited(limit), blob(subject))
		return err
	})
	return all, err
}
