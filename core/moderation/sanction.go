package moderation

import (
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/users"
)

// SanctionKind is the kind of a sanction.
type SanctionKind string

// The kinds of sanctions.
const (
	Warning     SanctionKind = "warning"    // only tells the user
	Restriction SanctionKind = "restricted" // the user cannot open a conversation or propose a reservation
	Suspension  SanctionKind = "suspended"  // see users.Admitted
)

// Valid reports whether the kind exists.
func (k SanctionKind) Valid() bool { return k == Warning || k == Restriction || k == Suspension }

// Outcome is an admin's later decision about a sanction.
type Outcome string

// The outcomes of a sanction; "" if there is none yet.
const (
	Upheld Outcome = "upheld" // the appeal was refused
	Lifted Outcome = "lifted" // the sanction ended, with or without an appeal
)

// Check adds an error to f, on the field outcome, if the outcome is not one of the constants.
func (o Outcome) Check(f *fault.Fields) {
	f.Check(o == Upheld || o == Lifted, "outcome", "must be upheld or lifted")
}

// MaxAppeal is the maximum length of an appeal, in characters.
const MaxAppeal = 5000

// Sanction is a measure of an admin against a user, who sees it.
type Sanction struct {
	ID         id.Sanction
	UserID     id.User
	Kind       SanctionKind
	Reason     string
	EndsAt     time.Time // zero if it lasts until it is lifted
	CreatedBy  id.User   // the admin
	CreatedAt  time.Time
	Appeal     string    // the text of the user's appeal; "" if there is none
	AppealedAt time.Time // zero if the user has not appealed
	Outcome    Outcome
	Answer     string // the reason for the outcome
	DecidedBy  id.User
	DecidedAt  time.Time // zero if there is no outcome
}

// until returns when the sanction ends, as accounts have it.
func (s Sanction) until() time.Time {
	if s.EndsAt.IsZero() {
		return users.NoEnd
	}
	return s.EndsAt
}

// imposed returns the sanction as it was imposed.
func (s Sanction) imposed() Sanction {
	s.Appeal, s.AppealedAt = "", time.Time{}
	return s.appealed()
}

// appealed returns the sanction as it was before an outcome.
func (s Sanction) appealed() Sanction {
	s.Outcome, s.Answer, s.DecidedBy, s.DecidedAt = "", "", id.User{}, time.Time{}
	return s
}

// ForUser returns the sanction without the admins.
func (s Sanction) ForUser() Sanction {
	s.CreatedBy, s.DecidedBy = id.User{}, id.User{}
	return s
}

// apply imposes the sanction on an account. A user has at most one restriction and one suspension at
// a time. Errors: ErrSanctioned, ErrInactive.
func (s Sanction) apply(u *users.User, now time.Time) error {
	switch {
	case s.Kind == Restriction && now.Before(u.RestrictedUntil), s.Kind == Suspension && u.Suspended() && now.Before(u.SuspendedUntil):
		return ErrSanctioned
	case s.Kind == Suspension && !u.IsActive && !u.Suspended():
		return ErrInactive
	case s.Kind == Restriction:
		u.RestrictedUntil, u.UpdatedAt = s.until(), now
	case s.Kind == Suspension:
		u.Suspend(s.until(), now)
	}
	return nil
}

// release ends the effect of the sanction on an account, and reports whether it changed the account.
func (s Sanction) release(u *users.User, now time.Time) bool {
	switch {
	case s.Kind == Restriction && u.RestrictedUntil.Equal(s.until()):
		u.RestrictedUntil, u.UpdatedAt = time.Time{}, now
	case s.Kind == Suspension && u.Suspended() && u.SuspendedUntil.Equal(s.until()):
		u.Resume(now)
	default:
		return false
	}
	return true
}

// appeal records the text of an appeal. Errors: ErrAppealed, ErrSanctionOver.
func (s *Sanction) appeal(words string, now time.Time) error {
	switch {
	case !s.AppealedAt.IsZero():
		return ErrAppealed
	case s.Outcome == Lifted || !now.Before(s.until()):
		return ErrSanctionOver
	}
	s.Appeal, s.AppealedAt = words, now
	return nil
}

// decide records an outcome. Errors: ErrDecided.
func (s *Sanction) decide(d Decision, by id.User, now time.Time) error {
	if s.Outcome == Lifted || d.Outcome == Upheld && (s.Outcome == Upheld || s.AppealedAt.IsZero()) {
		return ErrDecided
	}
	s.Outcome, s.Answer, s.DecidedBy, s.DecidedAt = d.Outcome, d.Answer, by, now
	return nil
}

// SanctionInput is a new sanction.
type SanctionInput struct {
	Kind   SanctionKind
	Reason string
	EndsAt time.Time // zero for a sanction without an end, as a warning is
}

// Check adds an error to f for each field that breaks a rule, but does not compare EndsAt with the
// present time: Service.Impose does.
func (c SanctionInput) Check(f *fault.Fields) { c.prepared(f) }

// prepared returns the sanction as it is stored, and adds an error to f for each field that breaks a
// rule.
func (c SanctionInput) prepared(f *fault.Fields) SanctionInput {
	f.Check(c.Kind.Valid(), "kind", "must be warning, restricted or suspended")
	c.Reason = text.Line(f, "reason", c.Reason, text.Required, MaxActReason)
	c.EndsAt = clock.Truncate(c.EndsAt)
	f.Check(c.EndsAt.IsZero() || c.Kind != Warning && c.EndsAt.Before(users.NoEnd), "ends_at",
		"must be absent for a warning, and before the year 9999")
	return c
}

// checkEnd adds an error to f if the sanction has ended at the time now.
func (c SanctionInput) checkEnd(f *fault.Fields, now time.Time) {
	f.Check(c.EndsAt.IsZero() || now.Before(c.EndsAt), "ends_at", "must be in the future")
}

// Decision is an outcome of a sanction.
type Decision struct {
	Outcome Outcome
	Answer  string
}

// Check adds an error to f for each field that breaks a rule.
func (d Decision) Check(f *fault.Fields) { d.prepared(f) }

func (d Decision) prepared(f *fault.Fields) Decision {
	d.Outcome.Check(f)
	d.Answer = text.Line(f, "answer", d.Answer, text.Optional, MaxActReason)
	return d
}

// CheckAppeal returns an appeal as it is stored, and adds an error to f, on the field appeal, if it
// breaks a rule.
func CheckAppeal(f *fault.Fields, appeal string) string {
	return text.Long(f, "appeal", appeal, text.Required, MaxAppeal)
}

// details returns the audit details of the sanction.
func (s Sanction) details() Details {
	d := Details{"sanction_id": s.ID.String(), "kind": string(s.Kind)}
	if !s.EndsAt.IsZero() {
		d["ends_at"] = s.EndsAt.Format("2006-01-02T15:04:05.000Z")
	}
	return d
}

// PlaceOfSanction returns the position of a sanction in a list.
func PlaceOfSanction(s Sanction) page.Moment { return page.Moment{At: s.CreatedAt, ID: s.ID} }

// action returns the action that an outcome is in the audit trail.
func (o Outcome) action() Action {
	if o == Lifted {
		return ActionSanctionLifted
	}
	return ActionSanctionUpheld
}
