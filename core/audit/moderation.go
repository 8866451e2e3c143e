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
	})
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
