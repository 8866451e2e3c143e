package memory

import (
	"context"
	"maps"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/ports"
)

type moderationTables struct {
	reports          tree[*moderation.Report]      // id
	reportsByTime    index                         // created_at, id
	reportsByStatus  index                         // status, created_at, id
	reportsBy        index                         // reporter_id, created_at, id
	reportsAbout     index                         // reported_user_id, created_at, id
	pendingReports   index                         // reporter_id, reported_user_id
	reportedMessages tree[ports.ReportedMessage]   // report_id, message_id
	sanctions        tree[*moderation.Sanction]    // id
	sanctionsOf      index                         // user_id, created_at, id
	blocks           tree[*moderation.Block]       // user_id, blocked_user_id
	blocksByTime     index                         // user_id, created_at, blocked_user_id
	audits           tree[*moderation.AuditRecord] // id
	auditsByTime     index                         // created_at, id
	auditsOf         index                         // subject_id, created_at, id
}

func (t *moderationTables) copy() moderationTables {
	return moderationTables{
		reports: t.reports.copy(), reportsByTime: t.reportsByTime.copy(), reportsByStatus: t.reportsByStatus.copy(),
		reportsBy: t.reportsBy.copy(), reportsAbout: t.reportsAbout.copy(), pendingReports: t.pendingReports.copy(),
		reportedMessages: t.reportedMessages.copy(),
		sanctions:        t.sanctions.copy(), sanctionsOf: t.sanctionsOf.copy(),
		blocks: t.blocks.copy(), blocksByTime: t.blocksByTime.copy(),
		audits: t.audits.copy(), auditsByTime: t.auditsByTime.copy(), auditsOf: t.auditsOf.copy(),
	}
}

func (s *state) addReport(r moderation.Report) error {
	switch {
	case s.reports.has(idKey(r.ID)):
		return taken("a report")
	case !s.users.has(idKey(r.ReporterID)) || !s.users.has(idKey(r.ReportedUserID)):
		return noTarget("a report's person")
	case !r.ReviewedBy.IsZero() && !s.users.has(idKey(r.ReviewedBy)):
		return noTarget("a report's reviewer")
	case r.ReporterID == r.ReportedUserID:
		return broken("the reporter and the reported user must differ")
	}
	return s.putReport(r)
}

// putReport stores a report, and replaces any that has its id.
func (t *moderationTables) putReport(r moderation.Report) error {
	moment := momentKey(moderation.PlaceOfReport(r))
	if old, found := t.reports.get(idKey(r.ID)); found {
		t.reportsByStatus.drop(textKey(string(old.Status)) + moment)
		if old.Status == moderation.Pending {
			t.pendingReports.drop(pairOfReport(old))
		}
	}
	switch {
	case !r.Status.Valid():
		return broken("a report's status must be valid")
	case r.Status == moderation.Pending && t.pendingReports.has(pairOfReport(&r)):
		return taken("a pending report of the same person")
	}
	t.reports.put(idKey(r.ID), &r)
	t.reportsByTime.put(moment, struct{}{})
	t.reportsByStatus.put(textKey(string(r.Status))+moment, struct{}{})
	t.reportsBy.put(idKey(r.ReporterID)+moment, struct{}{})
	t.reportsAbout.put(idKey(r.ReportedUserID)+moment, struct{}{})
	if r.Status == moderation.Pending {
		t.pendingReports.put(pairOfReport(&r), struct{}{})
	}
	return nil
}

func pairOfReport(r *moderation.Report) string { return idKey(r.ReporterID) + idKey(r.ReportedUserID) }

func (t *moderationTables) report(report [16]byte) (moderation.Report, bool) {
	r, found := t.reports.get(idKey(report))
	if !found {
		return moderation.Report{}, false
	}
	return *r, true
}

// blocked reports whether either of two users blocks the other.
func (t *moderationTables) blocked(a, b id.User) bool {
	return t.blocks.has(idKey(a)+idKey(b)) || t.blocks.has(idKey(b)+idKey(a))
}

func (s *state) addBlock(b moderation.Block) error {
	switch {
	case s.blocks.has(idKey(b.UserID) + idKey(b.BlockedUserID)):
		return taken("a block")
	case !s.users.has(idKey(b.UserID)) || !s.users.has(idKey(b.BlockedUserID)):
		return noTarget("a block's person")
	case b.UserID == b.BlockedUserID:
		return broken("the two users of a block must differ")
	}
	s.blocks.put(idKey(b.UserID)+idKey(b.BlockedUserID), &b)
	s.blocksByTime.put(idKey(b.UserID)+momentKey(moderation.PlaceOfBlock(b)), struct{}{})
	return nil
}

func (t *moderationTables) dropBlock(b *moderation.Block) {
	t.blocks.drop(idKey(b.UserID) + idKey(b.BlockedUserID))
	t.blocksByTime.drop(idKey(b.UserID) + momentKey(moderation.PlaceOfBlock(*b)))
}

func (s *state) addAudit(r moderation.AuditRecord) error {
	switch {
	case s.audits.has(idKey(r.ID)):
		return taken("an audit record")
	case !r.ActorID.IsZero() && !s.users.has(idKey(r.ActorID)):
		return noTarget("an audit record's actor")
	}
	r.Details = maps.Clone(r.Details)
	moment := momentKey(moderation.PlaceOfAudit(r))
	s.audits.put(idKey(r.ID), &r)
	s.auditsByTime.put(moment, struct{}{})
	s.auditsOf.put(idKey(r.SubjectID)+moment, struct{}{})
	return nil
}

type moderationRepository struct{ *unit }

func (repo moderationRepository) AddReport(
	ctx context.Context, r moderation.Report, messages ...moderation.ReportedMessage,
) (created bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		if r.Status == moderation.Pending && s.pendingReports.has(pairOfReport(&r)) {
			return nil
		}
		created = true
		if err := s.addReport(r); err != nil {
			return err
		}
		for _, m := range messages {
			if err := s.addReportedMessage(ports.ReportedMessage{ReportID: r.ID, ReportedMessage: m}); err != nil {
				return err
			}
		}
		return nil
	})
	return created && err == nil, err
}

func (repo moderationRepository) Report(ctx context.Context, report id.Report) (there moderation.Report, err error) {
	err = repo.read(ctx, func(s *state) error {
		var found bool
		if there, found = s.report(report); !found {
			return notFound("a report")
		}
		return nil
	})
	return there, err
}

func (repo moderationRepository) ChangeReport(
	ctx context.Context, r moderation.Report, from moderation.Status,
) (changed bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		next, found := s.report(r.ID)
		if !found || next.Status != from {
			return nil
		}
		changed = true
		next.Status, next.AdminNotes = r.Status, r.AdminNotes
		next.ReviewedBy, next.ReviewedAt = r.ReviewedBy, r.ReviewedAt
		return s.putReport(next)
	})
	return changed && err == nil, err
}

func (repo moderationRepository) Reports(
	ctx context.Context, status moderation.Status, after *page.Moment, limit int,
) (list []moderation.Report, err error) {
	err = repo.read(ctx, func(s *state) error {
		if status == "" {
			list = oldest(&s.reportsByTime, "", after, limit, s.report)
		} else {
			list = oldest(&s.reportsByStatus, textKey(string(status)), after, limit, s.report)
		}
		return nil
	})
	return list, err
}

func (repo moderationRepository) ReportsBy(
	ctx context.Context, reporter id.User, after *page.Moment, limit int,
) (list []moderation.Report, err error) {
	err = repo.read(ctx, func(s *state) error {
		list = newest(&s.reportsBy, idKey(reporter), after, limit, s.report)
		return nil
	})
	return list, err
}

func (repo moderationRepository) Block(ctx context.Context, b moderation.Block) (added bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		if added = !s.blocks.has(idKey(b.UserID) + idKey(b.BlockedUserID)); !added {
			return nil
		}
		return s.addBlock(b)
	})
	return added && err == nil, err
}

func (repo moderationRepository) Unblock(ctx context.Context, user, blocked id.User) (removed bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		var b *moderation.Block
		if b, removed = s.blocks.get(idKey(user) + idKey(blocked)); removed {
			s.dropBlock(b)
		}
		return nil
	})
	return removed && err == nil, err
}

func (repo moderationRepository) Blocks(
	ctx context.Context, user id.User, after *page.Moment, limit int,
) (list []moderation.Block, err error) {
	err = repo.read(ctx, func(s *state) error {
		list = newest(&s.blocksByTime, idKey(user), after, limit, func(blocked [16]byte) (moderation.Block, bool) {
			b, _ := s.blocks.get(idKey(user) + idKey(blocked))
			return *b, true
		})
		return nil
	})
	return list, err
}

func (repo moderationRepository) BlocksBetween(ctx context.Context, users, blocked []id.User) (all []moderation.Block, err error) {
	err = repo.read(ctx, func(s *state) error {
		for _, user := range eachOnce(users) {
			for _, other := range eachOnce(blocked) {
				if b, found := s.blocks.get(idKey(user) + idKey(other)); found {
					all = append(all, *b)
				}
			}
		}
		return nil
	})
	return all, err
}

func (repo moderationRepository) DropBlocks(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(s *state) error {
		var gone []*moderation.Block
		for _, b := range s.blocks.ascend(idKey(user), "") {
			gone = append(gone, b)
		}
		for _, b := range gone {
			s.dropBlock(b)
		}
		return nil
	})
}

func (repo moderationRepository) AddAudit(ctx context.Context, r moderation.AuditRecord) error {
	return repo.write(ctx, func(s *state) error { return s.addAudit(r) })
}

func (repo moderationRepository) Audits(
	ctx context.Context, subject id.Subject, after *page.Moment, limit int,
) (list []moderation.AuditRecord, err error) {
	err = repo.read(ctx, func(s *state) error {
		load := func(record [16]byte) (moderation.AuditRecord, bool) {
			there, _ := s.audits.get(idKey(record))
			a := *there
			a.Details = maps.Clone(there.Details)
			return a, true
		}
		if subject.IsZero() {
			list = newest(&s.auditsByTime, "", after, limit, load)
		} else {
			list = newest(&s.auditsOf, idKey(subject), after, limit, load)
		}
		return nil
	})
	return list, err
}
