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

func (repo moderationRepository) AddReport(
	ctx context.Context, r moderation.Report, messages ...moderation.ReportedMessage,
) (created bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, reports.insert+" ON CONFLICT (reporter_id, reported_user_id) WHERE status = 'pending' DO NOTHING",
			reports.args(r)...)
		if created = n == 1; !created {
			return err
		}
		for _, m := range messages {
			row := ports.ReportedMessage{ReportID: r.ID, ReportedMessage: m}
			c.later(reportedMessages.insert, reportedMessages.args(row)...)
		}
		return err
	})
	return created && err == nil, err
}

func (repo moderationRepository) Report(ctx context.Context, report id.Report) (there moderation.Report, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		there, err = find(ctx, c, reports.scan, "SELECT "+reports.columns+" FROM @reports WHERE id = $1", uuid(report))
		return orNotFound(err, "a report")
	})
	return there, err
}

func (repo moderationRepository) ChangeReport(
	ctx context.Context, r moderation.Report, from moderation.Status,
) (changed bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `UPDATE @reports SET status = $1, admin_notes = $2, reviewed_by = $3, reviewed_at = $4
			WHERE id = $5 AND status = $6`,
			string(r.Status), textOrNull(r.AdminNotes), uuidOrNull(r.ReviewedBy), timeOrNull(r.ReviewedAt),
			uuid(r.ID), string(from))
		changed = n == 1
		return err
	})
	return changed && err == nil, err
}

func (repo moderationRepository) Reports(
	ctx context.Context, status moderation.Status, after *page.Moment, limit int,
) (all []moderation.Report, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := oldestFirst(after)
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

func (repo moderationRepository) ReportsBy(
	ctx context.Context, reporter id.User, after *page.Moment, limit int,
) (all []moderation.Report, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := latestFirst(after)
		all, err = list(ctx, c, reports.scan, "SELECT "+reports.columns+` FROM @reports
			WHERE reporter_id = $4 AND (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT `+hidden("$3"),
			at, item, limited(limit), uuid(reporter))
		return err
	})
	return all, err
}

func (repo moderationRepository) Block(ctx context.Context, b moderation.Block) (added bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, blocks.insert+" ON CONFLICT (user_id, blocked_user_id) DO NOTHING", blocks.args(b)...)
		added = n > 0
		return err
	})
	return added && err == nil, err
}

func (repo moderationRepository) Unblock(ctx context.Context, user, blocked id.User) (removed bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, "DELETE FROM @blocks WHERE user_id = $1 AND blocked_user_id = $2", uuid(user), uuid(blocked))
		removed = n > 0
		return err
	})
	return removed && err == nil, err
}

func (repo moderationRepository) Blocks(
	ctx context.Context, user id.User, after *page.Moment, limit int,
) (all []moderation.Block, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := latestFirst(after)
		all, err = list(ctx, c, blocks.scan, "SELECT "+blocks.columns+` FROM @blocks
			WHERE user_id = $4 AND (created_at, blocked_user_id) < ($1, $2)
			ORDER BY created_at DESC, blocked_user_id DESC LIMIT `+hidden("$3"), at, item, limited(limit), uuid(user))
		return err
	})
	return all, err
}

func (repo moderationRepository) BlocksBetween(ctx context.Context, users, blocked []id.User) (all []moderation.Block, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		all, err = list(ctx, c, blocks.scan, "SELECT "+blocks.columns+
			" FROM @blocks WHERE user_id "+oneOf("$1", "uuid")+" AND blocked_user_id "+oneOf("$2", "uuid"), uuids(users), uuids(blocked))
		return err
	})
	return all, err
}

func (repo moderationRepository) DropBlocks(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(c *conn) error {
		c.later("DELETE FROM @blocks WHERE user_id = $1", uuid(user))
		return nil
	})
}

func (repo moderationRepository) AddAudit(ctx context.Context, r moderation.AuditRecord) error {
	return repo.write(ctx, func(c *conn) error {
		c.later(audits.insert, audits.args(r)...)
		return nil
	})
}

func (repo moderationRepository) Audits(
	ctx context.Context, subject id.Subject, after *page.Moment, limit int,
) (all []moderation.AuditRecord, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := latestFirst(after)
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
