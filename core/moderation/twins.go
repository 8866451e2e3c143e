package moderation

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
)

// ChangeTwin gives an account that has a twin (see users.HoldTwin) another address. It is for the
// operator of the server and checks no caller. Errors: fault.Invalid on email, users.ErrNotFound,
// users.ErrNoTwin, users.ErrEmailTaken.
func (s *Service) ChangeTwin(ctx context.Context, user id.User, email string) (users.User, error) {
	var u users.User
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) (err error) {
		if u, err = users.HoldTwin(ctx, tx, user); err != nil {
			return err
		}
		now := s.deps.Clock.Now()
		if u, err = users.ChangeTwin(ctx, tx, u, email, now); err != nil {
			return err
		}
		return s.record(ctx, tx, AuditRecord{
			Action: ActionAddressChanged, SubjectID: id.Subject(u.ID), Reason: "by the operator", CreatedAt: now,
		})
	})
	if err != nil {
		return users.User{}, fmt.Errorf("change the address of a twin: %w", err)
	}
	return u, nil
}
