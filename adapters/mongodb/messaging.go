package mongodb

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	conversations = tableOf(ports.ConversationLayout)
	messages      = tableOf(ports.MessageLayout)
	attachments   = tableOf(ports.AttachmentLayout)
)

// pairKey returns the id of the document that keeps a conversation unique for its ordered pair. A
// unique index could not do so on many shards.
func pairKey(voyager, local id.User) bson.D {
	return d("of", string(conversationsIn), "voyager_id", uuid(voyager), "local_id", uuid(local))
}

// insertConversation adds a conversation with the columns of doc.
func (t *txn) insertConversation(doc bson.D) {
	voyager, local := field(doc, "voyager_id"), field(doc, "local_id")
	t.later(uniqueKeysIn, inserting(d("_id", d("of", string(conversationsIn), "voyager_id", voyager, "local_id", local),
		"conversation_id", field(doc, "_id"))))
	t.later(conversationsIn, inserting(append(doc, d("participants", bson.A{voyager, local}, "activity_at", field(doc, "created_at"),
		"last_message", nil, "unread_voyager", int64(0), "unread_local", int64(0), "sent_voyager", int64(0), "sent_local", int64(0))...)))
}

// insertMessage adds a message with the columns of doc, and updates its conversation: the numbers of
// unread and of sent messages, and the last message unless there is a later one.
func (t *txn) insertMessage(doc bson.D) {
	t.later(messagesIn, inserting(doc))
	in, by, at := field(doc, "conversation_id"), field(doc, "user_id"), field(doc, "created_at")
	var unread int64
	if field(doc, "read") == false {
		unread = 1
	}
	t.later(conversationsIn,
		changing(d("_id", in, "voyager_id", by), d("$inc", d("sent_voyager", int64(1), "unread_local", unread))),
		changing(d("_id", in, "local_id", by), d("$inc", d("sent_local", int64(1), "unread_voyager", unread))),
		changing(d("_id", in, "$or", bson.A{
			d("last_message", nil),
			d("last_message.created_at", d("$lt", at)),
			d("last_message.created_at", at, "last_message._id", d("$lt", field(doc, "_id"))),
		}), d("$set", d("last_message", doc, "activity_at", at))))
}

type messagingRepository struct{ *unit }

func (repo messagingRepository) OpenConversation(
	ctx context.Context, c messaging.Conversation,
) (there messaging.Conversation, created bool, err error) {
	err = repo.write(ctx, func(t *txn) error {
		if err := t.queueFor(ctx, turn(turnOfPair+string(c.VoyagerID[:])+string(c.LocalID[:]))); err != nil {
			return err
		}
		if there, err = findPair(ctx, t, c.VoyagerID, c.LocalID, nil); !errors.Is(err, mongo.ErrNoDocuments) {
			return err
		}
		there, created = c, true
		t.insertConversation(conversations.doc(c))
		return nil
	})
	return there, created && err == nil, err
}

// findPair returns the fields of a pair's conversation, or mongo.ErrNoDocuments. In a sharded
// cluster the pair's unique key names the conversation, so that two shards are asked and not all.
func findPair(ctx context.Context, t *txn, voyager, local id.User, fields bson.D) (c messaging.Conversation, err error) {
	filter := d("voyager_id", uuid(voyager), "local_id", uuid(local))
	if t.store.sharded {
		key := query{in: uniqueKeysIn, filter: d("_id", pairKey(voyager, local))}
		conversation, err := find(ctx, t, func(r *record) id.Conversation { return r.id("conversation_id") }, key)
		if err != nil {
			return c, err
		}
		filter = d("_id", uuid(conversation))
	}
	return find(ctx, t, conversations.scan, query{in: conversationsIn, filter: filter, fields: fields})
}

func (repo messagingRepository) NthOpened(ctx context.Context, voyager id.User, n int) (at time.Time, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		at, err = nthNewest(ctx, t, conversationsIn, d("voyager_id", uuid(voyager)), n)
		return orNotFound(err, "a conversation")
	})
	return at, err
}

// nthNewest returns when the n-th newest of the documents of a filter was created, counted from 1.
func nthNewest(ctx context.Context, t *txn, in collection, filter bson.D, n int) (time.Time, error) {
	return find(ctx, t, func(r *record) time.Time { return r.time("created_at") }, query{
		in: in, filter: filter, fields: d("created_at", 1, "_id", 0), sort: d("created_at", -1), skip: n - 1,
	})
}

func (repo messagingRepository) ConversationOf(
	ctx context.Context, voyager, local id.User,
) (there messaging.Conversation, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		there, err = findPair(ctx, t, voyager, local, pairFields)
		return orNotFound(err, "a conversation")
	})
	return there, err
}

// pairFields are the fields of a conversation that never change.
var pairFields = d("voyager_id", 1, "local_id", 1, "created_at", 1)

func (repo messagingRepository) Standing(
	ctx context.Context, conversation id.Conversation,
) (standing messaging.Standing, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		standing, err = findStanding(ctx, t, conversation)
		return err
	})
	return standing, err
}

// findStanding reads the conversation first and then its participants, because these never change.
// The document of each participant holds is_active and their blocks. An erasure changes both.
func findStanding(ctx context.Context, t *txn, conversation id.Conversation) (standing messaging.Standing, err error) {
	c, err := findHead(ctx, t, conversation)
	if err != nil {
		return standing, err
	}
	return standingOf(ctx, t, c)
}

// findAccess reads the access of a reader to a conversation.
func findAccess(ctx context.Context, t *txn, conversation id.Conversation, reader id.User) (access messaging.Access, err error) {
	c, err := findHead(ctx, t, conversation)
	if err == nil && !c.Has(reader) {
		err = notFound("a conversation")
	}
	if err != nil {
		return access, err
	}
	access.Other = c.Other(reader)
	access.Active, err = find(ctx, t, scanActive, query{in: usersIn, filter: d("_id", uuid(reader)), fields: d("is_active", 1)})
	return access, err
}

func standingOf(ctx context.Context, t *txn, c messaging.Conversation) (messaging.Standing, error) {
	standing := messaging.Standing{Conversation: c}
	both := d("$in", bson.A{uuid(c.VoyagerID), uuid(c.LocalID)})
	_, err := list(ctx, t, func(r *record) bool {
		if active := r.bool("is_active"); r.id("_id") == c.VoyagerID {
			standing.VoyagerActive = active
		} else {
			standing.LocalActive = active
		}
		if slices.ContainsFunc(scanBlocks(r), func(b moderation.Block) bool { return c.Has(b.BlockedUserID) }) {
			standing.Blocked = true
		}
		return true
	}, query{in: usersIn, filter: d("_id", both), fields: d("is_active", 1, "blocks", d("$elemMatch", d("user_id", both)))})
	return standing, err
}

func (repo messagingRepository) HoldConversation(
	ctx context.Context, conversation id.Conversation, sender id.User, limit int,
) (held messaging.Held, err error) {
	err = repo.write(ctx, func(t *txn) error {
		if err := t.queueFor(ctx, turnOf(turnOfTalk, conversation)); err != nil {
			return err
		}
		there, err := holding(ctx, t, scanOverview, hold{
			in: conversationsIn, filter: d("_id", uuid(conversation)), change: guarded(),
		})
		if err != nil {
			return orNotFound(err, "a conversation")
		}
		held.Latest = there.latest()
		if held.Standing, err = standingOf(ctx, t, there.Conversation); err != nil {
			return err
		}
		held.Unanswered, err = unanswered(ctx, t, there, sender, limit)
		return err
	})
	if err != nil {
		return messaging.Held{}, err
	}
	return held, nil
}

// unanswered reports whether a participant has sent limit messages in a conversation, and the other
// has never written to them. It asks only if the other has not written in this conversation.
func unanswered(ctx context.Context, t *txn, in overview, sender id.User, limit int) (bool, error) {
	sent, answers := in.sentLocal, in.sentVoyager
	if sender == in.Conversation.VoyagerID {
		sent, answers = answers, sent
	}
	if sent < limit || answers > 0 {
		return false, nil
	}
	answer := matching.Correspondent{UserID: in.Conversation.Other(sender), ReaderID: sender}
	if _, known := t.store.correspondents.get(answer); known {
		return false, nil
	}
	_, err := find(ctx, t, correspondents.scan, query{in: correspondentsIn, filter: d("_id", correspondentKey(answer))})
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return true, nil
	case err == nil:
		t.correspondents = append(t.correspondents, answer)
	}
	return false, err
}

func (repo messagingRepository) AddMessage(ctx context.Context, m messaging.Message, a *messaging.Attachment) error {
	return repo.write(ctx, func(t *txn) error {
		t.insertMessage(messages.doc(m))
		if a != nil {
			t.later(attachmentsIn, inserting(attachments.doc(ports.Attachment{MessageID: m.ID, Attachment: *a})))
		}
		return nil
	})
}

func (repo messagingRepository) Message(ctx context.Context, message id.Message) (m messaging.Message, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		m, err = find(ctx, t, messages.scan, query{in: messagesIn, filter: d("_id", uuid(message))})
		return orNotFound(err, "a message")
	})
	return m, err
}

func (repo messagingRepository) History(
	ctx context.Context, conversation id.Conversation, reader id.User, after *page.Moment, limit int,
) (access messaging.Access, all []messaging.Message, err error) {
	newest := query{
		in: messagesIn, filter: append(d("conversation_id", uuid(conversation)), past(after, "$lt", "created_at", "_id")...),
		sort: d("created_at", -1, "_id", -1), limit: limit,
	}
	err = repo.unchecked(ctx, false, func(t *txn) (err error) {
		found := false
		t.used = true
		if found, access, all, err = readTogether(ctx, t, conversation, reader, newest); err != nil || found {
			return err
		}
		if err := t.checkPresence(ctx); err != nil {
			return err
		}
		return t.both(func() (err error) {
			access, err = findAccess(ctx, t, conversation, reader)
			return err
		}, func() (err error) {
			all, err = listPage(ctx, t, messages.scan, limit, newest)
			return err
		})
	})
	if err != nil {
		return messaging.Access{}, nil, err
	}
	return access, all, nil
}

func (repo messagingRepository) Attachment(
	ctx context.Context, message id.Message,
) (a messaging.Attachment, err error) {
	err = repo.read(ctx, func(t *txn) error {
		found, err := find(ctx, t, attachments.scan, query{in: attachmentsIn, filter: d("_id", uuid(message))})
		a = found.Attachment
		return orNotFound(err, "an attachment")
	})
	return a, err
}

func (repo messagingRepository) CleanAttachment(
	ctx context.Context, message id.Message, a messaging.Attachment,
) (replaced bool, err error) {
	err = repo.write(ctx, func(t *txn) error {
		n, err := t.apply(ctx, attachmentsIn, changing(d("_id", uuid(message), "cleaned", false),
			d("$set", d("media_type", a.MediaType, "bytes", a.Bytes, "cleaned", true))))
		replaced = n > 0
		return err
	})
	return replaced, err
}

// MarkRead updates the conversation, too, as does the sender of a message.
func (repo messagingRepository) MarkRead(
	ctx context.Context, conversation id.Conversation, reader id.User, upTo page.Moment,
) (marked int, err error) {
	err = repo.write(ctx, func(t *txn) error {
		others, at := d("$ne", uuid(reader)), date(upTo.At)
		upToThere := func(prefix string) bson.D {
			return d(prefix+"created_at", d("$lte", at), "$or", bson.A{
				d(prefix+"created_at", d("$lt", at)), d(prefix+"created_at", at, prefix+"_id", d("$lte", binary(upTo.ID))),
			})
		}
		n, err := t.apply(ctx, messagesIn, changingAll(
			append(d("conversation_id", uuid(conversation), "read", false, "user_id", others), upToThere("")...),
			d("$set", d("read", true))))
		if err != nil || n == 0 {
			return err
		}
		marked = int(n)
		t.later(conversationsIn,
			changing(d("_id", uuid(conversation), "voyager_id", uuid(reader)), d("$inc", d("unread_voyager", -n))),
			changing(d("_id", uuid(conversation), "local_id", uuid(reader)), d("$inc", d("unread_local", -n))),
			changing(append(d("_id", uuid(conversation), "last_message.user_id", others), upToThere("last_message.")...),
				d("$set", d("last_message.read", true))))
		return nil
	})
	return marked, err
}
