package memory

import (
	"bytes"
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/ports"
)

type messageTables struct {
	conversations     tree[*messaging.Conversation] // id
	conversationPairs tree[*messaging.Conversation] // voyager_id, local_id
	conversationsOf   index                         // participant, time of last activity, id
	conversationsBy   index                         // voyager_id, created_at, id
	messages          tree[*messaging.Message]      // id
	messagesIn        index                         // conversation_id, created_at, id
	unread            index                         // conversation_id, sender, created_at, id
	attachments       tree[ports.Attachment]        // message_id
}

func (t *messageTables) copy() messageTables {
	return messageTables{
		conversations: t.conversations.copy(), conversationPairs: t.conversationPairs.copy(), conversationsOf: t.conversationsOf.copy(),
		conversationsBy: t.conversationsBy.copy(), messages: t.messages.copy(), messagesIn: t.messagesIn.copy(),
		unread: t.unread.copy(), attachments: t.attachments.copy(),
	}
}

func (s *state) addConversation(c messaging.Conversation) error {
	switch {
	case s.conversations.has(idKey(c.ID)):
		return taken("a conversation")
	case s.conversationPairs.has(idKey(c.VoyagerID) + idKey(c.LocalID)):
		return taken("a pair's conversation")
	case !s.users.has(idKey(c.VoyagerID)) || !s.users.has(idKey(c.LocalID)):
		return noTarget("a conversation's participant")
	case c.VoyagerID == c.LocalID:
		return broken("the participants of a conversation must differ")
	}
	s.conversations.put(idKey(c.ID), &c)
	s.conversationPairs.put(idKey(c.VoyagerID)+idKey(c.LocalID), &c)
	s.conversationsBy.put(idKey(c.VoyagerID)+momentKey(page.Moment{At: c.CreatedAt, ID: c.ID}), struct{}{})
	s.putActivity(&c)
	return nil
}

// lastMessage returns the newest message of a conversation, or nil.
func (t *messageTables) lastMessage(conversation id.Conversation) *messaging.Message {
	for key := range t.messagesIn.descend(idKey(conversation), "") {
		m, _ := t.messages.get(idKey(lastID(key)))
		return m
	}
	return nil
}

// activity returns the position of a conversation in its participants' lists.
func (t *messageTables) activity(c *messaging.Conversation) string {
	return momentKey(messaging.PlaceOfOverview(messaging.Overview{Conversation: *c, LastMessage: t.lastMessage(c.ID)}))
}

func (t *messageTables) putActivity(c *messaging.Conversation) {
	moment := t.activity(c)
	t.conversationsOf.put(idKey(c.VoyagerID)+moment, struct{}{})
	t.conversationsOf.put(idKey(c.LocalID)+moment, struct{}{})
}

func (t *messageTables) dropActivity(c *messaging.Conversation) {
	moment := t.activity(c)
	t.conversationsOf.drop(idKey(c.VoyagerID) + moment)
	t.conversationsOf.drop(idKey(c.LocalID) + moment)
}

func (s *state) addMessage(m messaging.Message) error {
	c, found := s.conversations.get(idKey(m.ConversationID))
	switch {
	case s.messages.has(idKey(m.ID)):
		return taken("a message")
	case !found:
		return noTarget("a message's conversation")
	case !s.users.has(idKey(m.UserID)):
		return noTarget("a message's sender")
	}
	s.dropActivity(c)
	s.messages.put(idKey(m.ID), &m)
	s.messagesIn.put(idKey(m.ConversationID)+momentKey(messaging.PlaceOfMessage(m)), struct{}{})
	if !m.Read {
		s.unread.put(unreadBy(m.ConversationID, m.UserID)+momentKey(messaging.PlaceOfMessage(m)), struct{}{})
	}
	s.putActivity(c)
	return nil
}

// unreadBy returns the prefix of the keys of messages that the sender's counterpart has not read.
func unreadBy(conversation id.Conversation, sender id.User) string {
	return idKey(conversation) + idKey(sender)
}

func (t *messageTables) addAttachment(a ports.Attachment) error {
	switch {
	case t.attachments.has(idKey(a.MessageID)):
		return taken("a message's attachment")
	case !t.messages.has(idKey(a.MessageID)):
		return noTarget("an attachment's message")
	}
	a.Bytes = bytes.Clone(a.Bytes)
	t.attachments.put(idKey(a.MessageID), a)
	return nil
}

// overview returns a conversation as a participant sees it.
func (s *state) overview(c *messaging.Conversation, viewer id.User) messaging.Overview {
	other := c.Other(viewer)
	o := messaging.Overview{
		Conversation: *c, Other: s.person(viewer, other), Unread: s.unreadIn(c, viewer, messaging.MaxUnread),
		Closed: !s.sight(viewer, other).Reachable(),
	}
	if last := s.lastMessage(c.ID); last != nil {
		m := *last
		o.LastMessage = &m
	}
	return o
}

// unreadIn counts the messages of a conversation that a participant has not read, up to limit.
func (s *state) unreadIn(c *messaging.Conversation, viewer id.User, limit int) (n int) {
	other := c.Other(viewer)
	if s.blocks.has(idKey(viewer) + idKey(other)) {
		return 0
	}
	for range s.unread.ascend(unreadBy(c.ID, other), "") {
		if n >= limit {
			break
		}
		n++
	}
	return n
}

type messagingRepository struct{ *unit }

func (repo messagingRepository) OpenConversation(
	ctx context.Context, c messaging.Conversation,
) (there messaging.Conversation, created bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		if old, found := s.conversationPairs.get(idKey(c.VoyagerID) + idKey(c.LocalID)); found {
			there = *old
			return nil
		}
		there, created = c, true
		return s.addConversation(c)
	})
	return there, created && err == nil, err
}

func (repo messagingRepository) NthOpened(ctx context.Context, voyager id.User, n int) (at time.Time, err error) {
	err = repo.read(ctx, func(s *state) error {
		key, found := nth(s.conversationsBy, idKey(voyager), n)
		if !found {
			return notFound("a conversation")
		}
		c, _ := s.conversations.get(idKey(lastID(key)))
		at = c.CreatedAt
		return nil
	})
	return at, err
}

// nth returns the n-th last key with a prefix, counted from 1.
func nth(in index, prefix string, n int) (key string, found bool) {
	for key := range in.descend(prefix, "") {
		if n--; n == 0 {
			return key, true
		}
	}
	return "", false
}

func (repo messagingRepository) ConversationOf(
	ctx context.Context, voyager, local id.User,
) (c messaging.Conversation, err error) {
	err = repo.read(ctx, func(s *state) error {
		there, found := s.conversationPairs.get(idKey(voyager) + idKey(local))
		if !found {
			return notFound("a conversation")
		}
		c = *there
		return nil
	})
	return c, err
}

func (repo messagingRepository) Standing(
	ctx context.Context, conversation id.Conversation,
) (standing messaging.Standing, err error) {
	err = repo.read(ctx, func(s *state) (err error) {
		standing, err = s.standing(conversation)
		return err
	})
	return standing, err
}

func (s *state) standing(conversation id.Conversation) (messaging.Standing, error) {
	c, found := s.conversations.get(idKey(conversation))
	if !found {
		return messaging.Standing{}, notFound("a conversation")
	}
	return messaging.Standing{
		Conversation:  *c,
		VoyagerActive: s.isActive(c.VoyagerID),
		LocalActive:   s.isActive(c.LocalID),
		Blocked:       s.blocked(c.VoyagerID, c.LocalID),
	}, nil
}

func (repo messagingRepository) HoldConversation(
	ctx context.Context, conversation id.Conversation, sender id.User, limit int,
) (held messaging.Held, err error) {
	err = repo.write(ctx, func(s *state) (err error) {
		if held.Standing, err = s.standing(conversation); err != nil {
			return err
		}
		if last := s.lastMessage(conversation); last != nil {
			held.Latest = last.CreatedAt
		}
		if other := held.Standing.Conversation.Other(sender); !s.correspondents.has(idKey(other) + idKey(sender)) {
			_, held.Unanswered = nth(s.messagesIn, idKey(conversation), limit) // all are the sender's
		}
		return nil
	})
	return held, err
}

func (repo messagingRepository) AddMessage(ctx context.Context, m messaging.Message, a *messaging.Attachment) error {
	return repo.write(ctx, func(s *state) error {
		if err := s.addMessage(m); err != nil || a == nil {
			return err
		}
		return s.addAttachment(ports.Attachment{MessageID: m.ID, Attachment: *a})
	})
}

func (repo messagingRepository) Message(ctx context.Context, message id.Message) (m messaging.Message, err error) {
	err = repo.read(ctx, func(s *state) error {
		there, found := s.messages.get(idKey(message))
		if !found {
			return notFound("a message")
		}
		m = *there
		return nil
	})
	return m, err
}

func (repo messagingRepository) History(
	ctx context.Context, conversation id.Conversation, reader id.User, after *page.Moment, limit int,
) (access messaging.Access, list []messaging.Message, err error) {
	err = repo.read(ctx, func(s *state) error {
		c, found := s.conversations.get(idKey(conversation))
		if !found || !c.Has(reader) {
			return notFound("a conversation")
		}
		access = messaging.Access{Other: c.Other(reader), Active: s.isActive(reader)}
		list = newest(&s.messagesIn, idKey(conversation), after, limit, func(message [16]byte) (messaging.Message, bool) {
			m, _ := s.messages.get(idKey(message))
			return *m, true
		})
		return nil
	})
	return access, list, err
}

func (repo messagingRepository) Attachment(
	ctx context.Context, message id.Message,
) (a messaging.Attachment, err error) {
	err = repo.read(ctx, func(s *state) error {
		there, found := s.attachments.get(idKey(message))
		if !found {
			return notFound("an attachment")
		}
		a = there.Attachment
		a.Bytes = bytes.Clone(a.Bytes)
		return nil
	})
	return a, err
}

func (repo messagingRepository) CleanAttachment(
	ctx context.Context, message id.Message, a messaging.Attachment,
) (replaced bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		there, found := s.attachments.get(idKey(message))
		if replaced = found && !there.Cleaned; replaced {
			a.Bytes = bytes.Clone(a.Bytes)
			s.attachments.put(idKey(message), ports.Attachment{MessageID: message, Attachment: a})
		}
		return nil
	})
	return replaced, err
}

func (repo messagingRepository) MarkRead(
	ctx context.Context, conversation id.Conversation, reader id.User, upTo page.Moment,
) (marked int, err error) {
	err = repo.write(ctx, func(s *state) error {
		c, found := s.conversations.get(idKey(conversation))
		if !found {
			return nil
		}
		prefix := unreadBy(conversation, c.Other(reader))
		var keys []string
		for key := range s.unread.ascend(prefix, "") {
			if key > prefix+momentKey(upTo) {
				break
			}
			keys = append(keys, key)
		}
		for _, key := range keys {
			s.markRead(lastID(key))
			s.unread.drop(key)
		}
		marked = len(keys)
		return nil
	})
	return marked, err
}

func (t *messageTables) markRead(message id.Message) {
	there, _ := t.messages.get(idKey(message))
	m := *there
	m.Read = true
	t.messages.put(idKey(message), &m)
}

func (repo messagingRepository) Unread(ctx context.Context, viewer id.User) (n int, err error) {
	err = repo.read(ctx, func(s *state) error {
		for key := range s.conversationsOf.ascend(idKey(viewer), "") {
			if n >= messaging.MaxUnread {
				break
			}
			c, _ := s.conversations.get(idKey(lastID(key)))
			n += s.unreadIn(c, viewer, messaging.MaxUnread-n)
		}
		return nil
	})
	return n, err
}

func (repo messagingRepository) Overview(
	ctx context.Context, conversation id.Conversation, viewer id.User,
) (o messaging.Overview, err error) {
	err = repo.read(ctx, func(s *state) error {
		c, found := s.conversations.get(idKey(conversation))
		if !found || !c.Has(viewer) {
			return notFound("a conversation")
		}
		o = s.overview(c, viewer)
		return nil
	})
	return o, err
}

func (repo messagingRepository) Overviews(
	ctx context.Context, viewer id.User, after *page.Moment, limit int,
) (list []messaging.Overview, err error) {
	err = repo.read(ctx, func(s *state) error {
		list = newest(&s.conversationsOf, idKey(viewer), after, limit, func(conversation [16]byte) (messaging.Overview, bool) {
			c, _ := s.conversations.get(idKey(conversation))
			return s.overview(c, viewer), true
		})
		return nil
	})
	return list, err
}
