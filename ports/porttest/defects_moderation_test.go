package porttest_test

import (
	"context"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
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

// forgetsOutcomes stores the appeal of a sanction, and no outcome.
type forgetsOutcomes struct{ moderation.Repository }

func (r forgetsOutcomes) SaveSanction(ctx context.Context, s moderation.Sanction) error {
	s.Outcome = ""
	return r.Repository.SaveSanction(ctx, s)
}

// repeatsSanctions begins a page of sanctions with the moment that the page before ended in.
type repeatsSanctions struct{ moderation.Repository }

func (r repeatsSanctions) Sanctions(
	ctx context.Context, user id.User, after *page.Moment, limit int,
) ([]moderation.Sanction, error) {
	if after != nil {
		after = &page.Moment{At: after.At.Add(time.Millisecond)}
	}
	return r.Repository.Sanctions(ctx, user, after, limit)
}

// unsuspended does not store that an account is suspended.
type unsuspended struct{ users.Repository }

func (r unsuspended) Save(ctx context.Context, u users.User) error {
	u.SuspendedUntil = time.Time{}
	return r.Repository.Save(ctx, u)
}

// visibleSuspended takes a suspended user for an active one.
type visibleSuspended struct {
	matching.Repository
	users users.Repository
}

func (r visibleSuspended) Sight(ctx context.Context, viewer, user id.User) (matching.Sight, error) {
	sight, err := r.Repository.Sight(ctx, viewer, user)
	if err != nil {
		return sight, err
	}
	u, err := r.users.User(ctx, user)
	sight.Active = sight.Active || err == nil && u.Suspended()
	return sight, err
}

// findsBothWays finds the blocks between users in both directions.
type findsBothWays struct{ moderation.Repository }

func (r findsBothWays) BlocksBetween(ctx context.Context, users, blocked []id.User) ([]moderation.Block, error) {
	one, err := r.Repository.BlocksBetween(ctx, users, blocked)
	if err != nil {
		return nil, err
	}
	other, err := r.Repository.BlocksBetween(ctx, blocked, users)
	return append(one, other...), err
}
