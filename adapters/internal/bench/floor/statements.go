package main

// sent is what send and sendOnce have in common. Arguments: session $1, conversation $2, id of the
// message $3 and of the transaction $4, content $5, time $6, ids of the events $7 and $8. The CTE
// claimed has a row if the message may be sent.
const sent = `, caller AS (
		SELECT users.id FROM cicerone.sessions JOIN cicerone.users ON users.id = sessions.user_id, claimed
		WHERE sessions.id = $1 AND revoked_at IS NULL AND is_active
	), standing AS (
		SELECT talk.id, caller.id AS sender, CASE voyager_id WHEN caller.id THEN local_id ELSE voyager_id END AS recipient,
			greatest($6, latest_at + interval '1 millisecond') AS at, (voyager_id = caller.id)::integer AS by_voyager
		FROM caller, cicerone.conversations AS talk
		JOIN cicerone.users AS voyager ON voyager.id = voyager_id JOIN cicerone.users AS local ON local.id = local_id
		WHERE talk.id = $2 AND caller.id IN (voyager_id, local_id) AND voyager.is_active AND local.is_active
			AND NOT EXISTS (SELECT FROM cicerone.blocks
				WHERE (user_id, blocked_user_id) = (voyager_id, local_id) OR (user_id, blocked_user_id) = (local_id, voyager_id))
	), debit AS (
		UPDATE cicerone.wallets SET balance = balance - 1, seq = seq + 1 FROM standing WHERE user_id = sender AND balance >= 1
		RETURNING standing.*, seq, balance
	), line AS (
		INSERT INTO cicerone.token_transactions (user_id, seq, id, amount, type, reason, metadata, balance_before, balance_after, created_at)
		SELECT sender, seq, $4, -1, 'MESSAGE_SENT', 'message sent', jsonb_build_object('message_id', $3::uuid), balance + 1, balance, $6
		FROM debit
	), message AS (
		INSERT INTO cicerone.messages (id, conversation_id, user_id, content, attachment, read, created_at)
		SELECT $3, id, sender, $5, NULL, false, at FROM debit
	), activity AS (
		UPDATE cicerone.conversations SET latest_id = $3, latest_at = at,
			voyager_sent = voyager_sent + by_voyager, local_sent = local_sent + 1 - by_voyager
		FROM debit WHERE conversations.id = $2
	), correspondent AS (
		INSERT INTO cicerone.correspondents (user_id, reader_id) SELECT sender, recipient FROM debit ON CONFLICT DO NOTHING
	), outbox AS (
		INSERT INTO cicerone.outbox_batches (events) SELECT json_build_array(
			json_build_array('wallet/' || sender, seq, $8::uuid, 'wallet.changed', 1, (extract(epoch FROM $6) * 1000)::bigint, json_build_object(
				'amount', -1, 'balance_after', balance, 'transaction_id', $4, 'type', 'MESSAGE_SENT', 'user_id', sender)),
			json_build_array('conversation/' || id, (extract(epoch FROM at) * 1000)::bigint, $7::uuid, 'message.sent', 1,
				(extract(epoch FROM $6) * 1000)::bigint, json_build_object(
				'conversation_id', id, 'message_id', $3, 'recipient_id', recipient, 'sender_id', sender)))
		FROM debit
	)
	SELECT at FROM debit`

const (
	send = `WITH claimed AS (SELECT)` + sent

	// sendOnce also keeps the answer of a key, $9, with its fingerprint, $10.
	sendOnce = `WITH claimed AS (
		INSERT INTO cicerone.idempotency_records (owner, key, fingerprint, answer, created_at)
		SELECT user_id, $9, $10, convert_to(json_build_object('ID', $3::uuid)::text, 'UTF8'), $6 FROM cicerone.sessions WHERE id = $1
		ON CONFLICT DO NOTHING RETURNING key
	)` + sent
)

// sendBare writes only the debit, the line of the ledger and the message. Arguments: user $1,
// conversation $2, id of the message $3 and of the transaction $4, content $5, time $6.
const sendBare = `
	WITH debit AS (
		UPDATE cicerone.wallets SET balance = balance - 1, seq = seq + 1 WHERE user_id = $1 AND balance >= 1 RETURNING user_id, seq, balance
	), line AS (
		INSERT INTO cicerone.token_transactions (user_id, seq, id, amount, type, reason, metadata, balance_before, balance_after, created_at)
		SELECT user_id, seq, $4, -1, 'MESSAGE_SENT', 'message sent', jsonb_build_object('message_id', $3::uuid), balance + 1, balance, $6
		FROM debit
	)
	INSERT INTO cicerone.messages (id, conversation_id, user_id, content, attachment, read, created_at)
	SELECT $3, $2, user_id, $5, NULL, false, $6 FROM debit RETURNING created_at`

// mark marks the messages of the conversation $2 up to $3 as read, for the session $1. Further
// arguments: time $4, id of the event $5. It counts no more of them as read than were counted as
// sent, because the bare floor and pgbench do not count the messages that they send.
const mark = `
	WITH standing AS (
		SELECT talk.id, users.id AS reader, CASE voyager_id WHEN users.id THEN local_id ELSE voyager_id END AS sender,
			last.id AS last_id, last.created_at AS at
		FROM cicerone.sessions JOIN cicerone.users ON users.id = sessions.user_id
		JOIN cicerone.conversations AS talk ON users.id IN (voyager_id, local_id)
		JOIN cicerone.messages AS last ON last.conversation_id = talk.id
		WHERE sessions.id = $1 AND revoked_at IS NULL AND is_active AND talk.id = $2 AND last.id = $3
	), marked AS (
		UPDATE cicerone.messages SET read = true FROM standing
		WHERE conversation_id = standing.id AND user_id = sender AND NOT read AND (messages.created_at, messages.id) <= (at, last_id)
		RETURNING 1
	), counted AS (
		SELECT standing.*, n FROM standing, (SELECT count(*) AS n FROM marked) AS of_all
	), talk AS (
		UPDATE cicerone.conversations SET
			voyager_read = least(local_sent, voyager_read + CASE voyager_id WHEN reader THEN n ELSE 0 END),
			local_read = least(voyager_sent, local_read + CASE local_id WHEN reader THEN n ELSE 0 END)
		FROM counted WHERE conversations.id = $2 AND n > 0
	), outbox AS (
		INSERT INTO cicerone.outbox_batches (events) SELECT json_build_array(
			json_build_array('reading/' || id || '/' || reader, (extract(epoch FROM at) * 1000)::bigint, $5::uuid, 'message.read', 1,
				(extract(epoch FROM $4::timestamptz) * 1000)::bigint, json_build_object(
				'conversation_id', id, 'reader_id', reader, 'sender_id', sender, 'up_to', $3::uuid)))
		FROM counted WHERE n > 0
	)
	SELECT n FROM counted`

// list reads the last messages of the conversation $2 for the session $1.
const list = `
	SELECT messages.id, messages.conversation_id, messages.user_id, content, attachment, read, messages.created_at
	FROM cicerone.conversations AS talk
	JOIN cicerone.users AS voyager ON voyager.id = voyager_id JOIN cicerone.users AS local ON local.id = local_id
	JOIN cicerone.sessions ON sessions.id = $1 AND revoked_at IS NULL
		AND (sessions.user_id = voyager_id AND voyager.is_active OR sessions.user_id = local_id AND local.is_active)
	CROSS JOIN LATERAL (
		SELECT * FROM cicerone.messages WHERE conversation_id = talk.id ORDER BY created_at DESC, id DESC LIMIT 31
	) AS messages
	WHERE talk.id = $2 LIMIT 30`

// conversations reads the conversations of the session $1.
const conversations = `
	SELECT mine.id, voyager_id, local_id, mine.created_at, other.id, first_name, image_url, NOT other.is_active,
		least(unread, 1000),
		last.id, last.user_id, content, attachment, read, last.created_at
	FROM cicerone.sessions JOIN cicerone.users ON users.id = sessions.user_id
	CROSS JOIN LATERAL (
		SELECT * FROM (
			(SELECT *, local_id AS other_id, local_sent - voyager_read AS unread FROM cicerone.conversations WHERE voyager_id = users.id
				ORDER BY ` + minute + ` DESC FETCH FIRST 20 ROWS WITH TIES)
			UNION ALL
			(SELECT *, voyager_id, voyager_sent - local_read FROM cicerone.conversations WHERE local_id = users.id
				ORDER BY ` + minute + ` DESC FETCH FIRST 20 ROWS WITH TIES)
		) AS active ORDER BY latest_at DESC, id DESC LIMIT 20
	) AS mine
	JOIN cicerone.messages AS last ON last.id = latest_id
	JOIN cicerone.users AS other ON other.id = other_id LEFT JOIN cicerone.profiles ON profiles.user_id = other_id
	WHERE sessions.id = $1 AND revoked_at IS NULL AND users.is_active
	ORDER BY latest_at DESC, mine.id DESC`

// minute is that of the latest message of a conversation, which indexes have.
const minute = "coalesce(latest_minute, date_trunc('minute', created_at AT TIME ZONE 'UTC'))"

// funds reads the wallet of the session $1.
const funds = `
	SELECT balance, (SELECT coalesce(sum(tokens), 0)::bigint FROM cicerone.reservations WHERE voyager_id = users.id AND status = 'accepted')
	FROM cicerone.sessions JOIN cicerone.users ON users.id = sessions.user_id JOIN cicerone.wallets ON wallets.user_id = users.id
	WHERE sessions.id = $1 AND revoked_at IS NULL AND is_active`

// bits makes a bit string of each profile's interests, where @zero is that of no interest. The
// people of a country lie together. pgbench reads the table, too.
const bits = `
	CREATE SCHEMA floor;
	CREATE TABLE floor.people AS
		SELECT profiles.id AS profile_id, user_id, country_searched AS country, coalesce(bit_or(set_bit(@zero, n::integer, 1)), @zero) AS bits
		FROM cicerone.profiles LEFT JOIN cicerone.profile_interests ON profile_id = profiles.id
		LEFT JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM cicerone.interests) AS numbered ON numbered.id = interest_id
		WHERE is_searchable GROUP BY profiles.id ORDER BY country_searched, profiles.id;
	CREATE UNIQUE INDEX people_of_user ON floor.people (user_id);
	CREATE INDEX people_of_country ON floor.people (country);
	ANALYZE floor.people`

// matches returns a statement that finds the profiles which meet the conditions of fitting and may be shown
// to the user of the session $1, the best matches first.
func matches(fitting string) string {
	return `
	WITH me AS MATERIALIZED (
		SELECT people.user_id, bits FROM cicerone.sessions JOIN cicerone.users ON users.id = sessions.user_id
		JOIN floor.people ON people.user_id = users.id
		WHERE sessions.id = $1 AND revoked_at IS NULL AND is_active
	), best AS (
		SELECT profile_id, bit_count(people.bits & me.bits) AS score, people.bits & me.bits AS shared
		FROM floor.people, me WHERE people.user_id <> me.user_id` + fitting + `
		ORDER BY score DESC, profile_id LIMIT 20
	)
	SELECT profiles.id, user_id, first_name, age, biography, country, city, image_url, is_searchable, score, shared::text
	FROM best JOIN cicerone.profiles ON profiles.id = profile_id JOIN cicerone.users ON users.id = user_id AND is_active
	WHERE NOT EXISTS (SELECT FROM cicerone.blocks, me
		WHERE (blocks.user_id, blocked_user_id) IN ((me.user_id, profiles.user_id), (profiles.user_id, me.user_id)))
	ORDER BY score DESC, profiles.id`
}
