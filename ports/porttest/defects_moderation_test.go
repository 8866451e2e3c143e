package porttest_test

import (
	"context"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
)

// twoReports stores a second report of a pair, as a dismissed one.
type twoReports struct{ moderation.Repository }

func (r twoReports) AddReport(
	ctx context.Context, report moderation.Report, messages ...moderation.ReportedMessage,
) (bool, error) {
	created, err := r.Repository.AddReport(ctx, report, messages...)
	if created || err != nil {
		return created, err
	}
	report.Status, report.ReviewedBy, report.ReviewedAt = moderation.Dismissed, report.ReporterID, report.CreatedAt
	return r.Repository.AddReport(ctx, report)
}

// forgetsContext keeps only the reported message of a report.
type forgetsContext struct{ moderation.Repository }

func (r forgetsContext) AddReport(
	ctx context.Context, report moderation.Report, messages ...moderation.ReportedMessage,
) (bool, error) {
	messages = slices.DeleteFunc(slices.Clone(messages), func(m moderation.ReportedMessage) bool {
		return m.MessageID != report.MessageID
	})
	return r.Repository.AddReport(ctx, report, messages...)
}

// newestReported lists the messages of a report with the newest one first.
type newestReported struct{ moderation.Repository }

func (r newestReported) ReportedMessages(
	ctx context.Context, reports ...id.Report,
) (map[id.Report][]moderation.ReportedMessage, error) {
	all, err := r.Repository.ReportedMessages(ctx, reports...)
	for _, messages := range all {
		slices.Reverse(messages)
	}
	return all, err
}

// aboutPending lists only the reports about a user that are pending.
type aboutPending struct{ moderation.Repository }

func (r aboutPending) ReportsAbout(
	ctx context.Context, reported id.User, after *page.Moment, limit int,
) ([]moderation.Report, error) {
	all, err := r.Repository.ReportsAbout(ctx, reported, after, limit)
	return slices.DeleteFunc(all, func(r moderation.Report) bool { return r.Status != moderation.Pending }), err
}
