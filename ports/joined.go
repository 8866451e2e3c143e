package ports

import (
	"github.com/cicerone-go/cicerone/core/events"
)

// JoinedSubscriber handles events in the units of work that add them.
type JoinedSubscriber = events.JoinedSubscriber[Tx]

// WithEvents returns a transaction whose method Events returns repository. See events.JoinDeps.
func WithEvents(tx Tx, repository events.Repository) Tx { return otherEvents{tx, repository} }

type otherEvents struct {
	Tx
	repository events.Repository
}

// Events implements events.Tx.
func (t otherEvents) Events() events.Repository { return t.repository }
