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

// scanBlocks returns the blocks of an account.
func scanBlocks(r *record) (blocks []moderation.Block) {
	for _, b := range r.list("blocks") {
		blocks = append(blocks, moderation.Block{UserID: r.id("_id"), BlockedUserID: b.id("user_id"), CreatedAt: b.time("created_at")})
		r.fail("blocks", b.err)
	}
	return blocks
}

// blocking returns the change of an account that blocks a user. It does not match if the account
// blocks the user already, or was erased.
func blocking(user, blocked, at any) mongo.WriteModel {
	return changing(d("_id", user, "erased", false, "blocks.user_id", d("$ne", blocked)), d("$push", d("blocks", d("user_id", blocked, "created_at", at))))
}

func compareMoments(a, b page.Moment) int {
	return cmp.Or(a.At.Compare(b.At), bytes.Compare(a.ID[:], b.ID[:]))
}

type moderationRepository struct{ *unit }

func (repo moderationRepository) AddReport(
	ctx context.Context, r moderation.Report, messages ...moderation.ReportedMessage,
) (created bool, err error) {
	err = repo.write(ctx, func(t *txn) error {
		if r.Status == moderation.Pending {
			pending, err := t.exists(ctx, reportsIn, d("reporter_id", uuid(r.ReporterID), "reported_user_id", uuid(r.ReportedUserID),
				"status", string(moderation.Pending)))
			if err != nil || pending {
				return err
			}
		}
		created = true
		t.later(reportsIn, inserting(reports.doc(r)))
		for _, m := range messages {
			t.later(reportedMessagesIn, inserting(reportedMessages.doc(ports.ReportedMessage{ReportID: r.ID, ReportedMessage: m})))
		}
		return nil
	})
	return created && err == nil, err
}

func (repo moderationRepository) Report(ctx context.Context, report id.Report) (there moderation.Report, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		there, err = find(ctx, t, reports.scan, query{in: reportsIn, filter: d("_id", uuid(report))})
		return orNotFound(err, "a report")
	})
	return there, err
}

func (repo moderationRepository) ChangeReport(
	ctx context.Context, r moderation.Report, from moderation.Status,
) (changed bool, err error) {
	err = repo.write(ctx, func(t *txn) error {
		matched, err := t.apply(ctx, reportsIn, changing(
			d("_id", uuid(r.ID), "reporter_id", uuid(r.ReporterID), "status", string(from)),
			d("$set", d("status", string(r.Status), "admin_notes", textOrNull(r.AdminNotes),
				"reviewed_by", uuidOrNull(r.ReviewedBy), "reviewed_at", dateOrNull(r.ReviewedAt)))))
		changed = matched == 1
		return err
	})
	return changed && err == nil, err
}

func (repo moderationRepository) Reports(
	ctx context.Context, status moderation.Status, after *page.Moment, limit int,
) (all []moderation.Report, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		filter := bson.D{}
		if status != "" {
			filter = d("status", string(status))
		}
		all, err = listPage(ctx, t, reports.scan, limit, query{
			in: reportsIn, filter: append(filter, past(after, "$gt", "created_at", "_id")...), sort: d("created_at", 1, "_id", 1),
		})
		return err
	})
	return all, err
}

func (repo moderationRepository) ReportsBy(
	ctx context.Context, reporter id.User, after *page.Moment, limit int,
) (all []moderation.Report, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		all, err = listPage(ctx, t, reports.scan, limit, query{
			in: reportsIn, filter: append(d("reporter_id", uuid(reporter)), past(after, "$lt", "created_at", "_id")...),
			sort: d("created_at", -1, "_id", -1),
		})
		return err
	})
	return all, err
}

func (repo moderationRepository) Block(ctx context.Context, b moderation.Block) (added bool, err error) {
	err = repo.write(ctx, func(t *txn) error {
		matched, err := t.apply(ctx, usersIn, blocking(uuid(b.UserID), uuid(b.BlockedUserID), date(b.CreatedAt)))
		added = matched > 0
		return err
	})
	return added && err == nil, err
}

func (repo moderationRepository) Unblock(ctx context.Context, user, blocked id.User) (removed bool, err error) {
	err = repo.write(ctx, func(t *txn) error {
		matched, err := t.apply(ctx, usersIn, changing(
			d("_id", uuid(user), "blocks.user_id", uuid(blocked)), d("$pull", d("blocks", d("user_id", uuid(blocked)))),
		))
		removed = matched > 0
		return err
	})
	return removed && err == nil, err
}

func (repo moderationRepository) Blocks(
	ctx context.Context, user id.User, after *page.Moment, limit int,
) (all []moderation.Block, err error) {
	err = repo.read(ctx, func(t *txn) error {
		blocks, err := find(ctx, t, scanBlocks, query{in: usersIn, filter: d("_id", uuid(user)), fields: d("blocks", 1)})
		if errors.Is(err, mongo.ErrNoDocuments) {
			return nil
		}
		newestFirst := func(a, b page.Moment) int { return compareMoments(b, a) }
		if after != nil {
			blocks = slices.DeleteFunc(blocks, func(b moderation.Block) bool { return newestFirst(moderation.PlaceOfBlock(b), *after) <= 0 })
		}
		slices.SortFunc(blocks, func(a, b moderation.Block) int {
			return newestFirst(moderation.PlaceOfBlock(a), moderation.PlaceOfBlock(b))
		})
		all = blocks[:min(len(blocks), max(limit, 0))]
		return err
	})
	return all, err
}

func (repo moderationRepository) BlocksBetween(ctx context.Context, users, blocked []id.User) (all []moderation.Block, err error) {
	err = repo.read(ctx, func(t *txn) error {
		of, err := list(ctx, t, scanBlocks, query{
			in: usersIn, filter: d("_id", d("$in", uuids(users)), "blocks.user_id", d("$in", uuids(blocked))), fields: d("blocks", 1),
		})
		for _, b := range slices.Concat(of...) {
			if slices.Contains(blocked, b.BlockedUserID) {
				all = append(all, b)
			}
		}
		return err
	})
	return all, err
}

func (repo moderationRepository) DropBlocks(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(usersIn, changing(d("_id", uuid(user)), d("$unset", d("blocks", ""))))
		return nil
	})
}

func (repo moderationRepository) AddAudit(ctx context.Context, r moderation.AuditRecord) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(auditIn, inserting(audits.doc(r)))
		return nil
	})
}

func (repo moderationRepository) Audits(
	ctx context.Context, subject id.Subject, after *page.Moment, limit int,
) (all []moderation.AuditRecord, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		filter := bson.D{}
		if !subject.IsZero() {
			filter = d("subject_id", uuid(subject))
		}
		all, err = listPage(ctx, t, audits.scan, limit, query{
			in: auditIn, filter: append(filter, past(after, "$lt", "created_at", "_id")...), sort: d("created_at", -1, "_id", -1),
		})
		return err
	})
	return all, err
}
