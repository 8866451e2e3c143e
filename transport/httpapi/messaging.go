package httpapi

import (
	"context"
	"net/http"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Conversation is a conversation as one of its participants sees it.
type Conversation struct {
	ID          id.Conversation `json:"id"`
	VoyagerID   id.User         `json:"voyager_id"`
	LocalID     id.User         `json:"local_id"`
	CreatedAt   Time            `json:"created_at"`
	Other       Person          `json:"other"`
	LastMessage *Message        `json:"last_message"`
	UnreadCount int             `json:"unread_count" description:"The number of unread messages of the other participant: at most 1000, and 0 if you block them."`
	Closed      bool            `json:"closed" description:"Whether messages and proposals are refused."`
}

// Person is the other participant of a conversation or a reservation, as the caller sees them.
type Person struct {
	UserID    id.User `json:"user_id"`
	FirstName *string `json:"first_name"`
	ImageURL  *string `json:"image_url" description:"Null also if you do not see their profile."`
}

// conversationsFor returns a function that makes what a viewer gets of a conversation.
func (a *API) conversationsFor(viewer users.Caller) func(messaging.Overview) Conversation {
	return func(o messaging.Overview) Conversation {
		c := Conversation{
			ID: o.Conversation.ID, VoyagerID: o.Conversation.VoyagerID, LocalID: o.Conversation.LocalID,
			CreatedAt: Time(o.Conversation.CreatedAt), Other: personOf(o.Other), UnreadCount: o.Unread, Closed: o.Closed,
		}
		if o.LastMessage != nil {
			last := a.messagesFor(viewer)(*o.LastMessage)
			c.LastMessage = &last
		}
		return c
	}
}

func personOf(p matching.Person) Person {
	return Person{UserID: p.UserID, FirstName: orNull(p.FirstName), ImageURL: orNull(p.ImageURL)}
}

// openedConversation is a response with status 201 if the conversation is new, and 200 if it
// existed.
type openedConversation struct {
	Conversation
	Created bool `json:"-" proto:"created"`
}

// StatusCode implements go-kit's StatusCoder.
func (o openedConversation) StatusCode() int {
	if o.Created {
		return http.StatusCreated
	}
	return http.StatusOK
}

// Message is one message of a conversation.
type Message struct {
	ID             id.Message      `json:"id"`
	ConversationID id.Conversation `json:"conversation_id"`
	UserID         id.User         `json:"user_id"`
	Content        string          `json:"content"`
	Attachment     *string         `json:"attachment" description:"The path of the image, or null."`
	AttachmentURL  *string         `json:"attachment_url" description:"The same path with a signature, which works for a few minutes without an Authorization header, as in an img tag. Null if there is no image, or if the host's own sign-in does not support it."`
	Read           bool            `json:"read"`
	CreatedAt      Time            `json:"created_at"`
}

// messagesFor returns a function that makes what a viewer gets of a message.
func (a *API) messagesFor(viewer users.Caller) func(messaging.Message) Message {
	return func(m messaging.Message) Message {
		wire := textOf(m)
		if m.Attachment != "" {
			wire.Attachment = orNull(a.attachmentPath(m.ID))
			wire.AttachmentURL = orNull(a.attachmentURL(m.ID, viewer))
		}
		return wire
	}
}

// textOf returns a message without its attachment.
func textOf(m messaging.Message) Message {
	return Message{
		ID: m.ID, ConversationID: m.ConversationID, UserID: m.UserID, Content: m.Content, Read: m.Read,
		CreatedAt: Time(m.CreatedAt),
	}
}

// Draft is a message to send. It has a content, an attachment, or both.
type Draft struct {
	Content    *string
	Attachment *string // an image of at most 5 MiB, as a data URL: data:image/png;base64,…
}

// dataURL is the attachment of a message to send. A client has its text. A server has the image,
// which is decoded while the body is read, so that no text is kept.
type dataURL struct {
	text  string
	image messaging.DataURL
}

// MarshalText implements encoding.TextMarshaler.
func (d dataURL) MarshalText() ([]byte, error) { return []byte(d.text), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It accepts every text: see messaging.ParseDataURL.
func (d *dataURL) UnmarshalText(text []byte) error {
	d.image = messaging.ParseDataURL(text)
	return nil
}

type openConversationRequest struct {
	keyed
	LocalID id.User `json:"local_id" required:"true"`
}

type conversationRequest struct {
	ID pathID `path:"id"`
}

type messagesRequest struct {
	ID pathID `path:"id"`
	Paging
}

// MaxBody is the greatest number of bytes of a body, that of a message with an image: 8 MiB.
const MaxBody = 8 << 20

type sendRequest struct {
	ID pathID `path:"id"`
	keyed
	Content    *string  `json:"content" maxLength:"5000"`
	Attachment *dataURL `json:"attachment" description:"An image of at most 5 MiB, as a data URL: data:image/png;base64,…"`
}

func newSendRequest(to id.Conversation, d Draft, key idempotency.Key) sendRequest {
	r := sendRequest{ID: pathID(to), keyed: keyedBy(key), Content: d.Content}
	if d.Attachment != nil {
		r.Attachment = &dataURL{text: *d.Attachment}
	}
	return r
}

func (r sendRequest) draft() messaging.Draft {
	return messaging.Draft{Content: orZero(r.Content), Attachment: orZero(r.Attachment).image}
}

// check also refuses an empty attachment: core takes it for an absent one, but in a request only
// null and a missing field mean that.
func (r sendRequest) check(f *fault.Fields) {
	r.draft().Check(f)
	f.Check(r.Attachment == nil || !r.Attachment.image.IsZero(), "attachment", "must be an image as a data URL, or null")
}

// isCheap reports whether the message has no image.
func (r sendRequest) isCheap() bool { return r.Attachment == nil }

type readRequest struct {
	ID pathID `path:"id"`
	keyed
	UpTo id.Message `json:"up_to" required:"true" description:"The last message that was read."`
}

// Marked is the number of messages that were marked as read.
type Marked struct {
	Marked int `json:"marked"`
}

var (
	tagMessaging = []string{"conversations"}

	openConversation = kithttp.Route[openConversationRequest, openedConversation]{
		Name: "openConversation", Method: http.MethodPost, Path: "/v1/conversations", Status: http.StatusCreated,
		AlsoStatus: []int{http.StatusOK},
		Summary:    "Open a conversation with a local (201), or get the existing one (200)", Tags: tagMessaging,
		Faults: []*fault.Error{users.ErrRestricted, messaging.ErrNobody, messaging.ErrTooManyOpened},
	}
	conversations = kithttp.Route[Paging, Page[Conversation]]{
		Name: "conversations", Method: http.MethodGet, Path: "/v1/conversations",
		Summary: "List your conversations, newest activity first", Tags: tagMessaging,
	}
	conversation = kithttp.Route[conversationRequest, Conversation]{
		Name: "conversation", Method: http.MethodGet, Path: "/v1/conversations/{id}", Summary: "Read a conversation", Tags: tagMessaging,
		Faults: []*fault.Error{messaging.ErrNotFound},
	}
	send = kithttp.Route[sendRequest, Message]{
		Name: "send", Method: http.MethodPost, Path: "/v1/conversations/{id}/messages", Status: http.StatusCreated,
		Summary: "Send a message, and pay for it", Tags: tagMessaging, BodyLimit: MaxBody,
		Faults: []*fault.Error{messaging.ErrNotFound, messaging.ErrClosed, messaging.ErrUnanswered, tokens.ErrTooFewTokens, messaging.ErrImagesBusy},
	}
	messages = kithttp.Route[messagesRequest, Page[Message]]{
		Name: "messages", Method: http.MethodGet, Path: "/v1/conversations/{id}/messages",
		Summary: "List the messages of a conversation, newest first", Tags: tagMessaging,
		Faults: []*fault.Error{messaging.ErrNotFound},
	}
	markRead = kithttp.Route[readRequest, Marked]{
		Name: "read", Method: http.MethodPost, Path: "/v1/conversations/{id}/read",
		Summary: "Mark the messages of the other participant as read", Tags: tagMessaging,
		Faults: []*fault.Error{messaging.ErrNotFound},
	}
)

func (a *API) serveMessaging() {
	asUser(a, edge.Cheap, openConversation, a.openConversation, kithttp.Parsed(parseOpenConversation))
	asUser(a, edge.Cheap, conversations, a.conversations, kithttp.Appended(appendPage(appendConversation)))
	asUser(a, edge.Cheap, conversation, a.conversation, kithttp.Appended(appendConversation))
	asUser(a, edge.Images, send, a.send, kithttp.Checked(func(r sendRequest, f *fault.Fields) { r.check(f) }),
		kithttp.Parsed(parseSend), kithttp.Appended(appendMessage))
	asUser(a, edge.Cheap, messages, a.messages, kithttp.Appended(appendPage(appendMessage)))
	asUser(a, edge.Cheap, markRead, a.read, kithttp.Parsed(parseRead))
	a.serveAttachment()
}

func (a *API) openConversation(ctx context.Context, caller users.Caller, req openConversationRequest) (openedConversation, error) {
	o, err := a.services.Messaging.Open(ctx, caller.UserID, req.LocalID, req.key())
	return openedConversation{a.conversationsFor(caller)(o.Overview), o.Created}, err
}

func (a *API) conversations(ctx context.Context, caller users.Caller, req Paging) (Page[Conversation], error) {
	return readPage(ctx, a.cursors, req, nil, func(r page.Request[page.Moment]) (page.Page[messaging.Overview, page.Moment], error) {
		return a.services.Messaging.Conversations(ctx, caller.UserID, r)
	}, a.conversationsFor(caller))
}

func (a *API) conversation(ctx context.Context, caller users.Caller, req conversationRequest) (Conversation, error) {
	o, err := a.services.Messaging.Conversation(ctx, caller.UserID, id.Conversation(req.ID))
	return a.conversationsFor(caller)(o), err
}

func (a *API) send(ctx context.Context, caller users.Caller, req sendRequest) (Message, error) {
	if req.Attachment != nil && req.Attachment.image.IsZero() {
		var f fault.Fields
		req.check(&f)
		return Message{}, f.Err()
	}
	m, err := a.services.Messaging.Send(ctx, caller.UserID, id.Conversation(req.ID), req.draft(), req.key())
	return a.messagesFor(caller)(m), err
}

func (a *API) messages(ctx context.Context, caller users.Caller, req messagesRequest) (Page[Message], error) {
	of := id.Conversation(req.ID)
	return readPage(ctx, a.cursors, req.Paging, []any{of}, func(r page.Request[page.Moment]) (page.Page[messaging.Message, page.Moment], error) {
		return a.services.Messaging.Messages(ctx, caller.UserID, of, r)
	}, a.messagesFor(caller))
}

func (a *API) read(ctx context.Context, caller users.Caller, req readRequest) (Marked, error) {
	n, err := a.services.Messaging.Read(ctx, caller.UserID, id.Conversation(req.ID), req.UpTo, req.key())
	return Marked{n}, err
}
