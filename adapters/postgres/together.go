package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
)

// holdSendings locks what the messages $1 need: their conversations $2, the wallets $3 of their
// senders and their keys $4. It waits for no lock, so that no group waits for the sake of one of its
// messages, or for another group that holds the same rows. It returns the messages for which it got
// all locks, and sets cicerone.held to them for sendHeld.
const holdSendings statement = `WITH talks AS MATERIALIZED (
		SELECT id FROM @conversations WHERE id = ANY($2::uuid[]) FOR NO KEY UPDATE SKIP LOCKED
	), payers AS MATERIALIZED (
		SELECT user_id FROM @wallets WHERE user_id = ANY($3::uuid[]) FOR NO KEY UPDATE SKIP LOCKED
	) SELECT set_config('cicerone.held', ARRAY(
		SELECT message_id FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[])
			AS sending (message_id, conversation_id, user_id, key)
		WHERE conversation_id IN (SELECT id FROM talks) AND user_id IN (SELECT user_id FROM payers)
			AND (key IS NULL OR pg_try_advisory_xact_lock(key)))::text, true)`

// sendHeld sends the messages of a wave that are held.
var sendHeld = many(func(from statement) statement {
	const held = " AND message_id = ANY((SELECT current_setting('cicerone.held')::uuid[])::uuid[])"
	return sending("sending.*, ", from+" CROSS JOIN ", held+notUsed, keep("debit"))
})

// many returns a statement for the messages of from. Each argument is an array of a column.
func many(of func(from statement) statement) statement {
	var arrays, names, values []string
	for i, c := range sendingColumns {
		arrays, names = append(arrays, fmt.Sprintf("$%d::%s[]", i+1, c.kind)), append(names, c.name)
		values = append(values, "{"+c.name+"}", c.name)
	}
	from := "unnest(" + strings.Join(arrays, ", ") + ") AS sending (" + strings.Join(names, ", ") + ")"
	return statement(strings.NewReplacer(values...).Replace(string(of(statement(from)))))
}

// waves splits parcels so that no two of a wave have a sender or a conversation in common.
func waves(all []*parcel) (split [][]*parcel) {
	next := map[[16]byte]int{} // the wave after the last one that has this sender or conversation
	for _, p := range all {
		n := max(next[p.ConversationID], next[p.UserID])
		if n == len(split) {
			split = append(split, nil)
		}
		split[n] = append(split[n], p)
		next[p.ConversationID], next[p.UserID] = n+1, n+1
	}
	return split
}

// transpose returns n columns of the rows of parcels. What a row lacks is NULL.
func transpose(n int, all []*parcel, row func(p *parcel) []any) []any {
	columns := make([]any, n)
	for i := range columns {
		column := make([]any, len(all))
		for k, p := range all {
			if values := row(p); i < len(values) {
				column[k] = values[i]
			}
		}
		columns[i] = column
	}
	return columns
}

// sendTogether sends parcels in one transaction and one round trip. Each is sent or not for itself,
// and sees those before it that have its sender or its conversation. If the transaction fails, none
// is sent, and each may go alone.
func (s *Store) sendTogether(lease *pgxpool.Conn, all []*parcel) []fate {
	ctx := context.Background() // no member's; roundTrip has a limit of its own
	c := &conn{store: s, lease: lease, on: lease, frame: writing}
	defer c.leave(ctx)
	held, sent := "", map[id.Message]receipt{}
	hold := transpose(4, all, func(p *parcel) []any {
		return []any{uuid(p.ID), uuid(p.ConversationID), uuid(p.UserID), p.key}
	})
	c.queue = append(c.queue, command{holdSendings, hold, func(results pgx.BatchResults) error {
		rows, err := scanAll(results, value((*row).text))
		held = strings.Join(rows, "")
		return err
	}})
	for _, wave := range waves(all) {
		args := transpose(len(sendingColumns), wave, func(p *parcel) []any { return p.args })
		c.queue = append(c.queue, command{sendHeld, args, func(results pgx.BatchResults) error {
			rows, err := scanAll(results, scanReceipt)
			for _, r := range rows {
				sent[r.message] = r
			}
			return err
		}})
	}
	if err := c.end(ctx); err != nil {
		failed := fate{Alone: true}
		if errors.Is(err, uow.ErrOutcomeUnknown) {
			failed = fate{Err: err}
		}
		return slices.Repeat([]fate{failed}, len(all))
	}
	fates := make([]fate, len(all))
	for i, p := range all {
		r, done := sent[p.ID]
		switch {
		case done:
			fates[i].Result = r.at
		case strings.Contains(held, p.ID.String()):
			fates[i].Err = errNone
		default:
			fates[i].Alone = true
		}
	}
	return fates
}
