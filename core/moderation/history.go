package moderation

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
)

// The limits of a History.
const (
	MaxHistory = 100 // reports that are counted
	MaxRecent  = 5   // reports and acts that are shown
)

// Case is a report with all that admins see of it.
type Case struct {
	FiledReport
	Reporter History
	Reported History
}

// History is what admins see of a user to judge a report. It includes the report itself.
type History struct {
	UserID   id.User
	Filed    ReportHistory // reports by the user
	Received ReportHistory // reports about the user
	Acts     []AuditRecord // acts of admins on the account: the newest ones first, at most MaxRecent
}

// ReportHistory is the number of reports of each status, among the newest MaxHistory, and the newest
// MaxRecent of them.
type ReportHistory struct {
	Pending, Reviewed, Resolved, Dismissed int
	Recent                                 []Report // newest first
}

// historyOf counts reports, which are the newest ones first.
func historyOf(all []Report) ReportHistory {
	h := ReportHistory{Recent: all[:min(len(all), MaxRecent)]}
	for _, r := range all {
		switch r.Status {
		case Pending:
			h.Pending++
		case Reviewed:
			h.Reviewed++
		case Resolved:
			h.Resolved++
		case Dismissed:
			h.Dismissed++
		}
	}
	return h
}

// ReportByID returns one report, with the messages that were copied into it, and the histories of
// the reporter and of the reported user. Errors: ErrReportNotFound.
func (s *Service) ReportByID(ctx context.Context, admin id.User, report id.Report) (Case, error) {
	var c Case
	err := s.asAdmin(ctx, admin, s.deps.Store.View, func(ctx context.Context, tx Tx) (err error) {
		if c.Report, err = readReport(ctx, tx, report); err != nil {
			return err
		}
		copied, err := tx.Moderation().ReportedMessages(ctx, report)
		if err != nil {
			return fmt.Errorf("read reported messages: %w", err)
		}
		c.Messages = copied[report]
		if c.Reporter, err = readHistory(ctx, tx, c.ReporterID); err != nil {
			return err
		}
		c.Reported, err = readHistory(ctx, tx, c.ReportedUserID)
		return err
	})
	return c, err
}

func readHistory(ctx context.Context, tx Tx, user id.User) (History, error) {
	h := History{UserID: user}
	filed, err := tx.Moderation().ReportsBy(ctx, user, nil, MaxHistory)
	if err != nil {
		return History{}, fmt.Errorf("list the reports by a user: %w", err)
	}
	received, err := tx.Moderation().ReportsAbout(ctx, user, nil, MaxHistory)
	if err != nil {
		return History{}, fmt.Errorf("list the reports about a user: %w", err)
	}
	if h.Acts, err = tx.Moderation().Audits(ctx, id.Subject(user), nil, MaxRecent); err != nil {
		return History{}, fmt.Errorf("list the acts on a user: %w", err)
	}
	h.Filed, h.Received = historyOf(filed), historyOf(received)
	return h, nil
}

// FiledReports lists the reports that a user filed, newest first, with the messages that were copied
// into them, inside a unit of work. They do not have the reviewer and the notes.
func FiledReports(ctx context.Context, tx Tx, reporter id.User, after *page.Moment, limit int) ([]FiledReport, error) {
	reports, err := tx.Moderation().ReportsBy(ctx, reporter, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list the reports by a user: %w", err)
	}
	filed := make([]FiledReport, len(reports))
	var with []id.Report // those with a message
	for i, r := range reports {
		filed[i].Report = r.ForReporter()
		if !r.MessageID.IsZero() {
			with = append(with, r.ID)
		}
	}
	if len(with) == 0 {
		return filed, nil
	}
	copied, err := tx.Moderation().ReportedMessages(ctx, with...)
	if err != nil {
		return nil, fmt.Errorf("read reported messages: %w", err)
	}
	for i := range filed {
		filed[i].Messages = copied[filed[i].ID]
	}
	return filed, nil
}
