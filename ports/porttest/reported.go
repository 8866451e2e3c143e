package porttest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// newReportedMessage returns a copy of a message that need not exist.
func (f *fixture) newReportedMessage(sender id.User, at time.Time) moderation.ReportedMessage {
	return moderation.ReportedMessage{MessageID: id.Message(f.ids.Next()), UserID: sender, Content: "Hello\n", CreatedAt: at}
}

// reportedMessages returns the messages of reports.
func (f *fixture) reportedMessages(reports ...id.Report) map[id.Report][]moderation.ReportedMessage {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) (map[id.Report][]moderation.ReportedMessage, error) {
		return tx.Moderation().ReportedMessages(ctx, reports...)
	})
}

func messagesReported(f *fixture) {
	ada, ben, cleo := f.user("ada"), f.user("ben"), f.user("cleo")
	var messages []moderation.ReportedMessage
	for i := range moderation.MaxReportedMessages {
		m := f.newReportedMessage([]id.User{ada.ID, ben.ID}[i%2], noon.Add(time.Duration(min(i, 1))*time.Minute))
		messages = append(messages, m)
	}
	messages[1].Content, messages[1].Attachment = "", "image/png"
	backwards := slices.Clone(messages)
	slices.Reverse(backwards)
	first, second, plain := f.newReport(ada.ID, ben.ID), f.newReport(cleo.ID, ben.ID), f.newReport(ben.ID, ada.ID)
	first.MessageID, second.MessageID = messages[2].MessageID, messages[0].MessageID
	for _, filed := range []struct {
		report   moderation.Report
		messages []moderation.ReportedMessage
	}{{first, backwards}, {second, messages[:1]}, {plain, nil}} { // one message may be in several reports
		f.same("a report that is filed", f.tryReport(filed.report, filed.messages...), true)
		f.same("the report", f.reportOf(filed.report.ID), filed.report)
	}
	f.same("the messages of a report", f.reportedMessages(first.ID)[first.ID], messages)
	f.same("the messages of several reports",
		f.reportedMessages(plain.ID, second.ID, first.ID, id.Report(f.ids.Next())),
		map[id.Report][]moderation.ReportedMessage{first.ID: messages, second.ID: messages[:1]})
	f.same("the messages of no report", f.reportedMessages(), map[id.Report][]moderation.ReportedMessage{})

	before := f.dump()
	again := f.newReport(ada.ID, ben.ID)
	again.MessageID = messages[0].MessageID
	f.same("a second report of the pair", f.tryReport(again, messages[:2]...), false)
	f.unchanged("a duplicate report with messages", before)

	// The move of a report leaves its messages.
	first.Status, first.ReviewedBy, first.ReviewedAt = moderation.Resolved, cleo.ID, noon
	f.same("moved", f.changeReport(first, moderation.Pending), true)
	f.same("the report after the move", f.reportOf(first.ID), first)
	f.same("the messages after the move", f.reportedMessages(first.ID)[first.ID], messages)
}

func reportsAboutPages(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	var all []moderation.Report
	for i := range paged {
		r := f.newReport(f.user(fmt.Sprint("user", i)).ID, ada.ID)
		if i%5 == 0 {
			r.ReporterID, r.ReportedUserID = ada.ID, r.ReporterID
		}
		if i%3 == 0 {
			r.Status, r.ReviewedBy, r.ReviewedAt = moderation.Dismissed, ben.ID, noon
		}
		r.CreatedAt = tie(i)
		all = append(all, f.report(r))
	}
	newest := newestFirst(all, func(r moderation.Report) time.Time { return r.CreatedAt },
		func(r moderation.Report) id.Report { return r.ID })
	pages(f, "reports about one person", filter(newest, func(r moderation.Report) bool { return r.ReportedUserID == ada.ID }),
		moderation.PlaceOfReport,
		func(ctx context.Context, tx ports.Tx, after *page.Moment, limit int) ([]moderation.Report, error) {
			return tx.Moderation().ReportsAbout(ctx, ada.ID, after, limit)
		})
}

func messageReported(c *community) {
	admin, ada, ben := c.admin("admin"), c.join("ada"), c.join("ben")
	talk := c.talk(ada, ben)
	var sent []messaging.Message
	for i, content := range []string{"Hello", "Who are you?", "You again?", "Go away!", "Sorry"} {
		m, err := c.messaging.Send(c.ctx, []id.User{ada.ID, ben.ID}[i%2], talk.ID, messaging.Draft{Content: content}, "")
		c.must(err)
		sent = append(sent, m)
	}
	report, err := c.messaging.Report(c.ctx, ada.ID, messaging.ReportInput{
		ReportInput: moderation.ReportInput{ReportedUserID: ben.ID, Reason: "rude"}, MessageID: sent[3].ID,
	}, "")
	c.must(err)
	c.must(c.privacy.Erase(c.ctx, ben.ID, password, users.Device{})) // messages stay, and so do their copies
	seen, err := c.moderation.ReportByID(c.ctx, admin.ID, report.ID)
	c.must(err)
	c.same("the report", seen.Report, report)
	var contents []string
	for _, m := range seen.Messages {
		contents = append(contents, m.Content)
	}
	c.same("the messages that the admin sees", contents, []string{"Who are you?", "You again?", "Go away!"})
	c.same("the reports about the reported user", seen.Reported.Received.Pending, 1)
}
