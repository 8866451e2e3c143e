package moderation

import (
	"context"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

// keptSanction is what is kept of a sanction that was imposed, and of one that was appealed.
type keptSanction struct{ ID id.Sanction }

// sanctionForm recalls a sanction as it was by then.
func sanctionForm(by func(Sanction) Sanction) idempotency.Form[Tx, Sanction] {
	return idempotency.Part(func(s Sanction) keptSanction { return keptSanction{s.ID} },
		func(ctx context.Context, tx Tx, k keptSanction) (Sanction, error) {
			s, err := readSanction(ctx, tx, k.ID)
			return by(s), err
		})
}

func readSanction(ctx context.Context, tx Tx, sanction id.Sanction) (Sanction, error) {
	s, err := tx.Moderation().Sanction(ctx, sanction)
	if errors.Is(err, fault.NotFound) {
		return Sanction{}, ErrSanctionNotFound
	}
	if err != nil {
		return Sanction{}, fmt.Errorf("read a sanction: %w", err)
	}
	return s, nil
}

// Impose imposes a sanction on another user. A suspension ends the user's sessions. Errors:
// fault.Invalid, ErrOwnSanction, users.ErrNotFound, users.ErrErased, ErrSanctioned,
// ErrInactive, idempotency.ErrKeyReused.
func (s *Service) Impose(ctx context.Context, admin, user id.User, c SanctionInput, key idempotency.Key) (Sanction, error) {
	if admin == user {
		return Sanction{}, ErrOwnSanction
	}
	var f fault.Fields
	c = c.prepared(&f)
	if err := f.Err(); err != nil {
		return Sanction{}, err
	}
	imposed, _, err := idempotency.Run(ctx, s.deps.Store, s.deps.Clock, idempotency.Command{
		Owner: admin.String(), Key: key, Operation: "moderation.Impose", Values: []any{user, c},
	}, func(ctx context.Context, tx Tx) error {
		_, err := users.Admin(ctx, tx, admin)
		return err
	}, func(ctx context.Context, tx Tx) (Sanction, error) {
		// All admins are held, so that of two who suspend each other, one is refused: an active admin
		// always stays, because none can suspend themselves.
		u, _, err := tx.Users().HoldWithAdmins(ctx, user)
		missing := errors.Is(err, fault.NotFound)
		if err != nil && !missing {
			return Sanction{}, fmt.Errorf("hold a user: %w", err)
		}
		if _, err := users.Admin(ctx, tx, admin); err != nil {
			return Sanction{}, err
		}
		if missing {
			return Sanction{}, users.ErrNotFound
		}
		return s.impose(ctx, tx, admin, u, c)
	}, sanctionForm(Sanction.imposed))
	if err != nil {
		return Sanction{}, fmt.Errorf("impose a sanction: %w", err)
	}
	return imposed, nil
}

// impose imposes a sanction on an account that the unit holds.
func (s *Service) impose(ctx context.Context, tx Tx, admin id.User, u users.User, c SanctionInput) (Sanction, error) {
	now := s.deps.Clock.Now()
	var f fault.Fields
	c.checkEnd(&f, now)
	switch err := f.Err(); {
	case err != nil:
		return Sanction{}, err
	case u.Erased:
		return Sanction{}, users.ErrErased
	}
	sanction := Sanction{
		ID: id.Sanction(s.deps.IDs.Next()), UserID: u.ID, Kind: c.Kind, Reason: c.Reason, EndsAt: c.EndsAt,
		CreatedBy: admin, CreatedAt: now,
	}
	if err := sanction.apply(&u, now); err != nil {
		return Sanction{}, err
	}
	u, err := users.Touch(ctx, tx, u) // also for a warning, so that its event comes after those before it
	if err != nil {
		return Sanction{}, err
	}
	if c.Kind == Suspension {
		if err := users.EndAccess(ctx, tx, u.ID, now); err != nil {
			return Sanction{}, err
		}
	}
	if err := tx.Moderation().AddSanction(ctx, sanction); err != nil {
		return Sanction{}, fmt.Errorf("add a sanction: %w", err)
	}
	err = events.Add(ctx, tx, s.deps.IDs, now, u.Version, events.UserSanctioned{
		EndsAt: sanction.EndsAt, Kind: string(sanction.Kind), SanctionID: sanction.ID, UserID: u.ID,
	})
	if err != nil {
		return Sanction{}, err
	}
	return sanction, s.record(ctx, tx, AuditRecord{
		ActorID: admin, Action: ActionUserSanctioned, SubjectID: id.Subject(u.ID), Reason: c.Reason,
		Details: sanction.details(), CreatedAt: now,
	})
}

// Decide lifts a sanction, or upholds it against an appeal. Errors: fault.Invalid,
// ErrSanctionNotFound, ErrOwnSanction, ErrDecided.
func (s *Service) Decide(ctx context.Context, admin id.User, sanction id.Sanction, d Decision) (Sanction, error) {
	var f fault.Fields
	d = d.prepared(&f)
	if err := f.Err(); err != nil {
		return Sanction{}, err
	}
	var decided Sanction
	err := s.asAdmin(ctx, admin, s.deps.Store.Do, func(ctx context.Context, tx Tx) (err error) {
		if decided, err = readSanction(ctx, tx, sanction); err != nil {
			return err
		}
		if decided.UserID == admin {
			return ErrOwnSanction
		}
		// The account is held while its sanctions change.
		u, err := tx.Users().Hold(ctx, decided.UserID)
		if err != nil {
			return fmt.Errorf("hold a user: %w", err)
		}
		if decided, err = readSanction(ctx, tx, sanction); err != nil {
			return err
		}
		now := s.deps.Clock.Now()
		if err := decided.decide(d, admin, now); err != nil {
			return err
		}
		if before := u; d.Outcome == Lifted && decided.release(&u, now) {
			if u, err = users.Touch(ctx, tx, u); err != nil {
				return err
			}
			if err := s.tell(ctx, tx, before, u, now); err != nil {
				return err
			}
		}
		if err := tx.Moderation().SaveSanction(ctx, decided); err != nil {
			return fmt.Errorf("save a sanction: %w", err)
		}
		return s.record(ctx, tx, AuditRecord{
			ActorID: admin, Action: d.Outcome.action(), SubjectID: id.Subject(u.ID), Reason: d.Answer,
			Details: decided.details(), CreatedAt: now,
		})
	})
	return decided, err
}

// Appeal records the caller's appeal against a sanction of theirs. They may appeal once. The caller
// may be suspended. Errors: fault.Invalid, ErrSanctionNotFound, ErrAppealed, ErrSanctionOver,
// idempotency.ErrKeyReused.
func (s *Service) Appeal(ctx context.Context, caller id.User, sanction id.Sanction, appeal string, key idempotency.Key) (Sanction, error) {
	var f fault.Fields
	appeal = CheckAppeal(&f, appeal)
	if err := f.Err(); err != nil {
		return Sanction{}, err
	}
	appealed, _, err := idempotency.Run(ctx, s.deps.Store, s.deps.Clock, idempotency.Command{
		Owner: caller.String(), Key: key, Operation: "moderation.Appeal", Values: []any{sanction, appeal},
	}, func(ctx context.Context, tx Tx) error {
		_, err := users.Admitted(ctx, tx, caller)
		return err
	}, func(ctx context.Context, tx Tx) (Sanction, error) {
		u, err := tx.Users().Hold(ctx, caller)
		if errors.Is(err, fault.NotFound) {
			return Sanction{}, users.ErrNotSignedIn
		}
		if err != nil {
			return Sanction{}, fmt.Errorf("hold a user: %w", err)
		}
		if err := u.CheckAdmitted(); err != nil {
			return Sanction{}, err
		}
		found, err := readSanction(ctx, tx, sanction)
		if err != nil {
			return Sanction{}, err
		}
		if found.UserID != caller {
			return Sanction{}, ErrSanctionNotFound
		}
		if err := found.appeal(appeal, s.deps.Clock.Now()); err != nil {
			return Sanction{}, err
		}
		if err := tx.Moderation().SaveSanction(ctx, found); err != nil {
			return Sanction{}, fmt.Errorf("save a sanction: %w", err)
		}
		return found, nil
	}, sanctionForm(Sanction.appealed))
	if err != nil {
		return Sanction{}, fmt.Errorf("appeal: %w", err)
	}
	return appealed.ForUser(), nil
}

// MySanctions lists the sanctions against the caller, who may be suspended, newest first and without
// the admins.
func (s *Service) MySanctions(ctx context.Context, caller id.User, r page.Request[page.Moment]) (page.Page[Sanction, page.Moment], error) {
	var p page.Page[Sanction, page.Moment]
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if _, err := users.Admitted(ctx, tx, caller); err != nil {
			return err
		}
		p, err = page.Read(r, PlaceOfSanction, func(after *page.Moment, limit int) ([]Sanction, error) {
			return tx.Moderation().Sanctions(ctx, caller, after, limit)
		})
		return err
	})
	for i := range p.Items {
		p.Items[i] = p.Items[i].ForUser()
	}
	return p, err
}

// Sanctions lists the sanctions against a user, newest first. Errors: users.ErrNotFound.
func (s *Service) Sanctions(ctx context.Context, admin, user id.User, r page.Request[page.Moment]) (page.Page[Sanction, page.Moment], error) {
	return readPage(ctx, s, admin, r, PlaceOfSanction, func(ctx context.Context, tx Tx, after *page.Moment, limit int) ([]Sanction, error) {
		if err := exists(ctx, tx, user); err != nil {
			return nil, err
		}
		return tx.Moderation().Sanctions(ctx, user, after, limit)
	})
}
