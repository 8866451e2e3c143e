package mongodb

import (
	"context"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/ports"
)

var reportedMessages = tableOf(ports.ReportedMessageLayout)

func (repo moderationRepository) ReportsAbout(
	ctx context.Context, reported id.User, after *page.Moment, limit int,
) (all []moderation.Report, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		all, err = listPage(ctx, t, reports.scan, limit, query{
			in: reportsIn, filter: append(d("reported_user_id", uuid(reported)), past(after, "$lt", "created_at", "_id")...),
			sort: d("created_at", -1, "_id", -1),
		})
		return err
	})
	return all, err
}

func (repo moderationRepository) ReportedMessages(
	ctx context.Context, of ...id.Report,
) (copied map[id.Report][]moderation.ReportedMessage, err error) {
	err = repo.read(ctx, func(t *txn) error {
		all, err := list(ctx, t, reportedMessages.scan, query{
			in: reportedMessagesIn, filter: d("_id.report_id", d("$in", uuids(of))),
		})
		slices.SortFunc(all, func(a, b ports.ReportedMessage) int {
			return compareMoments(page.Moment{At: a.CreatedAt, ID: a.MessageID}, page.Moment{At: b.CreatedAt, ID: b.MessageID})
		})
		copied = map[id.Report][]moderation.ReportedMessage{}
		for _, m := range all {
			copied[m.ReportID] = append(copied[m.ReportID], m.ReportedMessage)
		}
		return err
	})
	return copied, err
}
