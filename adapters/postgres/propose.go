package postgres

import (
	"context"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/reservations"
)

var _ reservations.Proposer = reservationsRepository{}

// proposingColumns are what proposing knows of a proposal, in the order of newProposal.
var proposingColumns = []column{
	{"talk_id", "uuid"}, {"proposer_id", "uuid"}, {"proposal_id", "uuid"}, {"proposed_title", "text"},
	{"proposed_price", "text"}, {"proposed_tokens", "bigint"}, {"begins_at", "timestamptz"}, {"ends_at", "timestamptz"},
	{"proposed_at", "timestamptz"}, {"proposed_after", "timestamptz"},
	{"max_proposed", "bigint"}, {"max_pending", "bigint"}, {"max_unanswered", "bigint"},
	{"told_1", "text"}, {"told_2", "text"}, {"told_3", "text"},
	{"session_id", "uuid"}, {"created_after", "timestamptz"}, {"used_after", "timestamptz"},
}

// holdPair holds the creator's account, $2, and pins that of the other participant of the
// conversation $1, the lower id first, as the steps do. The second is found by the first, so that
// no plan can change the order. It is a statement of its own: proposing, which follows, sees what
// was committed while holdPair waited, and waits for nothing itself. This is what becomes of a
// proposal that goes alone, while others commit:
//
//   - Another proposal of the creator, or one of the other in the conversation: it holds an account
//     that this one holds or pins. So one of the two waits, and counts the other.
//   - A deactivation, a sanction or the erasure of either: it holds the account, too.
//   - A reservation of the conversation is moved, or the other writes to the creator for the first
//     time: proposing may not see it, and then changes nothing.
//   - A unit with the same key: it holds the key.
//   - A block, or the end of the session: if it is committed after proposing began, the reservation
//     is proposed. The steps do the same if it is committed after their check.
const holdPair statement = `WITH pair AS MATERIALIZED (
		SELECT CASE voyager_id WHEN $2 THEN local_id ELSE voyager_id END AS other_id
		FROM @conversations WHERE id = $1 AND $2 IN (voyager_id, local_id)
	), before AS MATERIALIZED (
		SELECT id FROM @users WHERE id = (SELECT other_id FROM pair WHERE other_id < $2) FOR SHARE
	), creator AS MATERIALIZED (
		SELECT id FROM @users WHERE id = (SELECT $2 FROM pair WHERE other_id > $2 OR other_id = (SELECT id FROM before))
		FOR NO KEY UPDATE
	) SELECT 1 FROM @users WHERE id = (SELECT other_id FROM pair WHERE other_id > (SELECT id FROM creator)) FOR SHARE`

// proposals is the kind of units that propose a reservation. In a group, proposals in one
// conversation or by one creator see each other, as sends do.
var proposals = newKind("proposals", proposingColumns, proposing, `WITH named AS MATERIALIZED (
		SELECT units.*, CASE voyager_id WHEN creator_id THEN local_id ELSE voyager_id END AS other_id
		FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::bigint[]) AS units (place, conversation_id, creator_id, key)
			JOIN @conversations ON id = conversation_id
	), creators AS MATERIALIZED (
		SELECT id FROM @users WHERE id = ANY(ARRAY(SELECT creator_id FROM named)) FOR NO KEY UPDATE SKIP LOCKED
	), others AS MATERIALIZED (
		SELECT id FROM @users WHERE id = ANY(ARRAY(SELECT other_id FROM named)) FOR SHARE SKIP LOCKED
	)`, `SELECT place FROM named
		WHERE creator_id IN (SELECT id FROM creators) AND other_id IN (SELECT id FROM others)
			AND (key IS NULL OR pg_try_advisory_xact_lock(key))`)

// proposing adds reservations, whose people are held before. No two have a conversation or a
// creator in common. For each that it adds, it returns the voyager, the local, and the other
// participant as the creator sees them. It changes nothing for the others.
func proposing(v variant) statement {
	return `WITH open AS (
		SELECT ` + v.all + `voyager_id, local_id, other.id AS other_id
		FROM ` + v.from + `@conversations AS talk CROSS JOIN @users AS creator CROSS JOIN @users AS other
		WHERE talk.id = {talk_id} AND {proposer_id} IN (voyager_id, local_id)` + v.only + `
			AND creator.id = {proposer_id} AND creator.is_active
			AND (creator.restricted_until IS NULL OR creator.restricted_until <= {proposed_at})
			AND other.id = CASE voyager_id WHEN {proposer_id} THEN local_id ELSE voyager_id END AND other.is_active
			AND NOT ` + eitherBlocks("voyager_id", "local_id") + `
			AND ` + inSession("{proposer_id}") + `
			AND {max_proposed} > (SELECT count(*) FROM (
				SELECT FROM @reservations WHERE creator_id = {proposer_id} AND created_at > {proposed_after}
				LIMIT ` + hidden("{max_proposed}") + `) AS recent)
			AND (SELECT count(*) < {max_pending} AND (count(*) FILTER (WHERE creator_id = {proposer_id}) < {max_unanswered}
					OR (SELECT true FROM @correspondents WHERE user_id = other.id AND reader_id = {proposer_id}))
				FROM (SELECT creator_id FROM @reservations
					WHERE conversation_id = talk.id AND status = 'pending' LIMIT ` + hidden("{max_pending}") + `) AS pending)
	), added AS (
		INSERT INTO @reservations (id, conversation_id, voyager_id, local_id, creator_id, title, price, tokens,
			date, end_date, status, created_at, updated_at)
		SELECT {proposal_id}, {talk_id}, voyager_id, local_id, {proposer_id}, {proposed_title}, {proposed_price}::numeric,
			{proposed_tokens}, {begins_at}, {ends_at}, 'pending', {proposed_at}, {proposed_at} FROM open
	), told AS (
		INSERT INTO @outbox_batches (events)
		SELECT ({told_1} || local_id || {told_2} || voyager_id || {told_3})::json FROM open
	)` + v.keep("open") + " SELECT " + v.place + ", voyager_id, local_id, " + personBy("{proposer_id}") + " " + fromOther +
		" JOIN open ON other_id = other.id"
}

// proposedGaps are the gaps in the event of a proposal: the two participants.
var proposedGaps = []gap{newGap(`"local_id":"`, noID, `"`), newGap(`"voyager_id":"`, noID, `"`)}

// Propose implements reservations.Proposer.
func (repo reservationsRepository) Propose(
	ctx context.Context, p reservations.Proposing,
) (reservations.View, idempotency.Outcome, error) {
	v := reservations.View{Reservation: p.Reservation}
	outcome, err := repo.inOneStep(ctx, func(c *conn) (*step, error) { return newProposal(c, p, &v) })
	if outcome != idempotency.Done {
		return reservations.View{}, outcome, err
	}
	return v, outcome, err
}

// newProposal returns the unit of a proposal, which sets what v lacks.
func newProposal(c *conn, p reservations.Proposing, v *reservations.View) (*step, error) {
	r := p.Reservation
	args := append(make([]any, 0, len(proposals.columns)),
		uuid(r.ConversationID), uuid(r.CreatorID), uuid(r.ID), r.Title, r.Price.String(), r.Tokens,
		timestamp(r.Date), timestamp(r.EndDate), timestamp(r.CreatedAt), timestamp(p.ProposedAfter),
		int64(p.MaxProposed), int64(p.MaxPending), int64(p.MaxUnanswered))
	args, err := split(args, events.Batch([]events.Event{p.Proposed}), proposedGaps)
	if err != nil {
		return nil, err
	}
	args = inSessionOf(args, c.presence, r.CreatorID)
	u := &step{
		kind: proposals, args: args, apart: [][16]byte{r.ConversationID, r.CreatorID},
		needs: []any{uuid(r.ConversationID), uuid(r.CreatorID), nil},
		take: func(row *row) {
			v.VoyagerID, v.LocalID = row.id(), row.id()
			scanPerson(row, &v.Other)
		},
	}
	u.locks = []command{{statement: holdPair, args: u.needs[:2]}}
	u.keep(c, p.Record)
	return u, nil
}
