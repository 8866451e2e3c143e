package messaging

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/page"
)

// Repository keeps conversations and messages.
type Repository interface {
	// OpenConversation stores a conversation unless its ordered pair has one already, and returns the one
	// that is there then: of units that open one pair at once, one creates it.
	OpenConversation(ctx context.Context, c Conversation) (there Conversation, created bool, err error)

	// ConversationOf reads the conversation of an ordered pair, or fault.NotFound.
	ConversationOf(ctx context.Context, voyager, local id.User) (Conversation, error)

	// Acquainted reports whether two users share a conversation, in whichever roles.
	Acquainted(ctx context.Context, a, b id.User) (bool, error)

	// Standing reads a conversation with all that decides who may do what in it, or fault.NotFound.
	Standing(ctx context.Context, conversation id.Conversation) (Standing, error)

	// AddMessage stores a message, and its image where there is one (nil where not).
	AddMessage(ctx context.Context, m Message, a *Attachment) error

	// Message reads a message, or fault.NotFound.
	Message(ctx context.Context, message id.Message) (Message, error)

	// History reads where a conversation stands, as Standing does, and its messages, newest first by
	// (created_at, id): those after a place, or from the newest where it is nil; at most limit. It reads no image.
	History(ctx context.Context, conversation id.Conversation, after *page.Moment, limit int) (Standing, []Message, error)

	// Attachment reads the image of a message, or fault.NotFound.
	Attachment(ctx context.Context, message id.Message) (Attachment, error)

	// MarkRead marks as read the messages of a conversation that reader did not send, up to and with a
	// place in the order (created_at, id), and says how many of them were unread.
	MarkRead(ctx context.Context, conversation id.Conversation, reader id.User, upTo page.Moment) (int, error)

	// Overview reads a conversation as one of its participants sees it, or fault.NotFound.
	Overview(ctx context.Context, conversation id.Conversation, viewer id.User) (Overview, error)

	// Overviews lists the conversations in which viewer takes part, newest activity first by (activity,
	// id): those after a place, or from the newest where it is nil; at most limit.
	//
	// Of the other person, FirstName is that of the profile, or users.User.FirstName where it is empty.
	Overviews(ctx context.Context, viewer id.User, after *page.Moment, limit int) ([]Overview, error)
}

// Tx is what this domain touches in a unit of work.
type Tx interface {
	matching.Tx
	Messaging() Repository
}
