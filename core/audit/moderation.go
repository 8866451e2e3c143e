package audit

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
)

func (a *audit) checkReports(ctx context.Context) error {
	type pair struct{ reporter, reported id.User }
	pending := map[pair]id.Report{}
	return a.each(ctx, "reports", func(r record) {
		report, status := id.Report(r.id("id")), moderation.Status(r.text("status"))
		between := pair{reporter: r.id("reporter_id"), reported: r.id("reported_user_id")}
		a.refers(r, report, "reporter_id")
		a.refers(r, report, "reported_user_id")
		if between.reporter == between.reported {
			a.broken("report_self", report, "%s reports themselves", between.reporter)
		}
		if !status.Valid() {
			a.broken("report_status", report, "the status is %q", status)
		}
		if status == moderation.Pending {
			if other, taken := pending[between]; taken {
				a.broken("report_pending", report, "the pending report %s has the same reporter and reported user",
					other)
			}
			pending[between] = report
		}
		a.checkReview(r, status != moderation.Pending)
		if message := id.Message(r.id("message_id")); !message.IsZero() {
			a.copied[report] = &reported{message: message, between: participants{between.reporter, between.reported}}
		}
	})
}

// reported is what an audit remembers of a report of a message.
type reported struct {
	message id.Message
	between participants // the reporter and the reported user
	copies  int
	found   bool // there is a copy of message
}

// checkReportedMessages does not compare the texts: the copies of a report stand for themselves.
func (a *audit) checkReportedMessages(ctx context.Context) error {
	err := a.each(ctx, "reported_messages", func(r record) {
		report, message, sender := id.Report(r.id("report_id")), id.Message(r.id("message_id")), id.User(r.id("user_id"))
		of := a.copied[report]
		if of == nil {
			a.broken("report_message", report, "has a copy of the message %s, but reports no message", message)
			return
		}
		of.copies++
		of.found = of.found || message == of.message
		number, there := a.messages.find(message)
		if !there {
			a.broken("reference", report, "it has a copy of the message %s, which does not exist", message)
			return
		}
		switch from, pair, known := a.originOf(message, a.messages.at(number).row); {
		case from.sender != sender:
			a.broken("report_message", report, "the copy of the message %s has another sender", message)
		case known && !of.between.same(pair):
			a.broken("report_message", report, "the message %s is in no conversation of the two users", message)
		}
	})
	if err != nil {
		return err
	}
	for _, report := range inOrder(a.copied) {
		if of := a.copied[report]; !of.found || of.copies > moderation.MaxReportedMessages {
			a.broken("report_message", report, "has %d copies, and that of its message is among them: %v", of.copies, of.found)
		}
	}
	return nil
}

// checkReview checks that a report has a reviewer and a time if it is not pending, and only then.
// Notes alone do not count as a review.
func (a *audit) checkReview(r record, moved bool) {
	reviewer, at := id.User(r.id("reviewed_by")), r.time("reviewed_at")
	if reviewer.IsZero() == moved || at.IsZero() == moved {
		a.broken("report_review", r.id("id"), "the status is %s, the reviewer %q, the time %v", r.text("status"),
			reviewer, at)
	}
	if !reviewer.IsZero() {
		a.refers(r, r.id("id"), "reviewed_by")
	}
}

func (a *audit) checkSanctions(ctx context.Context) error {
	return a.each(ctx, "sanctions", func(r record) {
		sanction, outcome := id.Sanction(r.id("id")), moderation.Outcome(r.text("outcome"))
		a.refers(r, sanction, "user_id")
		a.refers(r, sanction, "created_by")
		decided := outcome != ""
		if decided && !id.User(r.id("decided_by")).IsZero() {
			a.refers(r, sanction, "decided_by")
		}
		switch {
		case !moderation.SanctionKind(r.text("kind")).Valid():
			a.broken("sanction", sanction, "the kind is %q", r.text("kind"))
		case decided && outcome != moderation.Upheld && outcome != moderation.Lifted:
			a.broken("sanction", sanction, "the outcome is %q", outcome)
		case decided == r.time("decided_at").IsZero() || decided == id.User(r.id("decided_by")).IsZero():
			a.broken("sanction", sanction, "the outcome is %q, decided at %v", outcome, r.time("decided_at"))
		case (r.text("appeal") == "") != r.time("appealed_at").IsZero():
			a.broken("sanction", sanction, "the appeal lacks its text or its time")
		case outcome == moderation.Upheld && r.text("appeal") == "":
			a.broken("sanction", sanction, "was upheld without an appeal")
		}
	})
}

func (a *audit) checkBlocks(ctx context.Context) error {
	return a.each(ctx, "blocks", func(r record) {
		user := r.id("user_id")
		a.refers(r, user, "user_id")
		a.refers(r, user, "blocked_user_id")
		if user == r.id("blocked_user_id") {
			a.broken("block_self", user, "blocks themselves")
		}
	})
}

func (a *audit) checkAuditRecords(ctx context.Context) error {
	return a.each(ctx, "audit_records", func(r record) {
		if r.id("actor_id") != [16]byte{} {
			a.refers(r, r.id("id"), "actor_id")
		}
	})
}
