package audit

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
)

// participants is what an audit remembers of a conversation.
type participants struct{ voyager, local id.User }

// other returns the participant who is not user.
func (p participants) other(user id.User) id.User {
	if user == p.voyager {
		return p.local
	}
	return p.voyager
}

// same reports whether two pairs have the same users, in any order.
func (p participants) same(q participants) bool {
	return p == q || p == participants{voyager: q.local, local: q.voyager}
}

// correspondent is a user who has written to another.
type correspondent struct{ user, reader id.User }

// sent is what an audit remembers of a message. It is small, as there are more messages than other
// rows.
type sent struct {
	in      int32 // the number of its conversation, or stray
	byLocal bool  // the local of the conversation is the sender, or else the voyager
	charged bool  // a transaction has paid for it
}

// stray marks a message whose conversation does not exist, or whose sender does not take part in
// it.
const stray = -1

// origin is where a message is from.
type origin struct {
	in     id.Conversation
	sender id.User
}

// originOf returns where a message is from, and the users of its conversation if that exists.
func (a *audit) originOf(message id.Message, m sent) (from origin, pair participants, known bool) {
	if m.in == stray {
		from = a.strays[message]
		number, known := a.conversations.find(from.in)
		if known {
			pair = a.conversations.at(number).row
		}
		return from, pair, known
	}
	conversation := a.conversations.at(int(m.in))
	from, pair = origin{conversation.id, conversation.row.voyager}, conversation.row
	if m.byLocal {
		from.sender = pair.local
	}
	return from, pair, true
}

func (a *audit) checkConversations(ctx context.Context) error {
	pairs := map[participants]id.Conversation{}
	return a.eachTry(ctx, "conversations", func(r record) error {
		conversation := id.Conversation(r.id("id"))
		pair := participants{voyager: r.id("voyager_id"), local: r.id("local_id")}
		if _, err := a.conversations.add(conversation, pair); err != nil {
			return err
		}
		a.refers(r, conversation, "voyager_id")
		a.refers(r, conversation, "local_id")
		if other, taken := pairs[pair]; taken {
			a.broken("conversation_pair", conversation, "has the same voyager and local as %s", other)
		}
		pairs[pair] = conversation
		if pair.voyager == pair.local {
			a.broken("conversation_self", conversation, "%s is both voyager and local", pair.voyager)
		}
		return nil
	})
}

func (a *audit) checkMessages(ctx context.Context) error {
	return a.eachTry(ctx, "messages", func(r record) error {
		message, conversation, sender := id.Message(r.id("id")), id.Conversation(r.id("conversation_id")),
			id.User(r.id("user_id"))
		if image := r.text("attachment"); image != "" {
			a.images[message] = image
		}
		number, found := a.conversations.find(conversation)
		m, pair := sent{in: stray}, participants{}
		if found {
			pair = a.conversations.at(number).row
		}
		switch {
		case !found:
			a.broken("reference", message, "it belongs to the conversation %s, which does not exist", conversation)
		case sender != pair.voyager && sender != pair.local:
			a.broken("message_sender", message, "%s does not take part in the conversation %s", sender, conversation)
		default:
			a.wrote[correspondent{sender, pair.other(sender)}] = message
			m = sent{in: int32(number), byLocal: sender != pair.voyager} // #nosec G115 -- 2 billion do not fit into the memory
		}
		if m.in == stray {
			a.strays[message] = origin{conversation, sender}
		}
		_, err := a.messages.add(message, m)
		return err
	})
}

func (a *audit) checkCorrespondents(ctx context.Context) error {
	err := a.each(ctx, "correspondents", func(r record) {
		pair := correspondent{id.User(r.id("user_id")), id.User(r.id("reader_id"))}
		a.refers(r, pair.user, "user_id")
		a.refers(r, pair.user, "reader_id")
		if _, found := a.wrote[pair]; !found {
			a.broken("correspondent", pair.user, "is recorded to have written to %s, but has not", pair.reader)
		}
		delete(a.wrote, pair)
	})
	if err != nil {
		return err
	}
	for _, message := range slices.SortedFunc(maps.Values(a.wrote), id.Message.Compare) {
		a.broken("correspondent", message, "is from a user who is not recorded to have written to its reader")
	}
	return nil
}

func (a *audit) checkAttachments(ctx context.Context) error {
	err := a.each(ctx, "attachments", func(r record) {
		message, mediaType := id.Message(r.id("message_id")), r.text("media_type")
		image, named := a.images[message]
		switch _, found := a.messages.find(message); {
		case !found:
			a.broken("reference", message, "an image belongs to this message, which does not exist")
		case !named:
			a.broken("message_attachment", message, "has an image that it does not name")
		case image != mediaType && !r.bool("cleaned"): // a message keeps the type that was sent
			a.broken("message_attachment", message, "names an image of type %q, but the image is of type %q", image,
				mediaType)
		}
		delete(a.images, message)
	})
	if err != nil {
		return err
	}
	for _, message := range inOrder(a.images) {
		a.broken("message_attachment", message, "names an image of type %q, which does not exist", a.images[message])
	}
	return nil
}

// inOrder returns the keys of a map in the order of their bytes, so that all audits of a store list
// violations in the same order.
func inOrder[K ~[16]byte, V any](m map[K]V) []K {
	return slices.SortedFunc(maps.Keys(m), func(a, b K) int {
		x, y := [16]byte(a), [16]byte(b)
		return bytes.Compare(x[:], y[:])
	})
}
