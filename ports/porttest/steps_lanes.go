package porttest

import (
	"context"
	"encoding/binary"

	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// lanes is what two lanes share, which are two stores with the same rows. The same commands run on
// both, one after the other.
type lanes struct {
	command    uint32 // the number of the running command
	next, kept uint32 // count the identifiers of the command; kept are those of units that succeeded
	done       int    // commands that were done in one step
	unable     int    // commands for which the unit of work had no such step
}

// Next implements id.Source. Both lanes get the same identifiers, later than those of the fixture.
func (l *lanes) Next() (u [16]byte) {
	l.next++
	u[0], u[6], u[8] = 0x7f, 0x70, 0x80 // version 7, and the variant of RFC 9562
	binary.BigEndian.PutUint32(u[2:], l.command)
	binary.BigEndian.PutUint32(u[12:], l.next)
	return u
}

// count counts what became of a command in one step.
func (l *lanes) count(o idempotency.Outcome) {
	switch o {
	case idempotency.Done:
		l.done++
	case idempotency.Unsupported:
		l.unable++
		l.next = l.kept // the steps follow in the same unit
	}
}

// laneStorage is the store of a lane. It gives a unit the identifiers of one that failed before it.
type laneStorage struct {
	ports.Storage
	*lanes
	whole bool // it takes the forms of one step, and not the steps
}

func (s laneStorage) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	s.next = s.kept
	err := s.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, laneTx{tx, s}) })
	if err == nil {
		s.kept = s.next
	}
	return err
}

type laneTx struct {
	ports.Tx
	of laneStorage
}

// Messaging hides the forms of one step from the lane of the steps.
func (tx laneTx) Messaging() messaging.Repository {
	repo := tx.Tx.Messaging()
	sender, sends := repo.(messaging.Sender)
	marker, marks := repo.(messaging.Marker)
	send, mark := countedSender{sender, tx.of.lanes}, countedMarker{marker, tx.of.lanes}
	switch {
	case tx.of.whole && sends && marks:
		return struct {
			messaging.Repository
			countedSender
			countedMarker
		}{repo, send, mark}
	case tx.of.whole && sends:
		return struct {
			messaging.Repository
			countedSender
		}{repo, send}
	case tx.of.whole && marks:
		return struct {
			messaging.Repository
			countedMarker
		}{repo, mark}
	}
	return struct{ messaging.Repository }{repo}
}

// Reservations hides the forms of one step from the lane of the steps.
func (tx laneTx) Reservations() reservations.Repository {
	repo := tx.Tx.Reservations()
	mover, moves := repo.(reservations.Mover)
	proposer, proposes := repo.(reservations.Proposer)
	m, p := countedMover{mover, tx.of.lanes}, countedProposer{proposer, tx.of.lanes}
	switch {
	case moves && proposes && tx.of.whole:
		return struct {
			reservations.Repository
			countedMover
			countedProposer
		}{repo, m, p}
	case moves && tx.of.whole:
		return struct {
			reservations.Repository
			countedMover
		}{repo, m}
	case proposes && tx.of.whole:
		return struct {
			reservations.Repository
			countedProposer
		}{repo, p}
	}
	return struct{ reservations.Repository }{repo}
}

type countedSender struct {
	sender messaging.Sender
	lanes  *lanes
}

func (s countedSender) Send(ctx context.Context, sending messaging.Sending) (messaging.Message, idempotency.Outcome, error) {
	m, outcome, err := s.sender.Send(ctx, sending)
	s.lanes.count(outcome)
	return m, outcome, err
}

type countedMarker struct {
	marker messaging.Marker
	lanes  *lanes
}

func (m countedMarker) Mark(ctx context.Context, marking messaging.Marking) (int, idempotency.Outcome, error) {
	n, outcome, err := m.marker.Mark(ctx, marking)
	m.lanes.count(outcome)
	return n, outcome, err
}

type countedMover struct {
	mover reservations.Mover
	lanes *lanes
}

func (m countedMover) Accept(ctx context.Context, moving reservations.Moving) (reservations.View, idempotency.Outcome, error) {
	v, outcome, err := m.mover.Accept(ctx, moving)
	m.lanes.count(outcome)
	return v, outcome, err
}

func (m countedMover) Cancel(ctx context.Context, moving reservations.Moving) (reservations.View, idempotency.Outcome, error) {
	v, outcome, err := m.mover.Cancel(ctx, moving)
	m.lanes.count(outcome)
	return v, outcome, err
}

type countedProposer struct {
	proposer reservations.Proposer
	lanes    *lanes
}

func (p countedProposer) Propose(
	ctx context.Context, proposing reservations.Proposing,
) (reservations.View, idempotency.Outcome, error) {
	v, outcome, err := p.proposer.Propose(ctx, proposing)
	p.lanes.count(outcome)
	return v, outcome, err
}
