package messaging

import (
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
)

// The limits of a message.
const (
	MaxContent    = 5000    // characters
	MaxAttachment = 5 << 20 // bytes, decoded; also of a cleaned image
	MaxUnread     = 1000    // the number up to which unread messages are counted
)

// Message is a message, without the bytes of its image: see Attachment.
type Message struct {
	ID             id.Message
	ConversationID id.Conversation
	UserID         id.User // the sender
	Content        string
	Attachment     string // media type of its image when it was sent, or "" if it has none
	Read           bool   // by the other participant
	CreatedAt      time.Time
}

// sentAt returns the time of a message that is sent now. latest is the time of the latest message
// of its conversation, or zero. The result is later than latest, so that a reply is listed after
// the message that it answers, even if the clocks of two servers differ, or one is set back.
func sentAt(now, latest time.Time) time.Time {
	if next := latest.Add(time.Millisecond); now.Before(next) {
		return next
	}
	return now
}

// openedSeq is the seq of the event of a new conversation. It is below that of every message.
const openedSeq = 1

// messageSeq returns the seq of an event about a message: its time, because the times of the messages
// of a conversation ascend.
func messageSeq(m Message) int64 { return m.CreatedAt.UnixMilli() }

// PlaceOfMessage returns the position of a message in its conversation.
func PlaceOfMessage(m Message) page.Moment { return page.Moment{At: m.CreatedAt, ID: m.ID} }

// Draft is a message to send.
type Draft struct {
	Content    string
	Attachment DataURL
}

// Check adds an error to f for each field that breaks a rule. It does not look into the image:
// Service.Send does.
func (d Draft) Check(f *fault.Fields) { d.parse(f) }

// parse returns the content of the draft as it is stored, and its attachment, which is nil if it has
// none or f has an error about it.
func (d Draft) parse(f *fault.Fields) (content string, image *Attachment) {
	content = text.Long(f, "content", d.Content, text.Need(d.Attachment.IsZero()), MaxContent)
	_ = f.Collect(d.Attachment.refused) // Collect returns nil, because the error has a field
	if d.Attachment.IsZero() || d.Attachment.refused != nil {
		return content, nil
	}
	return content, &d.Attachment.image
}
