package moderation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
)

// Auditor checks every invariant of a whole store. Package core/audit has one for any store.
type Auditor interface {
	// Audit reads all rows of the store in one snapshot.
	Audit(ctx context.Context) (tokens.Verification, error)
}

// Policy is the decisions of a community about its admins.
type Policy struct {
	MaxSignInAge time.Duration // maximum age of the sign-in of an admin who changes a role; default 15 minutes
}

// DefaultPolicy returns the default of each field.
func DefaultPolicy() Policy { return Policy{MaxSignInAge: 15 * time.Minute} }

// Deps are the parts of a Service. All are needed. services.New makes them for all services.
type Deps struct {
	Store   *uow.Store[Tx]
	Ledger  *tokens.Ledger
	Auditor Auditor
	Clock   clock.Clock
	IDs     id.Source
	Policy  Policy
}

// Service is for users who report and block each other, and for admins. Methods with a parameter
// admin return users.ErrAdminsOnly if that user is not an admin. All methods but MakeAdmin return
// users.ErrNotSignedIn if the account of the caller is not active.
type Service struct{ deps Deps }

// NewService returns a Service, or an error that names the parts that are missing.
func NewService(d Deps) (*Service, error) {
	if err := fault.Missing("moderation", d); err != nil {
		return nil, err
	}
	return &Service{d}, nil
}

// ReportInput is a report that a user files about another.
type ReportInput struct {
	ReportedUserID id.User
	Reason         string
	Message        string
}

// Check adds an error to f for each field that breaks a rule.
func (c ReportInput) Check(f *fault.Fields) { c.prepared(f) }

// prepared returns the report as it is stored, and adds an error to f for each field that breaks a
// rule.
func (c ReportInput) prepared(f *fault.Fields) ReportInput {
	c.Reason = text.Line(f, "reason", c.Reason, text.Required, MaxReason)
	c.Message = text.Long(f, "message", c.Message, text.Optional, MaxMessage)
	return c
}

// Draft returns the report that a user files, without its id and time. Errors: fault.Invalid with the
// names of the fields.
func (c ReportInput) Draft(reporter id.User) (Report, error) {
	var f fault.Fields
	c = c.prepared(&f)
	f.Check(c.ReportedUserID != reporter, "reported_user_id", "must be another user")
	return Report{
		ReporterID: reporter, ReportedUserID: c.ReportedUserID, Reason: c.Reason, Message: c.Message, Status: Pending,
	}, f.Err()
}

// keptReport is what is kept of a report that was filed.
type keptReport struct{ ID id.Report }

// ReportForm recalls a report as it was filed.
func ReportForm[T Tx]() idempotency.Form[T, Report] {
	return idempotency.Part(func(r Report) keptReport { return keptReport{r.ID} },
		func(ctx context.Context, tx T, k keptReport) (Report, error) {
			r, err := tx.Moderation().Report(ctx, k.ID)
			if err != nil {
				return Report{}, fmt.Errorf("read a report: %w", err)
			}
			return r.filed(), nil
		})
}

// Report files a report. Errors: fault.Invalid with the names of the fields, users.ErrNotFound if
// there is no user to report, ErrReportPending, idempotency.ErrKeyReused.
func (s *Service) Report(ctx context.Context, caller id.User, c ReportInput, key idempotency.Key) (Report, error) {
	draft, err := c.Draft(caller)
	if err != nil {
		return Report{}, err
	}
	r, _, err := idempotency.Run(ctx, s.deps.Store, s.deps.Clock, idempotency.Command{
		Owner: caller.String(), Key: key, Operation: "moderation.Report",
		Values: ReportInput{ReportedUserID: draft.ReportedUserID, Reason: draft.Reason, Message: draft.Message},
	}, users.RequireActive[Tx](caller), func(ctx context.Context, tx Tx) (Report, error) {
		r := draft
		r.ID, r.CreatedAt = id.Report(s.deps.IDs.Next()), s.deps.Clock.Now()
		return r, File(ctx, tx, s.deps.IDs, r, func() ([]ReportedMessage, error) { return nil, nil })
	}, ReportForm[Tx]())
	if err != nil {
		return Report{}, fmt.Errorf("report: %w", err)
	}
	return r, nil
}

// File stores a report inside a unit of work, with the result of messages, which is called after the
// two users were checked. The event gets its identifier from ids. Errors: users.ErrNotSignedIn if the reporter is not active,
// users.ErrNotFound if there is no user to report, the errors of messages, ErrReportPending.
func File(ctx context.Context, tx Tx, ids id.Source, r Report, messages func() ([]ReportedMessage, error)) error {
	if err := users.CheckActive(ctx, tx, r.ReporterID); err != nil {
		return err
	}
	if err := exists(ctx, tx, r.ReportedUserID); err != nil {
		return err
	}
	copied, err := messages()
	if err != nil {
		return err
	}
	created, err := tx.Moderation().AddReport(ctx, r, copied...)
	if err != nil {
		return fmt.Errorf("add a report: %w", err)
	}
	if !created {
		return ErrReportPending
	}
	return events.Add(ctx, tx, ids, r.CreatedAt, r.Status.rank(), events.ReportFiled{
		ReportID: r.ID, ReportedUserID: r.ReportedUserID, ReporterID: r.ReporterID,
	})
}

func exists(ctx context.Context, tx Tx, user id.User) error {
	_, err := tx.Users().User(ctx, user)
	if errors.Is(err, fault.NotFound) {
		return users.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("read a user: %w", err)
	}
	return nil
}

// MyReports lists the reports that the caller filed, newest first, without the reviewer and the
// notes.
func (s *Service) MyReports(ctx context.Context, caller id.User, r page.Request[page.Moment]) (page.Page[Report, page.Moment], error) {
	var p page.Page[Report, page.Moment]
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if err := users.CheckActive(ctx, tx, caller); err != nil {
			return err
		}
		p, err = page.Read(r, PlaceOfReport, func(after *page.Moment, limit int) ([]Report, error) {
			return tx.Moderation().ReportsBy(ctx, caller, after, limit)
		})
		return err
	})
	for i := range p.Items {
		p.Items[i] = p.Items[i].ForReporter()
	}
	return p, err
}

// Block blocks another user, until Unblock. It holds the caller's account, so that no block is left
// of an account that is erased meanwhile. It may run more than once. Errors: fault.Invalid if
// other is the caller, users.ErrNotFound.
func (s *Service) Block(ctx context.Context, caller, other id.User) error {
	if caller == other {
		return fault.InvalidField("user_id", "must be another user")
	}
	return s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		u, err := users.HoldActive(ctx, tx, caller)
		if err != nil {
			return err
		}
		if err := exists(ctx, tx, other); err != nil {
			return err
		}
		added, err := tx.Moderation().Block(ctx, Block{UserID: caller, BlockedUserID: other, CreatedAt: s.deps.Clock.Now()})
		if err != nil {
			return fmt.Errorf("block: %w", err)
		}
		return s.tellBlock(ctx, tx, u, added, events.BlockAdded{BlockedUserID: other, UserID: caller})
	})
}

// Unblock removes a block. It may run more than once, and does nothing if there is no block.
func (s *Service) Unblock(ctx context.Context, caller, other id.User) error {
	return s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		u, err := users.HoldActive(ctx, tx, caller)
		if err != nil {
			return err
		}
		removed, err := tx.Moderation().Unblock(ctx, caller, other)
		if err != nil {
			return fmt.Errorf("unblock: %w", err)
		}
		return s.tellBlock(ctx, tx, u, removed, events.BlockRemoved{BlockedUserID: other, UserID: caller})
	})
}

// tellBlock adds the event of a block of a user, whom the unit holds, if it was changed.
func (s *Service) tellBlock(ctx context.Context, tx Tx, u users.User, changed bool, said events.Data) error {
	if !changed {
		return nil
	}
	u, err := users.Touch(ctx, tx, u)
	if err != nil {
		return err
	}
	return events.Add(ctx, tx, s.deps.IDs, s.deps.Clock.Now(), u.Version, said)
}

// Reports lists the reports of one status ("" for all), oldest first. Errors: fault.Invalid for an
// unknown status.
func (s *Service) Reports(ctx context.Context, admin id.User, status Status, r page.Request[page.Moment]) (page.Page[Report, page.Moment], error) {
	if status != "" {
		var f fault.Fields
		status.Check(&f)
		if err := f.Err(); err != nil {
			return page.Page[Report, page.Moment]{}, err
		}
	}
	return readPage(ctx, s, admin, r, PlaceOfReport, func(ctx context.Context, tx Tx, after *page.Moment, limit int) ([]Report, error) {
		return tx.Moderation().Reports(ctx, status, after, limit)
	})
}

func readReport(ctx context.Context, tx Tx, report id.Report) (Report, error) {
	r, err := tx.Moderation().Report(ctx, report)
	if errors.Is(err, fault.NotFound) {
		return Report{}, ErrReportNotFound
	}
	if err != nil {
		return Report{}, fmt.Errorf("read a report: %w", err)
	}
	return r, nil
}

// ChangeReport changes the status or the notes of a report. Errors: fault.Invalid,
// ErrReportNotFound, ErrReportMove.
func (s *Service) ChangeReport(ctx context.Context, admin id.User, report id.Report, c ReportChange) (Report, error) {
	var f fault.Fields
	c = c.prepared(&f)
	if err := f.Err(); err != nil {
		return Report{}, err
	}
	var r Report
	err := s.asAdmin(ctx, admin, s.deps.Store.Do, func(ctx context.Context, tx Tx) (err error) {
		if r, err = readReport(ctx, tx, report); err != nil {
			return err
		}
		if c == (ReportChange{}) {
			return nil
		}
		before, now := r.Status, s.deps.Clock.Now()
		if err := r.apply(c, admin, now); err != nil {
			return err
		}
		changed, err := tx.Moderation().ChangeReport(ctx, r, before)
		if err != nil {
			return fmt.Errorf("change a report: %w", err)
		}
		if !changed {
			return ErrReportMove.WithDetail("another admin has just changed the status of the report")
		}
		if r.Status != before {
			err := events.Add(ctx, tx, s.deps.IDs, now, r.Status.rank(), events.ReportMoved{
				ReportID: r.ID, ReportedUserID: r.ReportedUserID, ReporterID: r.ReporterID, Status: string(r.Status),
			})
			if err != nil {
				return err
			}
		}
		return s.record(ctx, tx, AuditRecord{
			ActorID: admin, Action: ActionReportChanged, SubjectID: id.Subject(report), Details: c.details(before), CreatedAt: now,
		})
	})
	return r, err
}

// Audits lists the audit trail, newest first.
func (s *Service) Audits(ctx context.Context, admin id.User, r page.Request[page.Moment]) (page.Page[AuditRecord, page.Moment], error) {
	return readPage(ctx, s, admin, r, PlaceOfAudit, func(ctx context.Context, tx Tx, after *page.Moment, limit int) ([]AuditRecord, error) {
		return tx.Moderation().Audits(ctx, id.Subject{}, after, limit)
	})
}

// VerifyLedger audits the whole store. It reads every row.
func (s *Service) VerifyLedger(ctx context.Context, admin id.User) (tokens.Verification, error) {
	err := s.asAdmin(ctx, admin, s.deps.Store.View, func(context.Context, Tx) error { return nil })
	if err != nil {
		return tokens.Verification{}, err
	}
	v, err := s.deps.Auditor.Audit(ctx)
	if err != nil {
		return tokens.Verification{}, fmt.Errorf("verify the ledger: %w", err)
	}
	return v, nil
}

// Record appends an administrative act to the audit trail. The caller runs it in the unit of work
// of the act.
func Record(ctx context.Context, tx Tx, ids id.Source, r AuditRecord) error {
	r.ID, r.CreatedAt = id.AuditRecord(ids.Next()), clock.Truncate(r.CreatedAt)
	if err := tx.Moderation().AddAudit(ctx, r); err != nil {
		return fmt.Errorf("add an audit record: %w", err)
	}
	return nil
}

func (s *Service) record(ctx context.Context, tx Tx, r AuditRecord) error {
	return Record(ctx, tx, s.deps.IDs, r)
}

// asAdmin runs fn in a unit of work, after it has checked that admin is an active admin.
func (s *Service) asAdmin(ctx context.Context, admin id.User,
	run func(context.Context, func(context.Context, Tx) error) error, fn func(context.Context, Tx) error,
) error {
	return run(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := users.Admin(ctx, tx, admin); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

func readPage[T, P any](ctx context.Context, s *Service, admin id.User, r page.Request[P], place func(T) P,
	fetch func(ctx context.Context, tx Tx, after *P, limit int) ([]T, error),
) (page.Page[T, P], error) {
	var p page.Page[T, P]
	err := s.asAdmin(ctx, admin, s.deps.Store.View, func(ctx context.Context, tx Tx) (err error) {
		p, err = page.Read(r, place, func(after *P, limit int) ([]T, error) { return fetch(ctx, tx, after, limit) })
		return err
	})
	return p, err
}
