package httpapi

import (
	"context"
	"net/http"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// ReportedMessage is a copy of a message in a report.
type ReportedMessage struct {
	ID             id.Message `json:"id"`
	UserID         id.User    `json:"user_id" description:"The sender."`
	Content        string     `json:"content"`
	AttachmentType *string    `json:"attachment_type" description:"The media type of the image, which only participants of the conversation see."`
	CreatedAt      Time       `json:"created_at"`
}

func reportedMessageOf(m moderation.ReportedMessage) ReportedMessage {
	return ReportedMessage{
		ID: m.MessageID, UserID: m.UserID, Content: m.Content, AttachmentType: orNull(m.Attachment), CreatedAt: Time(m.CreatedAt),
	}
}

// FiledReport is a report with the messages that were copied into it.
type FiledReport struct {
	Report
	Messages []ReportedMessage `json:"messages" description:"The reported message last, after those before it."`
}

func filedReportOf(r moderation.FiledReport) FiledReport {
	return FiledReport{Report: reportOf(r.Report), Messages: each(r.Messages, reportedMessageOf)}
}

// Case is a report with all that admins see of it.
type Case struct {
	AdminReport
	Messages []ReportedMessage `json:"messages" description:"The reported message last, after those before it."`
	Reporter History           `json:"reporter"`
	Reported History           `json:"reported"`
}

// History is what admins see of a user to judge a report.
type History struct {
	UserID   id.User       `json:"user_id"`
	Filed    ReportHistory `json:"filed" description:"Reports by the user."`
	Received ReportHistory `json:"received" description:"Reports about the user."`
	Acts     []AuditRecord `json:"acts" description:"The newest acts of admins on the account."`
}

// ReportHistory counts the newest 100 reports by or about a user.
type ReportHistory struct {
	Pending   int           `json:"pending"`
	Reviewed  int           `json:"reviewed"`
	Resolved  int           `json:"resolved"`
	Dismissed int           `json:"dismissed"`
	Recent    []AdminReport `json:"recent" description:"The newest 5 reports."`
}

func caseOf(c moderation.Case) Case {
	return Case{
		AdminReport: adminReportOf(c.Report), Messages: each(c.Messages, reportedMessageOf),
		Reporter: historyOf(c.Reporter), Reported: historyOf(c.Reported),
	}
}

func historyOf(h moderation.History) History {
	return History{
		UserID: h.UserID, Filed: reportHistoryOf(h.Filed), Received: reportHistoryOf(h.Received), Acts: each(h.Acts, auditRecordOf),
	}
}

func reportHistoryOf(h moderation.ReportHistory) ReportHistory {
	return ReportHistory{
		Pending: h.Pending, Reviewed: h.Reviewed, Resolved: h.Resolved, Dismissed: h.Dismissed, Recent: each(h.Recent, adminReportOf),
	}
}

var adminReport = kithttp.Route[adminReportRequest, Case]{
	Name: "adminReport", Method: http.MethodGet, Path: "/v1/admin/reports/{id}",
	Summary: "Read a report, with its messages and the histories of both users", Tags: tagAdmin,
	Faults: []*fault.Error{moderation.ErrReportNotFound},
}

func (a *API) adminReport(ctx context.Context, caller users.Caller, req adminReportRequest) (Case, error) {
	c, err := a.services.Moderation.ReportByID(ctx, caller.UserID, id.Report(req.ID))
	return caseOf(c), err
}
