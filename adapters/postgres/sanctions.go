package postgres

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
		c.later(sanctions.insert, sanctions.args(s)...)
		return nil
	})
}

func (repo moderationRepository) Sanction(
	ctx context.Context, sanction id.Sanction,
) (there moderation.Sanction, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		there, err = find(ctx, c, sanctions.scan, "SELECT "+sanctions.columns+" FROM @sanctions WHERE id = $1", uuid(sanction))
		return orNotFound(err, "a sanction")
	})
	return there, err
}

func (repo moderationRepository) SaveSanction(ctx context.Context, s moderation.Sanction) error {
	return repo.write(ctx, func(c *conn) error {
		c.later(`UPDATE @sanctions SET appeal = $1, appealed_at = $2, outcome = $3, answer = $4, decided_by = $5, decided_at = $6
			WHERE id = $7`, textOrNull(s.Appeal), timeOrNull(s.AppealedAt), textOrNull(string(s.Outcome)), textOrNull(s.Answer),
			uuidOrNull(s.DecidedBy), timeOrNull(s.DecidedAt), uuid(s.ID))
		return nil
	})
}

func (repo moderationRepository) Sanctions(
	ctx context.Context, user id.User, after *page.Moment, limit int,
) (all []moderation.Sanction, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := latestFirst(after)
		all, err = list(ctx, c, sanctions.scan, "SELECT "+sanctions.columns+` FROM @sanctions
			WHERE user_id = $4 AND (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT `+hidden("$3"),
			at, item, limited(limit), uuid(user))
		return err
	})
	return all, err
}
