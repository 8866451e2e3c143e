package postgres

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/ports"
)

var reportedMessages = tableOf(ports.ReportedMessageLayout)

func (repo moderationRepository) ReportsAbout(
	ctx context.Context, reported id.User, after *page.Moment, limit int,
) (all []moderation.Report, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := latestFirst(after)
		all, err = list(ctx, c, reports.scan, "SELECT "+reports.columns+` FROM @reports
			WHERE reported_user_id = $4 AND (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT `+hidden("$3"),
			at, item, limited(limit), uuid(reported))
		return err
	})
	return all, err
}

func (repo moderationRepository) ReportedMessages(
	ctx context.Context, of ...id.Report,
) (copied map[id.Report][]moderation.ReportedMessage, err error) {
	err = repo.read(ctx, func(c *conn) error {
		// OFFSET 0 makes the planner look for the messages of each report, also if it expects most
		// rows to fit.
		all, err := list(ctx, c, reportedMessages.scan, "SELECT "+reportedMessages.columns+`
			FROM (SELECT DISTINCT unnest((SELECT $1::uuid[])) AS id) AS one
			CROSS JOIN LATERAL (SELECT * FROM @reported_messages WHERE report_id = one.id OFFSET 0) AS reported_messages
			ORDER BY created_at, message_id`, uuids(of))
		copied = map[id.Report][]moderation.ReportedMessage{}
		for _, m := range all {
			copied[m.ReportID] = append(copied[m.ReportID], m.ReportedMessage)
		}
		return err
	})
	return copied, err
}
