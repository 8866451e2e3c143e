package mongodb

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	reports = tableOf(ports.ReportLayout)
	audits  = tableOf(ports.AuditRecordLayout)
)

// scanBlocks reads whom an account blocks.
func scanBlocks(r *record) (blocks []moderation.Block) {
	for _, b := range r.list("blocks") {
		blocks = append(blocks, moderation.Block{UserID: r.id("_id"), BlockedUserID: b.id("user_id"), CreatedAt: b.time("created_at")})
		r.fail("blocks", b.err)
	}
	return blocks
}

// blocking is the change of an account that blocks another. It matches unless the account does already, or was erased meanwhile.
func blocking(user, blocked, at any) mongo.WriteModel {
	return changing(d("_id", user, "erased", false, "blocks.user_id", d("$ne", blocked)), d("$push", d("blocks", d("user_id", blocked, "created_at", at))))
}

type moderationRepository struct{ *unit }

func (r moderationRepository) AddReport(ctx context.Context, report moderation.Report) (created bool, err error) {
	err = r.write(ctx, func(t *txn) error {
		if report.Status == moderation.Pending {
			pending, err := t.exists(ctx, reportsIn, d("reporter_id", uuid(report.ReporterID), "reported_user_id", uuid(report.ReportedUserID),
				"status", string(moderation.Pending)))
			if err != nil || pending {
				return err
			}
		}
		created = true
		t.later(reportsIn, inserting(reports.doc(report)))
		return nil
	})
	return created && err == nil, err
}

func (r moderationRepository) Report(ctx context.Context, report id.Report) (there moderation.Report, err error) {
	err = r.read(ctx, func(t *txn) (err error) {
		there, err = find(ctx, t, reports.scan, query{in: reportsIn, filter: d("_id", uuid(report))})
		return orNotFound(err, "a report")
	})
	return there, err
}

func (r moderationRepository) ChangeReport(ctx context.Context, report moderation.Report, from moderation.Status) (changed bool, err error) {
	err = r.write(ctx, func(t *txn) error {
		matched, err := t.update(ctx, reportsIn, changing(
			d("_id", uuid(report.ID), "reporter_id", uuid(report.ReporterID), "status", string(from)),
			d("$set", d("status", string(report.Status), "admin_notes", textOrNull(report.AdminNotes),
				"reviewed_by", uuidOrNull(report.ReviewedBy), "reviewed_at", dateOrNull(report.ReviewedAt)))))
		changed = matched == 1
		return err
	})
	return changed && err == nil, err
}

func (r moderationRepository) Reports(ctx context.Context, status moderation.Status, last *page.Moment, limit int) (all []moderation.Report, err error) {
	err = r.read(ctx, func(t *txn) (err error) {
		filter := bson.D{}
		if status != "" {
			filter = d("status", string(status))
		}
		all, err = listPage(ctx, t, reports.scan, limit, query{
			in: reportsIn, filter: append(filter, past(last, "$gt", "created_at", "_id")...), sort: d("created_at", 1, "_id", 1),
		})
		return err
	})
	return all, err
}

func (r moderationRepository) ReportsBy(ctx context.Context, reporter id.User, last *page.Moment, limit int) (all []moderation.Report, err error) {
	err = r.read(ctx, func(t *txn) (err error) {
		all, err = listPage(ctx, t, reports.scan, limit, query{
			in: reportsIn, filter: append(d("reporter_id", uuid(reporter)), past(last, "$lt", "created_at", "_id")...),
			sort: d("created_at", -1, "_id", -1),
		})
		return err
	})
	return all, err
}

func (r moderationRepository) Block(ctx context.Context, b moderation.Block) error {
	return r.write(ctx, func(t *txn) error {
		t.later(usersIn, blocking(uuid(b.UserID), uuid(b.BlockedUserID), date(b.CreatedAt)))
		return nil
	})
}

func (r moderationRepository) Unblock(ctx context.Context, user, blocked id.User) error {
	return r.write(ctx, func(t *txn) error {
		t.later(usersIn, changing(d("_id", uuid(user)), d("$pull", d("blocks", d("user_id", uuid(blocked))))))
		return nil
	})
}

func (r moderationRepository) Blocks(ctx context.Context, user id.User, last *page.Moment, limit int) (all []moderation.Block, err error) {
	err = r.read(ctx, func(t *txn) error {
		blocks, err := find(ctx, t, scanBlocks, query{in: usersIn, filter: d("_id", uuid(user)), fields: d("blocks", 1)})
		if errors.Is(err, mongo.ErrNoDocuments) {
			return nil
		}
		newestFirst := func(a, b page.Moment) int { return cmp.Or(b.At.Compare(a.At), bytes.Compare(b.ID[:], a.ID[:])) }
		if last != nil {
			blocks = slices.DeleteFunc(blocks, func(b moderation.Block) bool { return newestFirst(moderation.PlaceOfBlock(b), *last) <= 0 })
		}
		slices.SortFunc(blocks, func(a, b moderation.Block) int {
			return newestFirst(moderation.PlaceOfBlock(a), moderation.PlaceOfBlock(b))
		})
		all = blocks[:min(len(blocks), max(limit, 0))]
		return err
	})
	return all, err
}

func (r moderationRepository) Blocked(ctx context.Context, a, b id.User) (blocked bool, err error) {
	err = r.read(ctx, func(t *txn) (err error) {
		blocked, err = t.exists(ctx, usersIn, d("$or", bson.A{
			d("_id", uuid(a), "blocks.user_id", uuid(b)), d("_id", uuid(b), "blocks.user_id", uuid(a)),
		}))
		return err
	})
	return blocked, err
}

func (r moderationRepository) DropBlocks(ctx context.Context, user id.User) error {
	return r.write(ctx, func(t *txn) error {
		t.later(usersIn, changing(d("_id", uuid(user)), d("$unset", d("blocks", ""))))
		return nil
	})
}

func (r moderationRepository) AddAudit(ctx context.Context, record moderation.AuditRecord) error {
	return r.write(ctx, func(t *txn) error {
		t.later(auditIn, inserting(audits.doc(record)))
		return nil
	})
}

func (r moderationRepository) Audits(ctx context.Context, subject id.Subject, last *page.Moment, limit int) (all []moderation.AuditRecord, err error) {
	err = r.read(ctx, func(t *txn) (err error) {
		filter := bson.D{}
		if !subject.IsZero() {
			filter = d("subject_id", uuid(subject))
		}
		all, err = listPage(ctx, t, audits.scan, limit, query{
			in: auditIn, filter: append(filter, past(last, "$lt", "created_at", "_id")...), sort: d("created_at", -1, "_id", -1),
		})
		return err
	})
	return all, err
}
