package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/ports"
)

func (s *state) addReportedMessage(m ports.ReportedMessage) error {
	key := idKey(m.ReportID) + idKey(m.MessageID)
	switch {
	case s.reportedMessages.has(key):
		return taken("a reported message")
	case !s.reports.has(idKey(m.ReportID)):
		return noTarget("a reported message's report")
	case !s.users.has(idKey(m.UserID)):
		return noTarget("a reported message's sender")
	}
	s.reportedMessages.put(key, m)
	return nil
}

func (repo moderationRepository) ReportsAbout(
	ctx context.Context, reported id.User, after *page.Moment, limit int,
) (list []moderation.Report, err error) {
	err = repo.read(ctx, func(s *state) error {
		list = newest(&s.reportsAbout, idKey(reported), after, limit, s.report)
		return nil
	})
	return list, err
}

func (repo moderationRepository) ReportedMessages(
	ctx context.Context, reports ...id.Report,
) (copied map[id.Report][]moderation.ReportedMessage, err error) {
	err = repo.read(ctx, func(s *state) error {
		copied = map[id.Report][]moderation.ReportedMessage{}
		for _, report := range reports {
			var all []moderation.ReportedMessage
			for _, m := range s.reportedMessages.ascend(idKey(report), "") {
				all = append(all, m.ReportedMessage)
			}
			slices.SortFunc(all, func(a, b moderation.ReportedMessage) int {
				return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), a.MessageID.Compare(b.MessageID))
			})
			if len(all) > 0 {
				copied[report] = all
			}
		}
		return nil
	})
	return copied, err
}
