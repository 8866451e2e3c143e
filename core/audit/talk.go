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

// sent is what an audit remembers of a message.
type sent struct {
	in      id.Conversation
	sender  id.User
	image   string // the media type that the message names; "" after its image was found
	charged bool   // a transaction has paid for it
}

func (a *audit) checkConversations(ctx context.Context) error {
	pairs := map[participants]id.Conversation{}
	return a.each(ctx, "conversations", func(r record) {
		conversation := id.Conversation(r.id("id"))
		pair := participants{voyager: r.id("voyager_id"), local: r.id("local_id")}
		a.conversations[conversation] = pair
		a.refers(r, conversation, "voyager_id")
		a.refers(r, conversation, "local_id")
		if other, taken := pairs[pair]; taken {
			a.broken("conversation_pair", conversation, "has the same voyager and local as %s", other)
		}
		pairs[pair] = conversation
		if pair.voyager == pair.local {
			a.broken("conversation_self", conversation, "%s is both voyager and local", pair.voyager)
		}
	})
}

func (a *audit) checkMessages(ctx context.Context) error {
	return a.each(ctx, "messages", func(r record) {
		message, conversation, sender := id.Message(r.id("id")), id.Conversation(r.id("conversation_id")),
			id.User(r.id("user_id"))
		a.messages[message] = &sent{in: conversation, sender: sender, image: r.text("attachment")}
		pair, found := a.conversations[conversation]
		switch {
		case !found:
			a.broken("reference", message, "it belongs to the conversation %s, which does not exist", conversation)
		case sender != pair.voyager && sender != pair.local:
			a.broken("message_sender", message, "%s does not take part in the conversation %s", sender, conversation)
		default:
			a.wrote[correspondent{sender, pair.other(sender)}] = message
		}
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
		m, found := a.messages[message]
		switch {
		case !found:
			a.broken("reference", message, "an image belongs to this message, which does not exist")
			return
		case m.image == "":
			a.broken("message_attachment", message, "has an image that it does not name")
		case m.image != mediaType && !r.bool("cleaned"): // a message keeps the type that was sent
			a.broken("message_attachment", message, "names an image of type %q, but the image is of type %q", m.image,
				mediaType)
		}
		m.image = ""
	})
	if err != nil {
		return err
	}
	for _, message := range inOrder(a.messages) {
		if m := a.messages[message]; m.image != "" {
			a.broken("message_attachment", message, "names an image of type %q, which does not exist", m.image)
		}
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
