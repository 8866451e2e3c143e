package notifications

import (
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
)

// Deps are the parts of a Service. All are needed. services.New makes them for all services.
type Deps struct {
	Store *uow.Store[Tx]
	Clock clock.Clock
}

// Service has the use cases of notifications. It is safe for concurrent use.
type Service struct{ deps Deps }

// NewService returns a Service, or an error that names the parts that are missing.
func NewService(d Deps) (*Service, error) {
	if err := fault.Missing("notifications", d); err != nil {
		return nil, err
	}
	return &Service{d}, nil
}
