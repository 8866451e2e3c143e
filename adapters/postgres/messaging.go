package postgres

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	conversations = tableOf(ports.ConversationLayout)
	messages      = tableOf(ports.MessageLayout)
	attachments   = tableOf(ports.AttachmentLayout)

	standing = standingWith("")

	lockConversation statement = "SELECT 1 FROM @conversations WHERE id = $1 FOR NO KEY UPDATE"

	// holdStanding adds the time of the latest message, and whether the sender $2 has sent $3
	// messages without an answer. It must follow lockConversation: a statement does not see rows
	// that were committed while it waited for a lock.
	holdStanding = standingWith(", latest_at, " + sentBy("$2") + " >= $3 AND " + sentTo("$2") + ` = 0
			AND NOT EXISTS (SELECT FROM @correspondents
				WHERE user_id = CASE voyager_id WHEN $2 THEN local_id ELSE voyager_id END AND reader_id = $2)`)

	// The row of users that the access needs also serves the check of the session.
	history = presentable{
		historyIf("true"), historyIf("is_active AND $5 = $7 AND " + hasSession(5)),
	}
)

// historyIf starts with a row for the access of the reader $5, in the columns of a message, without
// an id. Without that row, or if it does not meet condition, the result is empty. The id of the
// conversation is no column, because all messages share it. The limit stands in a subquery: see
// hidden.
func historyIf(condition statement) statement {
	return `WITH access AS MATERIALIZED (
			SELECT NULL::uuid, CASE voyager_id WHEN $5 THEN local_id ELSE voyager_id END, NULL::text, NULL::text, is_active,
				NULL::timestamptz
			FROM @conversations JOIN @users ON users.id = $5
			WHERE conversations.id = $1 AND $5 IN (voyager_id, local_id) AND ` + condition + `
		)
		SELECT * FROM access
		UNION ALL
		(SELECT id, user_id, content, attachment, read, created_at FROM @messages
		WHERE conversation_id = $1 AND (created_at, id) < ($2, $3)
		ORDER BY created_at DESC, id DESC LIMIT coalesce((SELECT $4::bigint FROM access), 0))`
}

// messageIn reads a message of a conversation. The row does not have the id of the conversation.
func messageIn(conversation id.Conversation, r *row) messaging.Message {
	return messaging.Message{
		ID: r.id(), ConversationID: conversation, UserID: r.id(),
		Content: r.text(), Attachment: r.text(), Read: r.bool(), CreatedAt: r.time(),
	}
}

// standingFrom names what the standing of the conversation $1 is read from.
const standingFrom statement = `FROM @conversations JOIN @users AS voyager ON voyager.id = voyager_id
			JOIN @users AS local ON local.id = local_id WHERE conversations.id = $1`

// standingWith returns the statement for the standing of the conversation $1 and more columns.
func standingWith(more statement) statement {
	return "SELECT " + conversations.columns + ", voyager.is_active, local.is_active, " + eitherBlocks("voyager_id", "local_id") +
		more + " " + standingFrom
}

func scanStanding(r *row, s *messaging.Standing) {
	conversations.scan(r, &s.Conversation)
	s.VoyagerActive, s.LocalActive, s.Blocked = r.bool(), r.bool(), r.bool()
}

type messagingRepository struct{ *unit }

func (repo messagingRepository) OpenConversation(
	ctx context.Context, c messaging.Conversation,
) (there messaging.Conversation, created bool, err error) {
	err = repo.write(ctx, func(tx *conn) (err error) {
		tx.later(conversations.insert+" ON CONFLICT (voyager_id, local_id) DO NOTHING", conversations.args(c)...)
		there, err = findConversation(ctx, tx, c.VoyagerID, c.LocalID)
		return err
	})
	return there, err == nil && there.ID == c.ID, err
}

func (repo messagingRepository) NthOpened(ctx context.Context, voyager id.User, n int) (at time.Time, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, err = find(ctx, c, value((*row).time), `SELECT created_at FROM @conversations
			WHERE voyager_id = $1 ORDER BY created_at DESC LIMIT 1 OFFSET $2`, uuid(voyager), int64(n-1))
		return orNotFound(err, "a conversation")
	})
	return at, err
}

func findConversation(ctx context.Context, c *conn, voyager, local id.User) (messaging.Conversation, error) {
	there, err := find(ctx, c, conversations.scan,
		"SELECT "+conversations.columns+" FROM @conversations WHERE voyager_id = $1 AND local_id = $2", uuid(voyager), uuid(local))
	return there, orNotFound(err, "a conversation")
}

func (repo messagingRepository) ConversationOf(
	ctx context.Context, voyager, local id.User,
) (there messaging.Conversation, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		there, err = findConversation(ctx, c, voyager, local)
		return err
	})
	return there, err
}

func (repo messagingRepository) Standing(
	ctx context.Context, conversation id.Conversation,
) (found messaging.Standing, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		found, err = find(ctx, c, scanStanding, standing, uuid(conversation))
		return orNotFound(err, "a conversation")
	})
	return found, err
}

func (repo messagingRepository) HoldConversation(
	ctx context.Context, conversation id.Conversation, sender id.User, limit int,
) (held messaging.Held, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		c.later(lockConversation, uuid(conversation))
		held, err = find(ctx, c, func(r *row, h *messaging.Held) {
			scanStanding(r, &h.Standing)
			h.Latest, h.Unanswered = r.time(), r.bool()
		}, holdStanding, uuid(conversation), uuid(sender), int64(limit))
		return orNotFound(err, "a conversation")
	})
	return held, err
}

func (repo messagingRepository) AddMessage(ctx context.Context, m messaging.Message, a *messaging.Attachment) error {
	return repo.write(ctx, func(c *conn) error {
		c.later(messages.insert, messages.args(m)...)
		c.later(touch, touchArgs(m)...)
		if a != nil {
			c.later(attachments.insert, attachments.args(ports.Attachment{MessageID: m.ID, Attachment: *a})...)
		}
		return nil
	})
}

func (repo messagingRepository) Message(ctx context.Context, message id.Message) (m messaging.Message, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		m, err = find(ctx, c, messages.scan, "SELECT "+messages.columns+" FROM @messages WHERE id = $1", uuid(message))
		return orNotFound(err, "a message")
	})
	return m, err
}

func (repo messagingRepository) History(
	ctx context.Context, conversation id.Conversation, reader id.User, after *page.Moment, limit int,
) (access messaging.Access, all []messaging.Message, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := latestFirst(after)
		rows, err := listPresent(ctx, c, func(r *row, m *messaging.Message) { *m = messageIn(conversation, r) },
			history, uuid(conversation), at, item, limited(limit), uuid(reader))
		if err != nil {
			return err
		}
		// SQL does not say that the row of the access is the first one.
		first := slices.IndexFunc(rows, func(m messaging.Message) bool { return m.ID.IsZero() })
		if first < 0 {
			return notFound("a conversation")
		}
		access = messaging.Access{Other: rows[first].UserID, Active: rows[first].Read}
		all = slices.Delete(rows, first, first+1)
		return nil
	})
	return access, all, err
}

func (repo messagingRepository) Attachment(
	ctx context.Context, message id.Message,
) (a messaging.Attachment, err error) {
	err = repo.read(ctx, func(c *conn) error {
		found, err := find(ctx, c, attachments.scan,
			"SELECT "+attachments.columns+" FROM @attachments WHERE message_id = $1", uuid(message))
		a = found.Attachment
		return orNotFound(err, "an attachment")
	})
	return a, err
}

func (repo messagingRepository) CleanAttachment(
	ctx context.Context, message id.Message, a messaging.Attachment,
) (replaced bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `UPDATE @attachments SET media_type = $2, bytes = $3, cleaned = true
			WHERE message_id = $1 AND NOT cleaned`, uuid(message), a.MediaType, a.Bytes)
		replaced = n > 0
		return err
	})
	return replaced, err
}

func (repo messagingRepository) MarkRead(
	ctx context.Context, conversation id.Conversation, reader id.User, upTo page.Moment,
) (marked int, err error) {
	err = repo.write(ctx, func(c *conn) error {
		c.later(lockConversation, uuid(conversation))
		n, err := find(ctx, c, value((*row).int), markRead, uuid(conversation), uuid(reader), upTo.At, upTo.ID)
		marked = int(n)
		return err
	})
	return marked, err
}

// talksOf selects the conversations in which the viewer $1 is the participant me, with the number
// of the other one's messages that the viewer has not read. The server prepares each column in each
// step of a plan, so there are only those that the page needs.
func talksOf(me, other, more statement) statement {
	return "SELECT id, " + other + "_id AS other_id, voyager_id = $1 AS voyaging, created_at, latest_id, " +
		other + "_sent - " + me + "_read AS unread" + more + " FROM @conversations WHERE " + me + "_id = $1"
}

var (
	// mine selects the conversations of the viewer $1.
	mine = talksOf("voyager", "local", "") + " UNION ALL " + talksOf("local", "voyager", "")

	// Messages of a user whom the viewer blocks do not count. Each of these conversations has at
	// least one unread message, so MaxUnread of them are enough.
	unread = "SELECT coalesce(sum(unread), 0)::bigint FROM (SELECT unread FROM (" + mine + `) AS mine
		WHERE unread > 0 AND NOT ` + blocking("$1", "other_id") + " LIMIT " + maxUnread + ") AS counted"

	maxUnread = statement(strconv.Itoa(messaging.MaxUnread))
)

// overviews reads the conversations that from names as $1 sees them. It reads people and messages
// only for the conversations on the page, and counts no messages.
func overviews(from statement) statement {
	return `
	SELECT talk.id, voyaging, talk.created_at, ` + personAmong("$1", "other_id") + `, unread,
		messages.id, messages.user_id, messages.content, messages.attachment, messages.read, messages.created_at
	FROM (` + from + `) AS talk
	LEFT JOIN @profiles ON profiles.user_id = other_id
	LEFT JOIN @messages ON messages.id = latest_id`
}

const (
	// activity is the time by which conversations are listed.
	activity statement = "coalesce(latest_at, created_at)"

	// activityMinute is the minute of activity. It is a part of two indexes. They do not have the
	// time itself, so that few messages change them.
	activityMinute statement = "coalesce(latest_minute, date_trunc('minute', created_at AT TIME ZONE 'UTC'))"

	// afterPlace is the condition that a conversation follows the position ($3, $4).
	afterPlace statement = " AND (" + activity + ", id) < ($3, $4) AND " +
		activityMinute + " <= date_trunc('minute', $3 AT TIME ZONE 'UTC')"
)

// pageOf has up to $2 conversations of the viewer $1: those of which the viewer is the participant
// me. It may have more that were active in the same minute as the last one. An index has the
// minutes in this order.
func pageOf(me, other, where statement) statement {
	return "(" + talksOf(me, other, ", "+activity+" AS active_at, "+activityMinute+" AS active_minute") + where +
		" ORDER BY active_minute DESC FETCH FIRST $2 ROWS WITH TIES)"
}

// overviewsWhere returns the statement for up to $2 conversations of the viewer $1 that meet where.
// args is the number of its arguments. The check of the session is in the LIMIT, where it takes no
// step of the plan. Both levels sort alike, so that the server sorts once. active_minute does not
// change the order; it is there so that every column of pageOf is used, and no step has to drop
// one.
func overviewsWhere(where statement, args int) presentable {
	limitedTo := func(limit statement) statement {
		return overviews("SELECT * FROM ("+
			pageOf("voyager", "local", where)+" UNION ALL "+pageOf("local", "voyager", where)+`) AS talks
			ORDER BY active_at DESC, id DESC, active_minute DESC LIMIT `+limit) +
			" ORDER BY active_at DESC, talk.id DESC, active_minute DESC"
	}
	return presentable{limitedTo("$2"), limitedTo("CASE WHEN " + isPresent(args) + " THEN $2 ELSE 0 END")}
}

var (
	overviewOf = overviews("SELECT * FROM (" + mine + ") AS mine WHERE id = $2")

	firstOverviews = overviewsWhere("", 2)
	nextOverviews  = overviewsWhere(afterPlace, 4)
)

func countedUnread(n int64) int { return int(min(n, messaging.MaxUnread)) }

// overviewFor returns a function that reads an overview of the viewer.
func overviewFor(viewer id.User) func(r *row, o *messaging.Overview) {
	return func(r *row, o *messaging.Overview) {
		c := &o.Conversation
		c.ID = r.id()
		voyaging := r.bool()
		c.CreatedAt = r.time()
		other, sight, blocks := personWithSight(r)
		if c.VoyagerID, c.LocalID = viewer, other.UserID; !voyaging {
			c.VoyagerID, c.LocalID = other.UserID, viewer
		}
		o.Other, o.Unread, o.Closed = other, countedUnread(r.int()), !sight.Reachable()
		if blocks {
			o.Unread = 0 // messages of a user whom the viewer blocks do not count
		}
		if last := messageIn(c.ID, r); !last.ID.IsZero() {
			o.LastMessage = &last
		}
	}
}

func (repo messagingRepository) Unread(ctx context.Context, viewer id.User) (n int, err error) {
	err = repo.read(ctx, func(c *conn) error {
		count, err := find(ctx, c, value((*row).int), unread, uuid(viewer))
		n = countedUnread(count)
		return err
	})
	return n, err
}

func (repo messagingRepository) Overview(
	ctx context.Context, conversation id.Conversation, viewer id.User,
) (o messaging.Overview, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		o, err = find(ctx, c, overviewFor(viewer), overviewOf, uuid(viewer), uuid(conversation))
		return orNotFound(err, "a conversation")
	})
	return o, err
}

func (repo messagingRepository) Overviews(
	ctx context.Context, viewer id.User, after *page.Moment, limit int,
) (all []messaging.Overview, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		s, args := firstOverviews, []any{uuid(viewer), limited(limit)}
		if after != nil {
			s, args = nextOverviews, append(args, after.At, after.ID)
		}
		all, err = listPresent(ctx, c, overviewFor(viewer), s, args...)
		return err
	})
	return all, err
}
