package mongodb

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/ports"
)

var sanctions = tableOf(ports.SanctionLayout)

func (repo moderationRepository) AddSanction(ctx context.Context, s moderation.Sanction) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(sanctionsIn, inserting(sanctions.doc(s)))
		return nil
	})
}

func (repo moderationRepository) Sanction(
	ctx context.Context, sanction id.Sanction,
) (there moderation.Sanction, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		there, err = find(ctx, t, sanctions.scan, query{in: sanctionsIn, filter: d("_id", uuid(sanction))})
		return orNotFound(err, "a sanction")
	})
	return there, err
}

func (repo moderationRepository) SaveSanction(ctx context.Context, s moderation.Sanction) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(sanctionsIn, changing(d("_id", uuid(s.ID)), d("$set", d(
			"appeal", textOrNull(s.Appeal), "appealed_at", dateOrNull(s.AppealedAt), "outcome", textOrNull(string(s.Outcome)),
			"answer", textOrNull(s.Answer), "decided_by", uuidOrNull(s.DecidedBy), "decided_at", dateOrNull(s.DecidedAt)))))
		return nil
	})
}

func (repo moderationRepository) Sanctions(
	ctx context.Context, user id.User, after *page.Moment, limit int,
) (all []moderation.Sanction, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		all, err = listPage(ctx, t, sanctions.scan, limit, query{
			in: sanctionsIn, filter: append(d("user_id", uuid(user)), past(after, "$lt", "created_at", "_id")...),
			sort: d("created_at", -1, "_id", -1),
		})
		return err
	})
	return all, err
}
