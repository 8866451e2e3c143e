package porttest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/ports"
)

// moderationTests tests reports, blocks and the audit trail.
var moderationTests = []test{
	{"a report comes back as it was filed", reportKept},
	{"a pair has one pending report at a time", reportPending},
	{"concurrent reports of a pair create one", reportRace},
	{"a report moves only from its present status", reportMoved},
	{"of concurrent moves of a report, one succeeds", reportMoveRace},
	{"pages of reports hold each once", reportPages},
	{"pages of reports about a user hold each once", reportsAboutPages},
	{"a report keeps the messages that were copied into it", messagesReported},
	{"a sanction keeps its appeal and its outcome", sanctionKept},
	{"pages of sanctions hold each once", sanctionPages},
	{"a block stays as it was made", blocked},
	{"blocks between users are found in one direction", blocksBetween},
	{"dropping blocks keeps those by others", blocksDropped},
	{"pages of blocks hold each once", blockPages},
	{"the audit trail keeps details", auditKept},
	{"pages of the audit trail hold each once", auditPages},
}

// reportOf reads a report.
func (f *fixture) reportOf(report id.Report) moderation.Report {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) (moderation.Report, error) {
		return tx.Moderation().Report(ctx, report)
	})
}

func reportKept(f *fixture) {
	want := f.report(f.newReport(f.user("ada").ID, f.user("ben").ID))
	f.same("the report", f.reportOf(want.ID), want)
}

func (f *fixture) tryReport(r moderation.Report, messages ...moderation.ReportedMessage) bool {
	f.Helper()
	return write(f, func(ctx context.Context, tx ports.Tx) (bool, error) {
		return tx.Moderation().AddReport(ctx, r, messages...)
	})
}

func (f *fixture) changeReport(r moderation.Report, from moderation.Status) bool {
	f.Helper()
	return write(f, func(ctx context.Context, tx ports.Tx) (bool, error) {
		return tx.Moderation().ChangeReport(ctx, r, from)
	})
}

func reportPending(f *fixture) {
	ada, ben, cleo := f.user("ada"), f.user("ben"), f.user("cleo", admin)
	first := f.report(f.newReport(ada.ID, ben.ID))
	before := f.dump()
	f.same("a second report of the pair while the first is pending", f.tryReport(f.newReport(ada.ID, ben.ID)), false)
	f.unchanged("a duplicate report", before)
	f.same("a report of another person", f.tryReport(f.newReport(ada.ID, cleo.ID)), true)
	f.same("a report by another person", f.tryReport(f.newReport(cleo.ID, ben.ID)), true)
	f.same("a report in the other direction", f.tryReport(f.newReport(ben.ID, ada.ID)), true)
	for _, status := range []moderation.Status{moderation.Reviewed, moderation.Resolved, moderation.Dismissed} {
		first.Status, first.ReviewedBy, first.ReviewedAt = status, cleo.ID, noon
		f.same("moved", f.changeReport(first, moderation.Pending), true)
		first = f.newReport(ada.ID, ben.ID)
		f.same("a further report when the last one is "+string(status), f.tryReport(first), true)
	}
}

func reportRace(f *fixture) {
	ben := f.user("ben")
	for i := range rounds(3, 200) {
		ada := f.user(fmt.Sprintf("ada%d", i))
		created := make([]bool, 10)
		f.allConcurrently(len(created), func(i int) error {
			r := f.newReport(ada.ID, ben.ID)
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				created[i], err = tx.Moderation().AddReport(ctx, r)
				return err
			})
		})
		f.same("the number of units that added the report", len(filter(created, func(b bool) bool { return b })), 1)
	}
	f.rowCount(ports.Reports, rounds(3, 200))
}

func reportMoved(f *fixture) {
	ada, ben, eve := f.user("ada"), f.user("ben"), f.user("eve", admin)
	want := f.report(f.newReport(ada.ID, ben.ID))
	want.Status, want.ReviewedBy, want.AdminNotes, want.ReviewedAt = moderation.Reviewed, eve.ID, "seen",
		noon.Add(time.Hour)
	handedIn := want
	// These fields never change.
	handedIn.Reason, handedIn.Message, handedIn.CreatedAt = "other", "other", noon.Add(time.Second)
	f.same("moved from pending", f.changeReport(handedIn, moderation.Pending), true)
	f.same("the report", f.reportOf(want.ID), want)
	before := f.dump()
	again := want
	again.Status = moderation.Dismissed
	f.same("moved from pending again", f.changeReport(again, moderation.Pending), false)
	f.same("moved from resolved", f.changeReport(again, moderation.Resolved), false)
	f.unchanged("a move from a status that the report does not have", before)
	again.AdminNotes = ""
	f.same("moved a second time", f.changeReport(again, moderation.Reviewed), true)
	f.same("the report after the second move", f.reportOf(want.ID), again)
}

func reportMoveRace(f *fixture) {
	ada, eve := f.user("ada"), f.user("eve", admin)
	for i := range rounds(3, 200) {
		r := f.report(f.newReport(ada.ID, f.user(fmt.Sprintf("ben%d", i)).ID))
		moved := make([]bool, 10)
		f.allConcurrently(len(moved), func(i int) error {
			mine := r
			mine.Status, mine.ReviewedBy, mine.ReviewedAt = moderation.Resolved, eve.ID, noon
			mine.AdminNotes = fmt.Sprint("by ", i)
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				moved[i], err = tx.Moderation().ChangeReport(ctx, mine, moderation.Pending)
				return err
			})
		})
		f.same("the number of units that moved it", len(filter(moved, func(b bool) bool { return b })), 1)
		for i, did := range moved {
			if did {
				f.same("the notes of the unit that moved it", f.reportOf(r.ID).AdminNotes, fmt.Sprint("by ", i))
			}
		}
	}
}

func reportPages(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	var all []moderation.Report
	for i := range paged {
		r := f.newReport(ada.ID, f.user(fmt.Sprint("user", i)).ID)
		if i%5 == 0 {
			r.ReporterID = ben.ID
		}
		if i%2 == 0 {
			r.Status, r.ReviewedBy, r.ReviewedAt = moderation.Dismissed, ada.ID, noon
		}
		r.CreatedAt = tie(i)
		all = append(all, f.report(r))
	}
	at, key := func(r moderation.Report) time.Time { return r.CreatedAt }, func(r moderation.Report) id.Report {
		return r.ID
	}
	oldest, newest := oldestFirst(all, at, key), newestFirst(all, at, key)
	queue := func(status moderation.Status) func(
		context.Context, ports.Tx, *page.Moment, int,
	) ([]moderation.Report, error) {
		return func(ctx context.Context, tx ports.Tx, after *page.Moment, limit int) ([]moderation.Report, error) {
			return tx.Moderation().Reports(ctx, status, after, limit)
		}
	}
	pages(f, "all reports", oldest, moderation.PlaceOfReport, queue(""))
	for _, status := range []moderation.Status{moderation.Pending, moderation.Dismissed, moderation.Resolved} {
		pages(f, "reports that are "+string(status),
			filter(oldest, func(r moderation.Report) bool { return r.Status == status }),
			moderation.PlaceOfReport, queue(status))
	}
	pages(f, "reports by one person", filter(newest, func(r moderation.Report) bool { return r.ReporterID == ada.ID }),
		moderation.PlaceOfReport,
		func(ctx context.Context, tx ports.Tx, after *page.Moment, limit int) ([]moderation.Report, error) {
			return tx.Moderation().ReportsBy(ctx, ada.ID, after, limit)
		})
}

// blocksOf lists the blocks that a user has made.
func (f *fixture) blocksOf(user id.User) []moderation.Block {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) ([]moderation.Block, error) {
		return tx.Moderation().Blocks(ctx, user, nil, 100)
	})
}

func blocked(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	first := moderation.Block{UserID: ada.ID, BlockedUserID: ben.ID, CreatedAt: noon}
	back := moderation.Block{UserID: ben.ID, BlockedUserID: ada.ID, CreatedAt: noon.Add(time.Hour)}
	for i := range 2 {
		b := first
		b.CreatedAt = noon.Add(time.Duration(i) * time.Hour)
		f.blocks(b, i == 0)
	}
	f.same("a block that was made twice", f.blocksOf(ada.ID), []moderation.Block{first})
	f.blocks(back, true)
	for i := range 2 { // the second call finds no block
		f.unblock(ada.ID, ben.ID, i == 0)
	}
	f.same("after unblocking", f.blocksOf(ada.ID), []moderation.Block(nil))
	f.same("the block in the other direction", f.blocksOf(ben.ID), []moderation.Block{back})
	f.allConcurrently(10, func(int) error {
		return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Moderation().Block(ctx, first)
			return err
		})
	})
	f.same("a block that concurrent units made", f.blocksOf(ada.ID), []moderation.Block{first})
}

func blocksBetween(f *fixture) {
	ada, ben, cleo := f.user("ada"), f.user("ben"), f.user("cleo")
	f.block(ada.ID, ben.ID)
	f.block(ada.ID, cleo.ID)
	f.block(ben.ID, cleo.ID)
	f.block(cleo.ID, ada.ID)
	for _, asked := range []struct{ users, blocked, made []id.User }{
		{[]id.User{ada.ID, ada.ID}, []id.User{ben.ID, ben.ID}, []id.User{ada.ID, ben.ID}},
		{[]id.User{ben.ID}, []id.User{ada.ID}, nil},
		{[]id.User{ben.ID, ada.ID}, []id.User{cleo.ID}, []id.User{ada.ID, cleo.ID, ben.ID, cleo.ID}},
		{[]id.User{cleo.ID, id.User(f.ids.Next())}, []id.User{ada.ID, ben.ID}, []id.User{cleo.ID, ada.ID}},
		{[]id.User{ada.ID}, nil, nil},
		{nil, []id.User{ada.ID}, nil},
	} {
		found := read(f, func(ctx context.Context, tx ports.Tx) ([]moderation.Block, error) {
			return tx.Moderation().BlocksBetween(ctx, asked.users, asked.blocked)
		})
		slices.SortFunc(found, func(a, b moderation.Block) int { return a.UserID.Compare(b.UserID) })
		var want []moderation.Block
		for pair := range slices.Chunk(asked.made, 2) {
			want = append(want, moderation.Block{UserID: pair[0], BlockedUserID: pair[1], CreatedAt: noon})
		}
		f.same(fmt.Sprintf("the blocks of %v against %v", asked.users, asked.blocked), found, want)
	}
}

func blocksDropped(f *fixture) {
	ada, ben, cleo := f.user("ada"), f.user("ben"), f.user("cleo")
	f.block(ada.ID, ben.ID)
	f.block(ada.ID, cleo.ID)
	f.block(ben.ID, ada.ID)
	for range 2 {
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Moderation().DropBlocks(ctx, ada.ID) })
	}
	f.same("the blocks that were dropped", len(f.blocksOf(ada.ID)), 0)
	f.same("the blocks by another", len(f.blocksOf(ben.ID)), 1)
}

func blockPages(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	var all []moderation.Block
	for i := range paged {
		b := moderation.Block{UserID: ada.ID, BlockedUserID: f.user(fmt.Sprint("user", i)).ID, CreatedAt: tie(i)}
		f.blocks(b, true)
		all = append(all, b)
	}
	f.block(ben.ID, ada.ID)
	all = newestFirst(all, func(b moderation.Block) time.Time { return b.CreatedAt }, func(b moderation.Block) id.User {
		return b.BlockedUserID
	})
	pages(f, "blocks", all, moderation.PlaceOfBlock,
		func(ctx context.Context, tx ports.Tx, after *page.Moment, limit int) ([]moderation.Block, error) {
			return tx.Moderation().Blocks(ctx, ada.ID, after, limit)
		})
}

func (f *fixture) newAudit(actor id.User, subject id.Subject) moderation.AuditRecord {
	return moderation.AuditRecord{
		ID: id.AuditRecord(f.ids.Next()), ActorID: actor, Action: moderation.ActionUserChanged, SubjectID: subject,
		Reason: "they asked", Details: moderation.Details{"role": "admin"}, CreatedAt: noon,
	}
}

// auditsOf lists the audit records of a subject; the zero Subject stands for all.
func (f *fixture) auditsOf(subject id.Subject) []moderation.AuditRecord {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) ([]moderation.AuditRecord, error) {
		return tx.Moderation().Audits(ctx, subject, nil, 10)
	})
}

func auditKept(f *fixture) {
	eve := f.user("eve", admin)
	var want []moderation.AuditRecord
	for i, details := range []moderation.Details{
		nil, {"role": "admin"}, {"": "", "$set": "$x", "a.b": "c.d", "é": "👩‍👩‍👧", "from": "a\n\"b\"\\", "_id": "1"},
	} {
		r := f.newAudit(eve.ID, id.Subject(f.ids.Next()))
		r.Details, r.CreatedAt = details, noon.Add(-time.Duration(i)*time.Second)
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Moderation().AddAudit(ctx, r) })
		want = append(want, r)
	}
	sameList(f, "the audit trail", f.auditsOf(id.Subject{}), want)
}

func auditPages(f *fixture) {
	eve := f.user("eve", admin)
	subject := id.Subject(f.ids.Next())
	var all []moderation.AuditRecord
	for i := range paged {
		r := f.newAudit(eve.ID, subject)
		if i%4 == 0 {
			r.SubjectID = id.Subject(f.ids.Next())
		}
		r.CreatedAt = tie(i)
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Moderation().AddAudit(ctx, r) })
		all = append(all, r)
	}
	all = newestFirst(all, func(r moderation.AuditRecord) time.Time { return r.CreatedAt },
		func(r moderation.AuditRecord) id.AuditRecord {
			return r.ID
		})
	fetch := func(subject id.Subject) func(
		context.Context, ports.Tx, *page.Moment, int,
	) ([]moderation.AuditRecord, error) {
		return func(ctx context.Context, tx ports.Tx, after *page.Moment, limit int) ([]moderation.AuditRecord, error) {
			return tx.Moderation().Audits(ctx, subject, after, limit)
		}
	}
	pages(f, "the audit trail", all, moderation.PlaceOfAudit, fetch(id.Subject{}))
	pages(f, "the audit trail of one subject", filter(all, func(r moderation.AuditRecord) bool {
		return r.SubjectID == subject
	}),
		moderation.PlaceOfAudit, fetch(subject))
}
