package sqlite

import (
	"context"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
)

var _ reservations.Proposer = reservationsRepository{}

// proposable has a row if ?1 may propose a reservation in the conversation ?2 at the time ?3: ?1 has
// proposed fewer than ?5 since ?4, the conversation has fewer than ?6 that are pending, and of these
// ?1 has proposed fewer than ?7, unless the other has ever written to ?1. The row has the
// participants, and the other one as ?1 sees them.
var proposable = checksOf(7, func(further string) string {
	return "SELECT voyager_id, local_id, " + personOf + `
		FROM conversations
		CROSS JOIN users AS other ON other.id = CASE voyager_id WHEN ?1 THEN local_id ELSE voyager_id END
		CROSS JOIN users AS creator ON creator.id = ?1
		LEFT JOIN profiles ON profiles.user_id = other.id
		WHERE conversations.id = ?2 AND ?1 IN (voyager_id, local_id) AND creator.is_active AND other.is_active
			AND (creator.restricted_until IS NULL OR creator.restricted_until <= ?3)
			AND NOT ` + eitherBlocks("voyager_id", "local_id") + `
			AND (SELECT count(*) FROM (SELECT 1 FROM reservations WHERE creator_id = ?1 AND created_at > ?4 LIMIT +?5)) < ?5
			AND (SELECT count(*) < ?6 AND (count(*) FILTER (WHERE creator_id = ?1) < ?7
					OR EXISTS (SELECT 1 FROM correspondents WHERE user_id = other.id AND reader_id = ?1))
				FROM (SELECT creator_id FROM reservations
					WHERE conversation_id = conversations.id AND status = 'pending' LIMIT +?6))` + further
})

// proposed is a row of proposable.
type proposed struct {
	talk messaging.Conversation // its participants
	view reservations.View      // its other participant
}

func scanProposed(r *row, v *proposed) {
	v.talk.VoyagerID, v.talk.LocalID = r.id(), r.id()
	scanPerson(r, &v.view.Other)
}

// Propose implements reservations.Proposer.
func (repo reservationsRepository) Propose(
	ctx context.Context, p reservations.Proposing,
) (v reservations.View, outcome idempotency.Outcome, err error) {
	r := p.Reservation
	outcome, err = atOnce(ctx, repo.unit, step[proposed]{
		by: r.CreatorID, record: p.Record, checks: proposable, scan: scanProposed,
		args: []any{
			blob(r.CreatorID), blob(r.ConversationID), milli(r.CreatedAt), milli(p.ProposedAfter),
			int64(p.MaxProposed), int64(p.MaxPending), int64(p.MaxUnanswered),
		},
		writes: func(found proposed) ([]command, error) {
			v = found.view
			var told events.Event
			v.Reservation, told = p.In(found.talk)
			return []command{
				{bookings.insert, bookings.args(v.Reservation)},
				{insertBatch, []any{events.Batch([]events.Event{told})}},
			}, nil
		},
	})
	return v, outcome, err
}
