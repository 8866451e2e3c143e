package notifications

import (
	"fmt"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
)

// Unsubscriber returns the https address that switches off mail of a kind for a user, without a
// sign-in, or "" if there is none. See users.Mail.
type Unsubscriber func(user id.User, kind Kind) string

// Deps are the parts of a Service. All but Unsubscribe are needed. services.New makes them for all
// services.
type Deps struct {
	Store  *uow.Store[Tx]
	Mailer users.Mailer
	Clock  clock.Clock
	IDs    id.Source
	Policy Policy

	Unsubscribe Unsubscriber // nil if mail has no address to unsubscribe
}

// Service has the use cases of notifications. It is safe for concurrent use.
type Service struct{ deps Deps }

// NewService returns a Service, or an error that names the parts that are missing, or the fields of
// the policy that are not valid.
func NewService(d Deps) (*Service, error) {
	needed := struct {
		Store  *uow.Store[Tx]
		Mailer users.Mailer
		Clock  clock.Clock
		IDs    id.Source
	}{d.Store, d.Mailer, d.Clock, d.IDs}
	if err := fault.Missing("notifications", needed); err != nil {
		return nil, err
	}
	var f fault.Fields
	d.Policy.Check(&f)
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("notifications: %w", err)
	}
	if d.Unsubscribe == nil {
		d.Unsubscribe = func(id.User, Kind) string { return "" }
	}
	return &Service{d}, nil
}
