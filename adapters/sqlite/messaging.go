package sqlite

import (
	"context"
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
)

type messagingRepository struct{ *unit }

func (repo messagingRepository) OpenConversation(
	ctx context.Context, c messaging.Conversation,
) (there messaging.Conversation, created bool, err error) {
	err = repo.write(ctx, func(tx *conn) error {
		n, err := tx.exec(ctx,
			conversations.insert+" ON CONFLICT (voyager_id, local_id) DO NOTHING", conversations.args(c)...)
		if err != nil {
			return err
		}
		created = n == 1
		there, err = findConversation(ctx, tx, c.VoyagerID, c.LocalID)
		return err
	})
	return there, created && err == nil, err
}

func (repo messagingRepository) NthOpened(ctx context.Context, voyager id.User, n int) (at time.Time, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, err = find(ctx, c, value((*row).time), `SELECT created_at FROM conversations
			WHERE voyager_id = ? ORDER BY created_at DESC LIMIT 1 OFFSET ?`, blob(voyager), int64(n-1))
		return orNotFound(err, "a conversation")
	})
	return at, err
}

func findConversation(ctx context.Context, c *conn, voyager, local id.User) (messaging.Conversation, error) {
	there, err := find(ctx, c, conversations.scan,
		"SELECT "+conversations.columns+" FROM conversations WHERE voyager_id = ? AND local_id = ?", blob(voyager), blob(local))
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
) (standing messaging.Standing, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		standing, err = findStanding(ctx, c, conversation)
		return err
	})
	return standing, err
}

func findStanding(ctx context.Context, c *conn, conversation id.Conversation) (messaging.Standing, error) {
	standing, err := find(ctx, c, scanStanding, "SELECT "+standingColumns+" "+fromStanding, blob(conversation))
	return standing, orNotFound(err, "a conversation")
}

// The standing of the conversation ?1.
var (
	standingColumns = conversations.columns + ", voyager.is_active, local.is_active, " + eitherBlocks("voyager_id", "local_id")

	fromStanding = `FROM conversations JOIN users AS voyager ON voyager.id = voyager_id JOIN users AS local ON local.id = local_id
		WHERE conversations.id = ?1`
)

func scanStanding(r *row, s *messaging.Standing) {
	conversations.scan(r, &s.Conversation)
	s.VoyagerActive, s.LocalActive, s.Blocked = r.bool(), r.bool(), r.bool()
}

func (repo messagingRepository) HoldConversation(
	ctx context.Context, conversation id.Conversation, sender id.User, limit int,
) (held messaging.Held, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		if held.Standing, err = findStanding(ctx, c, conversation); err != nil {
			return err
		}
		other := held.Standing.Conversation.Other(sender)
		_, err = find(ctx, c, func(r *row, _ *struct{}) {
			held.Latest, held.Unanswered = r.time(), r.bool()
		}, latestAndUnanswered, blob(conversation), blob(other), blob(sender), int64(limit))
		return err
	})
	return held, err
}

// latestAndUnanswered counts the messages of the conversation ?1, up to the limit ?4, only if ?2 has
// never written to ?3. They are all from ?3 then.
const latestAndUnanswered = `SELECT latest_at, CASE
		WHEN EXISTS (SELECT 1 FROM correspondents WHERE user_id = ?2 AND reader_id = ?3) THEN 0
		ELSE (SELECT count(*) FROM (SELECT 1 FROM messages WHERE conversation_id = ?1 LIMIT +?4)) = ?4 END
	FROM conversations WHERE id = ?1`

func (repo messagingRepository) AddMessage(ctx context.Context, m messaging.Message, a *messaging.Attachment) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, messages.insert, messages.args(m)...)
		if err == nil {
			err = c.touch(ctx, m)
		}
		if err != nil || a == nil {
			return err
		}
		_, err = c.exec(ctx, attachments.insert, attachments.args(ports.Attachment{MessageID: m.ID, Attachment: *a})...)
		return err
	})
}

func (repo messagingRepository) Message(ctx context.Context, message id.Message) (m messaging.Message, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		m, err = find(ctx, c, messages.scan, "SELECT "+messages.columns+" FROM messages WHERE id = ?", blob(message))
		return orNotFound(err, "a message")
	})
	return m, err
}

func (repo messagingRepository) History(
	ctx context.Context, conversation id.Conversation, reader id.User, after *page.Moment, limit int,
) (access messaging.Access, all []messaging.Message, err error) {
	err = repo.readPresent(ctx, func() error {
		at, item := latestFirst(after)
		rows, err := listPresent(ctx, repo.unit, messages.scan, history, blob(conversation), at, item, limited(limit), blob(reader))
		switch {
		case err != nil:
			return err
		case len(rows) == 0 || !rows[0].ID.IsZero():
			return notFound("a conversation")
		}
		access, all = messaging.Access{Other: rows[0].UserID, Active: rows[0].Read}, rows[1:]
		return nil
	})
	return access, all, err
}

// history starts with a row for the access of the reader ?5, in the columns of a message that has no
// id, followed by one for each message.
var history = withCheck(5, func(present string) string {
	return `SELECT NULL, NULL, iif(voyager_id = ?5, local_id, voyager_id), NULL, NULL, is_active, NULL
		FROM conversations JOIN users ON users.id = ?5
		WHERE conversations.id = ?1 AND ?5 IN (voyager_id, local_id)` + present + `
		UNION ALL
		SELECT * FROM (SELECT ` + messages.columns + ` FROM messages
			WHERE conversation_id = ?1 AND (created_at, id) < (?2, ?3)` + present + ` ORDER BY created_at DESC, id DESC LIMIT +?4)`
})

func (repo messagingRepository) Attachment(
	ctx context.Context, message id.Message,
) (a messaging.Attachment, err error) {
	err = repo.read(ctx, func(c *conn) error {
		found, err := find(ctx, c, attachments.scan,
			"SELECT "+attachments.columns+" FROM attachments WHERE message_id = ?", blob(message))
		a = found.Attachment
		return orNotFound(err, "an attachment")
	})
	return a, err
}

func (repo messagingRepository) CleanAttachment(
	ctx context.Context, message id.Message, a messaging.Attachment,
) (replaced bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `UPDATE attachments SET media_type = ?, bytes = ?, cleaned = true
			WHERE message_id = ? AND NOT cleaned`, a.MediaType, a.Bytes, blob(message))
		replaced = n > 0
		return err
	})
	return replaced, err
}

func (repo messagingRepository) MarkRead(
	ctx context.Context, conversation id.Conversation, reader id.User, upTo page.Moment,
) (marked int, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `UPDATE messages SET read = 1
			WHERE conversation_id = ? AND user_id <> ? AND read = 0 AND (created_at, id) <= (?, ?)`,
			blob(conversation), blob(reader), milli(upTo.At), upTo.ID[:])
		marked = int(n)
		return err
	})
	return marked, err
}

// mine selects the conversations of the viewer ?1.
const mine = `
	SELECT *, local_id AS other_id FROM conversations WHERE voyager_id = ?1
	UNION ALL
	SELECT *, voyager_id FROM conversations WHERE local_id = ?1`

var (
	maxUnread = strconv.Itoa(messaging.MaxUnread)

	// unreadBy is the condition that the viewer ?1 has not read a message of the other, and does
	// not block the other.
	unreadBy = "messages.user_id = other_id AND read = 0 AND NOT " + blocking("?1", "other_id")

	unread = "SELECT count(*) FROM (SELECT 1 FROM (" + mine + `) AS mine
		CROSS JOIN messages ON conversation_id = mine.id AND ` + unreadBy + " LIMIT " + maxUnread + ")"
)

// overviews reads the conversations that from names as ?1 sees them. It reads people and messages
// only for the conversations on the page.
func overviews(from string) string {
	return `
	SELECT ` + conversations.columns + `,
		` + personOf + `,
		(SELECT count(*) FROM (SELECT 1 FROM messages WHERE conversation_id = conversations.id AND ` + unreadBy + ` LIMIT ` + maxUnread + `)),
		` + messages.columns + `
	FROM (` + from + `) AS conversations
	JOIN users AS other ON other.id = conversations.other_id
	LEFT JOIN profiles ON profiles.user_id = other.id
	LEFT JOIN messages ON messages.id = conversations.latest_id
	ORDER BY conversations.activity_at DESC, conversations.id DESC`
}

// pageOf has up to ?4 conversations of the viewer ?1 after the position (?2, ?3): those of which
// the viewer is the participant me. An index has them in this order.
func pageOf(me, other, present string) string {
	return "SELECT * FROM (SELECT *, " + other + " AS other_id FROM conversations WHERE " + me + ` = ?1
		AND (activity_at, id) < (?2, ?3)` + present + ` ORDER BY activity_at DESC, id DESC LIMIT +?4)`
}

var (
	overviewOf  = overviews("SELECT * FROM (" + mine + ") WHERE id = ?2")
	overviewsOf = withCheck(4, func(present string) string {
		return overviews("SELECT * FROM (" + pageOf("voyager_id", "local_id", present) + " UNION ALL " +
			pageOf("local_id", "voyager_id", present) + ") ORDER BY activity_at DESC, id DESC LIMIT +?4")
	})
)

func scanOverview(r *row, o *messaging.Overview) {
	conversations.scan(r, &o.Conversation)
	other, sight := personWithSight(r)
	o.Other, o.Unread, o.Closed = other, int(r.int()), !sight.Reachable()
	var last messaging.Message
	if messages.scan(r, &last); !last.ID.IsZero() {
		o.LastMessage = &last
	}
}

func (repo messagingRepository) Unread(ctx context.Context, viewer id.User) (n int, err error) {
	err = repo.read(ctx, func(c *conn) error {
		count, err := find(ctx, c, value((*row).int), unread, blob(viewer))
		n = int(count)
		return err
	})
	return n, err
}

func (repo messagingRepository) Overview(
	ctx context.Context, conversation id.Conversation, viewer id.User,
) (o messaging.Overview, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		o, err = find(ctx, c, scanOverview, overviewOf, blob(viewer), blob(conversation))
		return orNotFound(err, "a conversation")
	})
	return o, err
}

func (repo messagingRepository) Overviews(
	ctx context.Context, viewer id.User, after *page.Moment, limit int,
) (all []messaging.Overview, err error) {
	err = repo.readPresent(ctx, func() (err error) {
		at, item := latestFirst(after)
		all, err = listPresent(ctx, repo.unit, scanOverview, overviewsOf, blob(viewer), at, item, limited(limit))
		return err
	})
	return all, err
}
