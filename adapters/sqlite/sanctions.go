package sqlite

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/ports"
)

var sanctions = tableOf(ports.SanctionLayout)

func (repo moderationRepository) AddSanction(ctx context.Context, s moderation.Sanction) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, sanctions.insert, sanctions.args(s)...)
		return err
	})
}

func (repo moderationRepository) Sanction(
	ctx context.Context, sanction id.Sanction,
) (there moderation.Sanction, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		there, err = find(ctx, c, sanctions.scan, "SELECT "+sanctions.columns+" FROM sanctions WHERE id = ?", blob(sanction))
		return orNotFound(err, "a sanction")
	})
	return there, err
}

func (repo moderationRepository) SaveSanction(ctx context.Context, s moderation.Sanction) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, `UPDATE sanctions SET appeal = ?, appealed_at = ?, outcome = ?, answer = ?, decided_by = ?, decided_at = ?
			WHERE id = ?`, textOrNull(s.Appeal), milliOrNull(s.AppealedAt), textOrNull(string(s.Outcome)), textOrNull(s.Answer),
			blobOrNull(s.DecidedBy), milliOrNull(s.DecidedAt), blob(s.ID))
		return err
	})
}

func (repo moderationRepository) Sanctions(
	ctx context.Context, user id.User, after *page.Moment, limit int,
) (all []moderation.Sanction, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := latestFirst(after)
		all, err = list(ctx, c, sanctions.scan, "SELECT "+sanctions.columns+` FROM sanctions
			WHERE user_id = ?4 AND (created_at, id) < (?1, ?2) ORDER BY created_at DESC, id DESC LIMIT +?3`,
			at, item, limited(limit), blob(user))
		return err
	})
	return all, err
}
