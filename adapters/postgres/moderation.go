package postgres

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
		there, err = find(ctx, c, reports.scan, "SELECT "+reports.columns+" FROM @reports WHERE id = $1", uuid(report))
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
		all, err = list(ctx, c, reports.scan,
			"SELECT "+reports.columns+" FROM @reports WHERE "+q.text()+" ORDER BY created_at, id LIMIT $3", q.args...)
		return err
	})
	return all, err
}

func (r moderationRepository) ReportsBy(ctx context.Context, reporter id.User, last *page.Moment, limit int) (all []moderation.Report, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		at, item := before(last)
		all, err = list(ctx, c, reports.scan, "SELECT "+reports.columns+` FROM @reports
			WHERE reporter_id = $4 AND (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT $3`,
			at, item, limited(limit), uuid(reporter))
		return err
	})
	return all, err
}

func (r moderationRepository) Block(ctx context.Context, b moderation.Block) error {
	return r.write(ctx, func(c *conn) error {
		c.later(blocks.insert+" ON CONFLICT (user_id, blocked_user_id) DO NOTHING", blocks.args(b)...)
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
		all, err = list(ctx, c, blocks.scan, "SELECT "+blocks.columns+` FROM @blocks
			WHERE user_id = $4 AND (created_at, blocked_user_id) < ($1, $2)
			ORDER BY created_at DESC, blocked_user_id DESC LIMIT $3`, at, item, limited(limit), uuid(user))
		return err
	})
	return all, err
}

func (r moderationRepository) Blocked(ctx context.Context, a, b id.User) (blocked bool, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		blocked, err = find(ctx, c, value((*row).bool), `SELECT EXISTS (SELECT 1 FROM @blocks WHERE user_id = $1 AND blocked_user_id = $2)
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
		c.later(audits.insert, audits.args(record)...)
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
		all, err = list(ctx, c, audits.scan, "SELECT "+audits.columns+" FROM @audit_records WHERE "+q.text()+
			" ORDER BY created_at DESC, id DESC LIMIT $3", q.args...)
		return err
	})
	return all, err
}
