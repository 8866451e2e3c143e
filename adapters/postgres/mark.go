package postgres

import (
	"context"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
)

var _ messaging.Marker = messagingRepository{}

// markingColumns are what marking knows of a marking, in the order of newMarking.
var markingColumns = []column{
	{"talk_id", "uuid"}, {"reader_id", "uuid"}, {"up_to_id", "uuid"},
	{"told_1", "text"}, {"told_2", "text"}, {"told_3", "text"},
	{"session_id", "uuid"}, {"created_after", "timestamptz"}, {"used_after", "timestamptz"},
}

// marking marks messages as read, each unit in a conversation of its own. For each unit that it
// does, it returns how many messages were unread. It changes nothing for the others. It is a whole
// unit. In a group the conversations are locked before. Alone, touched locks the conversation, and
// marked, which locks the messages, takes its rows from touched. Every unit locks a conversation
// before its messages, so that marked waits for none.
//
// touched adds what found has counted, before marked marks it. The two agree, because touched
// changes nothing if the reader has read more than when the statement began: if it waits for its
// row, PostgreSQL evaluates the conditions once more, with the row that was committed meanwhile.
// The other rows stay those from when the statement began. So this is what becomes of a unit that
// goes alone, while others commit:
//
//   - A message is sent in the conversation, by either participant: it changes other counts, and is
//     later than {up_to_id}, because the times of messages ascend.
//   - The same reader marks messages of the conversation, on another device: the counts differ, and
//     the statement changes nothing.
//   - The other participant marks messages: they are those of this reader, with a count of their
//     own.
//   - A reservation is proposed: its foreign key locks the conversation FOR KEY SHARE, for which
//     nothing here waits.
//   - A unit with the same key: the record violates its constraint, which rolls everything back.
//   - A deactivation, or the end of the session: if it is committed after the statement began, the
//     messages are marked. The steps do the same if it is committed after their check.
//   - A block, or the deactivation of the other: neither this statement nor the steps check it.
//
// If it changes nothing, the steps decide, which hold the conversation before they mark. If nothing
// is unread, the statement locks nothing, and writes only the record of the key.
func marking(v variant) statement {
	const (
		byReader = "CASE voyager_id WHEN {reader_id} THEN voyager_read ELSE local_read END"
		unread   = "conversation_id = {talk_id} AND user_id = sender_id AND NOT read" +
			" AND (messages.created_at, messages.id) <= (read_until, {up_to_id})"
	)
	return `WITH open AS MATERIALIZED (
		SELECT ` + v.all + `CASE voyager_id WHEN {reader_id} THEN local_id ELSE voyager_id END AS sender_id,
			` + byReader + ` AS read_before, latest.created_at AS read_until
		FROM ` + v.from + `@conversations AS talk CROSS JOIN @users AS reader CROSS JOIN @messages AS latest
		WHERE talk.id = {talk_id} AND {reader_id} IN (voyager_id, local_id)` + v.only + `
			AND reader.id = {reader_id} AND reader.is_active
			AND ` + inSession("{reader_id}") + `
			AND latest.id = {up_to_id} AND latest.conversation_id = talk.id
	), found AS MATERIALIZED (
		SELECT open.*, (SELECT count(*) FROM @messages WHERE ` + unread + `) AS n FROM open
	), touched AS (
		UPDATE @conversations AS talk SET
			voyager_read = voyager_read + CASE voyager_id WHEN {reader_id} THEN n ELSE 0 END,
			local_read = local_read + CASE local_id WHEN {reader_id} THEN n ELSE 0 END
		FROM found WHERE talk.id = {talk_id} AND n > 0 AND ` + byReader + ` = read_before
		RETURNING found.*
	), marked AS (
		UPDATE @messages SET read = true FROM touched WHERE ` + unread + `
	), told AS (
		INSERT INTO @outbox_batches (events)
		SELECT ({told_1} || (extract(epoch FROM read_until) * 1000)::bigint || {told_2} || sender_id || {told_3})::json FROM touched
	), done AS (
		SELECT * FROM found WHERE n = 0 UNION ALL SELECT * FROM touched
	)` + v.keepAs("CASE n WHEN 0 THEN {answer} ELSE convert_to(n::text, 'UTF8') END", "done") +
		" SELECT " + v.place + ", n FROM done"
}

// markings is the kind of units that mark messages as read.
var markings = newKind("markings", markingColumns, marking, `WITH talks AS MATERIALIZED (
		SELECT id FROM @conversations WHERE id = ANY($2::uuid[]) FOR NO KEY UPDATE SKIP LOCKED
	)`, `SELECT place FROM unnest($1::bigint[], $2::uuid[], $3::bigint[]) AS units (place, conversation_id, key)
		WHERE conversation_id IN (SELECT id FROM talks) AND (key IS NULL OR pg_try_advisory_xact_lock(key))`)

// markedGaps are those in the event of a marking, in their order: its seq and the sender.
var markedGaps = []gap{newGap(`",`, "0", `,"`), newGap(`"sender_id":"`, noID, `"`)}

// newMarking returns the unit of a marking, which sets n to the number of messages that were
// unread.
func newMarking(c *conn, m messaging.Marking, n *int) (*step, error) {
	args := append(make([]any, 0, len(markings.columns)), uuid(m.Conversation), uuid(m.Reader), uuid(m.UpTo))
	args, err := split(args, events.Batch([]events.Event{m.Read}), markedGaps)
	if err != nil {
		return nil, err
	}
	args = inSessionOf(args, c.presence, m.Reader)
	u := &step{
		kind: markings, args: args, apart: [][16]byte{m.Conversation},
		needs: []any{uuid(m.Conversation), nil},
		take:  func(r *row) { *n = int(r.int()) },
	}
	u.keep(c, m.Record)
	return u, nil
}

// Mark implements messaging.Marker.
func (repo messagingRepository) Mark(ctx context.Context, m messaging.Marking) (int, idempotency.Outcome, error) {
	var n int
	outcome, err := repo.inOneStep(ctx, func(c *conn) (*step, error) { return newMarking(c, m, &n) })
	if outcome != idempotency.Done { // a group that this unit has left may still set n
		return 0, outcome, err
	}
	return n, outcome, err
}
