package postgres

import "github.com/cicerone-go/cicerone/core/messaging"

// A conversation has the id and time of its latest message, how many messages each participant has
// sent (voyager_sent, local_sent), and how many of the other's each has read (voyager_read,
// local_read).

// sentBy and sentTo return expressions for how many messages a participant of the row of
// conversations at hand has sent, and how many the other one has.
func sentBy(user statement) statement {
	return "CASE voyager_id WHEN " + user + " THEN voyager_sent ELSE local_sent END"
}

func sentTo(user statement) statement {
	return "CASE voyager_id WHEN " + user + " THEN local_sent ELSE voyager_sent END"
}

// touch counts the message $2, sent at $3 by $4 and read if $5, in the conversation $1, and makes
// it the latest, unless that has a later one. Each statement that adds a message needs it.
const touch statement = `UPDATE @conversations SET
		voyager_sent = voyager_sent + CASE voyager_id WHEN $4 THEN 1 ELSE 0 END,
		local_sent = local_sent + CASE local_id WHEN $4 THEN 1 ELSE 0 END,
		voyager_read = voyager_read + CASE WHEN local_id = $4 AND $5 THEN 1 ELSE 0 END,
		local_read = local_read + CASE WHEN voyager_id = $4 AND $5 THEN 1 ELSE 0 END,
		latest_id = CASE WHEN (latest_at, latest_id) >= ($3, $2) THEN latest_id ELSE $2 END,
		latest_at = greatest(latest_at, $3)
	WHERE id = $1`

// touchArgs returns the arguments of touch.
func touchArgs(m messaging.Message) []any {
	return []any{uuid(m.ConversationID), uuid(m.ID), m.CreatedAt, uuid(m.UserID), m.Read}
}

// markRead marks the messages of the conversation $1 that $2 did not send as read, up to the
// position ($3, $4), and returns how many it marked. It must follow lockConversation: every unit
// locks a conversation before its messages.
const markRead statement = `WITH marked AS (
		UPDATE @messages SET read = true
		WHERE conversation_id = $1 AND user_id <> $2 AND NOT read AND (created_at, id) <= ($3, $4)
		RETURNING id
	), counted AS (
		UPDATE @conversations SET
			voyager_read = voyager_read + CASE voyager_id WHEN $2 THEN n ELSE 0 END,
			local_read = local_read + CASE local_id WHEN $2 THEN n ELSE 0 END
		FROM (SELECT count(*) AS n FROM marked) AS of_all WHERE conversations.id = $1 AND n > 0
	) SELECT count(*) FROM marked`

const (
	// latestIn returns the latest message of the conversation talk, if it has one.
	latestIn statement = `SELECT id AS latest_id, created_at AS latest_at FROM @messages WHERE conversation_id = talk.id
			ORDER BY created_at DESC, id DESC LIMIT 1`

	// countsIn counts the messages of the conversation talk.
	countsIn statement = `SELECT
			count(*) FILTER (WHERE user_id = talk.voyager_id) AS voyager_sent,
			count(*) FILTER (WHERE user_id = talk.local_id) AS local_sent,
			count(*) FILTER (WHERE user_id = talk.local_id AND read) AS voyager_read,
			count(*) FILTER (WHERE user_id = talk.voyager_id AND read) AS local_read
		FROM @messages WHERE conversation_id = talk.id`
)

// talks has the first $2 conversations after the id $1.
const talks statement = "SELECT * FROM @conversations WHERE id > $1 ORDER BY id LIMIT $2"

// latestOfBatch gives conversations the latest of their messages: see filling.
const latestOfBatch = "WITH talk AS MATERIALIZED (" + talks + `), filled AS (
		UPDATE @conversations SET latest_at = found.latest_at, latest_id = found.latest_id
		FROM talk CROSS JOIN LATERAL (` + latestIn + `) AS found
		WHERE conversations.id = talk.id
	) SELECT id::text FROM talk ORDER BY id DESC LIMIT 1`

// countsOfBatch counts the messages of conversations: see filling.
const countsOfBatch = "WITH talk AS MATERIALIZED (" + talks + `), filled AS (
		UPDATE @conversations SET voyager_sent = found.voyager_sent, local_sent = found.local_sent,
			voyager_read = found.voyager_read, local_read = found.local_read
		FROM talk CROSS JOIN LATERAL (` + countsIn + `) AS found
		WHERE conversations.id = talk.id AND found.voyager_sent + found.local_sent > 0
	) SELECT id::text FROM talk ORDER BY id DESC LIMIT 1`

// talksDisagreeing compares conversations with their messages: see disagreeing.
const talksDisagreeing = `SELECT id, CASE
			WHEN latest.latest_id IS DISTINCT FROM talk.latest_id THEN 'latest_id'
			WHEN latest.latest_at IS DISTINCT FROM talk.latest_at THEN 'latest_at'
			WHEN counts.voyager_sent <> talk.voyager_sent THEN 'voyager_sent'
			WHEN counts.local_sent <> talk.local_sent THEN 'local_sent'
			WHEN counts.voyager_read <> talk.voyager_read THEN 'voyager_read'
			WHEN counts.local_read <> talk.local_read THEN 'local_read' END
	FROM (` + talks + `) AS talk LEFT JOIN LATERAL (` + latestIn + `) AS latest ON true
		CROSS JOIN LATERAL (` + countsIn + `) AS counts ORDER BY id`
