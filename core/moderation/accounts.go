package moderation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

// MaxActReason is the maximum length, in characters, of the reason for an administrative act.
const MaxActReason = 500

// AccountFilter selects accounts. A field with its zero value selects all.
type AccountFilter struct {
	Query    string // matches any part of the name or address, by text.SearchFold
	Role     users.Role
	IsActive *bool
}

// Check adds an error to f for each field that breaks a rule.
func (a AccountFilter) Check(f *fault.Fields) {
	text.Line(f, "q", a.Query, text.Optional, users.MaxEmail)
	f.Check(a.Role == "" || a.Role.Valid(), "role", "must be user or admin")
}

// Users lists accounts, newest first. Errors: fault.Invalid for an unknown role.
func (s *Service) Users(ctx context.Context, admin id.User, f AccountFilter, r page.Request[page.Moment]) (page.Page[users.User, page.Moment], error) {
	var wrong fault.Fields
	f.Check(&wrong)
	if err := wrong.Err(); err != nil {
		return page.Page[users.User, page.Moment]{}, err
	}
	filter := users.Filter{Query: text.SearchFold(f.Query), Role: f.Role, IsActive: f.IsActive}
	return readPage(ctx, s, admin, r, users.Place, func(ctx context.Context, tx Tx, after *page.Moment, limit int) ([]users.User, error) {
		return tx.Users().List(ctx, filter, after, limit)
	})
}

// User returns one account. Errors: users.ErrNotFound.
func (s *Service) User(ctx context.Context, admin, user id.User) (users.User, error) {
	var u users.User
	err := s.asAdmin(ctx, admin, s.deps.Store.View, func(ctx context.Context, tx Tx) (err error) {
		u, err = tx.Users().User(ctx, user)
		if errors.Is(err, fault.NotFound) {
			return users.ErrNotFound
		}
		return err
	})
	return u, err
}

// AccountChange is a change of an account by an admin. A nil field stays as it is.
type AccountChange struct {
	Role     *users.Role
	IsActive *bool
	Reason   string

	// SignedInAt is the time at which the admin signed in, as users.Caller has it, or otherwise proved
	// who they are. A change of the role needs it.
	SignedInAt time.Time
}

// Check adds an error to f for each field that breaks a rule.
func (c AccountChange) Check(f *fault.Fields) { c.prepared(f) }

// prepared returns the change with its reason as it is stored, and adds an error to f for each field
// that breaks a rule.
func (c AccountChange) prepared(f *fault.Fields) AccountChange {
	f.Check(c.Role == nil || c.Role.Valid(), "role", "must be user or admin")
	c.Reason = text.Line(f, "reason", c.Reason, text.Optional, MaxActReason)
	return c
}

// ChangeUser changes the role of an account, or deactivates or reactivates it. A deactivation ends
// its sessions. Errors: fault.Invalid, users.ErrNotFound, users.ErrOwnRole, users.ErrSignInAgain if
// the role is given and the admin signed in more than Policy.MaxSignInAge ago, users.ErrLastAdmin,
// users.ErrErased, ErrSanctioned if a suspension is in force.
func (s *Service) ChangeUser(ctx context.Context, admin, user id.User, c AccountChange) (users.User, error) {
	if admin == user && c.Role != nil {
		return users.User{}, users.ErrOwnRole
	}
	if c.Role != nil {
		if err := users.CheckRecent(c.SignedInAt, s.deps.Clock.Now(), s.deps.Policy.MaxSignInAge); err != nil {
			return users.User{}, err
		}
	}
	var f fault.Fields
	c = c.prepared(&f)
	if err := f.Err(); err != nil {
		return users.User{}, err
	}
	var u users.User
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) (err error) {
		var otherAdmins int
		u, otherAdmins, err = tx.Users().HoldWithAdmins(ctx, user)
		missing := errors.Is(err, fault.NotFound)
		if err != nil && !missing {
			return fmt.Errorf("hold a user: %w", err)
		}
		// Checked after the admins are held, because the caller may have been demoted while this
		// unit waited.
		if _, err := users.Admin(ctx, tx, admin); err != nil {
			return err
		}
		if missing {
			return users.ErrNotFound
		}
		return s.changeHeld(ctx, tx, admin, &u, otherAdmins, c)
	})
	if err != nil {
		return users.User{}, fmt.Errorf("change a user: %w", err)
	}
	return u, nil
}

func (s *Service) changeHeld(ctx context.Context, tx Tx, admin id.User, u *users.User, otherAdmins int, c AccountChange) error {
	next := *u
	details := Details{}
	if c.Role != nil && *c.Role != u.Role {
		next.Role = *c.Role
		details["role"], details["role_before"] = string(next.Role), string(u.Role)
	}
	now := s.deps.Clock.Now()
	if c.IsActive != nil && *c.IsActive != u.IsActive {
		if u.Suspended() && now.Before(u.SuspendedUntil) {
			return ErrSanctioned
		}
		next.IsActive, next.SuspendedUntil = *c.IsActive, time.Time{}
		details["is_active"], details["is_active_before"] = strconv.FormatBool(next.IsActive), strconv.FormatBool(u.IsActive)
	}
	switch {
	case len(details) == 0:
		return nil
	case u.Erased:
		return users.ErrErased
	case isActiveAdmin(*u) && !isActiveAdmin(next) && otherAdmins == 0:
		return users.ErrLastAdmin
	}
	next.UpdatedAt = now
	next, err := users.Touch(ctx, tx, next)
	if err != nil {
		return err
	}
	if u.IsActive && !next.IsActive {
		if err := users.EndAccess(ctx, tx, u.ID, now); err != nil {
			return err
		}
	}
	if err := s.tell(ctx, tx, *u, next, now); err != nil {
		return err
	}
	*u = next
	return s.record(ctx, tx, AuditRecord{
		ActorID: admin, Action: ActionUserChanged, SubjectID: id.Subject(u.ID), Reason: c.Reason, Details: details, CreatedAt: now,
	})
}

// tell adds the event of an account that a change has made active or inactive, if it did.
func (s *Service) tell(ctx context.Context, tx Tx, before, after users.User, now time.Time) error {
	var said events.Data = events.UserDeactivated{UserID: after.ID}
	switch {
	case before.IsActive == after.IsActive:
		return nil
	case after.IsActive:
		said = events.UserReactivated{UserID: after.ID}
	}
	return events.Add(ctx, tx, s.deps.IDs, now, after.Version, said)
}

func isActiveAdmin(u users.User) bool { return u.IsActive && u.Role == users.RoleAdmin }

// MakeAdmin makes the account with this address an active admin. It is for the operator of the
// server, and checks no caller. It may run more than once. Errors: users.ErrNotFound.
func (s *Service) MakeAdmin(ctx context.Context, email string) (users.User, error) {
	var u users.User
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) (err error) {
		if u, err = holdByEmail(ctx, tx, email); err != nil {
			return err
		}
		if isActiveAdmin(u) {
			return nil
		}
		now, before := s.deps.Clock.Now(), u
		u.Role = users.RoleAdmin
		u.Resume(now)
		if u, err = users.Touch(ctx, tx, u); err != nil {
			return err
		}
		if err := s.tell(ctx, tx, before, u, now); err != nil {
			return err
		}
		return s.record(ctx, tx, AuditRecord{
			Action: ActionAdminAppointed, SubjectID: id.Subject(u.ID), Reason: "by the operator", CreatedAt: now,
		})
	})
	if err != nil {
		return users.User{}, fmt.Errorf("appoint an admin: %w", err)
	}
	return u, nil
}

// RemoveSecondFactor removes the active second factor of the account with this address. It is for
// the operator of the server if a user has lost the authenticator app, and checks no caller. Errors:
// users.ErrNotFound, users.ErrNoSecondFactor.
func (s *Service) RemoveSecondFactor(ctx context.Context, email string) (users.User, error) {
	var u users.User
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) (err error) {
		if u, err = holdByEmail(ctx, tx, email); err != nil {
			return err
		}
		now := s.deps.Clock.Now()
		if u, err = users.DropSecondFactor(ctx, tx, u, now); err != nil {
			return err
		}
		return s.record(ctx, tx, AuditRecord{
			Action: ActionFactorRemoved, SubjectID: id.Subject(u.ID), Reason: "by the operator", CreatedAt: now,
		})
	})
	if err != nil {
		return users.User{}, fmt.Errorf("remove a second factor: %w", err)
	}
	return u, nil
}

// holdByEmail holds the account with an address. Errors: users.ErrNotFound.
func holdByEmail(ctx context.Context, tx Tx, email string) (users.User, error) {
	found, _, err := tx.Users().ByEmail(ctx, email)
	if errors.Is(err, fault.NotFound) {
		return users.User{}, users.ErrNotFound
	}
	if err != nil {
		return users.User{}, fmt.Errorf("look up an address: %w", err)
	}
	u, err := tx.Users().Hold(ctx, found.ID)
	if err != nil {
		return users.User{}, fmt.Errorf("hold a user: %w", err)
	}
	if u.Erased {
		return users.User{}, users.ErrNotFound
	}
	return u, nil
}

// Adjustment is a transaction that an admin posts to a user's wallet.
type Adjustment struct {
	Type     tokens.Type
	Amount   int64 // a credit if positive, a debit if negative; the type determines the sign
	Reason   string
	Metadata tokens.Metadata
}

// adjustments lists the types that admins may post.
var adjustments = []tokens.Type{
	tokens.AdminAdjustment, tokens.Penalty, tokens.Bonus, tokens.Purchase, tokens.Deposit, tokens.Withdrawal,
}

// MaxFunding is the highest balance that a wallet may have after an admin's credit. It is half of
// the maximum balance, so that later refunds and receipts always fit.
const MaxFunding = tokens.MaxBalance / 2

// Check adds an error to f for each field that breaks a rule.
func (a Adjustment) Check(f *fault.Fields) { a.prepared(f) }

// prepared returns the adjustment as it is posted, and adds an error to f for each field that breaks
// a rule.
func (a Adjustment) prepared(f *fault.Fields) Adjustment {
	kind := a.Type
	if !slices.Contains(adjustments, a.Type) {
		f.Add("type", "must be ADMIN_ADJUSTMENT, PENALTY, BONUS, PURCHASE, DEPOSIT or WITHDRAWAL")
		kind = tokens.AdminAdjustment // allows both signs, so only the range of the amount is checked
	}
	a.Reason = text.Line(f, "reason", a.Reason, text.Required, MaxActReason)
	_, err := tokens.Entry{Type: kind, Amount: a.Amount, Reason: a.Reason}.Prepared()
	_ = f.Collect(err) // Collect returns nil, because the error has fields
	return a
}

// keptTransaction is what is kept of a transaction that an admin posted to the wallet of a user.
type keptTransaction struct{ Seq int64 }

func keepTransaction(t tokens.Transaction) keptTransaction { return keptTransaction{t.Seq} }

// PostTokens credits or debits another user, who may be inactive. A penalty takes at most the
// balance. Errors: ErrOwnTokens, fault.Invalid, users.ErrNotFound, tokens.ErrTooFewTokens,
// tokens.ErrTooManyTokens, idempotency.ErrKeyReused.
func (s *Service) PostTokens(ctx context.Context, admin, user id.User, a Adjustment, key idempotency.Key) (tokens.Transaction, error) {
	if admin == user {
		return tokens.Transaction{}, ErrOwnTokens
	}
	var f fault.Fields
	a = a.prepared(&f)
	if err := f.Err(); err != nil {
		return tokens.Transaction{}, err
	}
	t, _, err := idempotency.Run(ctx, s.deps.Store, s.deps.Clock, idempotency.Command{
		Owner: admin.String(), Key: key, Operation: "moderation.PostTokens", Values: []any{user, a},
	}, func(ctx context.Context, tx Tx) error {
		_, err := users.Admin(ctx, tx, admin)
		return err
	}, func(ctx context.Context, tx Tx) (tokens.Transaction, error) {
		if _, err := users.Admin(ctx, tx, admin); err != nil {
			return tokens.Transaction{}, err
		}
		if err := exists(ctx, tx, user); err != nil {
			return tokens.Transaction{}, err
		}
		now := s.deps.Clock.Now()
		written, err := s.deps.Ledger.Post(ctx, tx, now, tokens.Movement{
			UserID: user, Amount: a.Amount, Type: a.Type, Reason: a.Reason, Metadata: a.Metadata,
			UpToBalance: a.Type == tokens.Penalty,
		})
		if err != nil {
			return tokens.Transaction{}, err
		}
		t := written[0]
		if t.Amount > 0 && t.BalanceAfter > MaxFunding {
			return tokens.Transaction{}, tokens.ErrTooManyTokens
		}
		return t, s.record(ctx, tx, AuditRecord{
			ActorID: admin, Action: ActionTokensPosted, SubjectID: id.Subject(user), Reason: a.Reason, CreatedAt: now,
			Details: Details{"type": string(t.Type), "amount": strconv.FormatInt(t.Amount, 10), "transaction_id": t.ID.String()},
		})
	}, idempotency.Part(keepTransaction, func(ctx context.Context, tx Tx, k keptTransaction) (tokens.Transaction, error) {
		found, err := tx.Tokens().Transactions(ctx, user, new(k.Seq+1), 1)
		if err != nil {
			return tokens.Transaction{}, fmt.Errorf("read a transaction: %w", err)
		}
		if len(found) == 0 {
			return tokens.Transaction{}, fmt.Errorf("the ledger of a user lacks the transaction %d", k.Seq)
		}
		return found[0], nil
	}))
	if err != nil {
		return tokens.Transaction{}, fmt.Errorf("post tokens: %w", err)
	}
	return t, nil
}

// UserTransactions lists a user's transactions, newest first. Errors: users.ErrNotFound.
func (s *Service) UserTransactions(ctx context.Context, admin, user id.User, r page.Request[int64]) (page.Page[tokens.Transaction, int64], error) {
	return readPage(ctx, s, admin, r, tokens.Place, func(ctx context.Context, tx Tx, below *int64, limit int) ([]tokens.Transaction, error) {
		if err := exists(ctx, tx, user); err != nil {
			return nil, err
		}
		return tx.Tokens().Transactions(ctx, user, below, limit)
	})
}
