package messaging

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/page"
)

// Repository keeps conversations and messages.
type Repository interface {
	// OpenConversation stores a conversation, unless its ordered pair has one already. It returns
	// the stored one, and whether it created it. Of concurrent units that open one for the same
	// pair, one creates it.
	OpenConversation(ctx context.Context, c Conversation) (there Conversation, created bool, err error)

	// NthOpened returns when the n-th newest of the conversations that a voyager opened was
	// created, counted from 1, or fault.NotFound if there are fewer.
	NthOpened(ctx context.Context, voyager id.User, n int) (time.Time, error)

	// ConversationOf returns the conversation of an ordered pair, or fault.NotFound.
	ConversationOf(ctx context.Context, voyager, local id.User) (Conversation, error)

	// Standing returns the standing of a conversation, or fault.NotFound.
	Standing(ctx context.Context, conversation id.Conversation) (Standing, error)

	// HoldConversation returns a conversation in which sender is about to send a message, or
	// fault.NotFound. limit is the number of messages without an answer, at least 1, from which
	// Held.Unanswered is true. Until the unit ends, no other unit holds the conversation.
	HoldConversation(ctx context.Context, conversation id.Conversation, sender id.User, limit int) (Held, error)

	// AddMessage stores a message and its image; a is nil if it has none. The unit also records that
	// its sender has written to the reader: see matching.Repository.AddCorrespondent.
	AddMessage(ctx context.Context, m Message, a *Attachment) error

	// Message returns a message, or fault.NotFound.
	Message(ctx context.Context, message id.Message) (Message, error)

	// History returns the access of reader to a conversation, and up to limit of its messages,
	// newest first by (created_at, id): those after the given position, or from the newest if after
	// is nil. It returns fault.NotFound if there is no such conversation, or if reader is not one of
	// its participants. It reads no images.
	History(ctx context.Context, conversation id.Conversation, reader id.User, after *page.Moment, limit int) (Access, []Message, error)

	// Attachment returns the image of a message, or fault.NotFound.
	Attachment(ctx context.Context, message id.Message) (Attachment, error)

	// CleanAttachment replaces the image of a message by one whose Cleaned is true, unless that of the
	// stored one is true, too. It reports whether it replaced it: of concurrent units, one does. The
	// message keeps the media type of the image that was sent.
	CleanAttachment(ctx context.Context, message id.Message, a Attachment) (bool, error)

	// MarkRead marks messages of a conversation as read: those that reader did not send, up to and
	// including the position upTo in the order (created_at, id). It returns how many of them were
	// unread.
	MarkRead(ctx context.Context, conversation id.Conversation, reader id.User, upTo page.Moment) (int, error)

	// Unread returns the number of messages that viewer has not read in all conversations, without
	// those of users whom viewer has blocked. It counts no further than MaxUnread.
	Unread(ctx context.Context, viewer id.User) (int, error)

	// Overview returns a conversation as one of its participants sees it, or fault.NotFound. The
	// other participant is as in matching.Repository.People. Messages of one whom viewer has
	// blocked do not count as unread, and the others count as by Unread.
	Overview(ctx context.Context, conversation id.Conversation, viewer id.User) (Overview, error)

	// Overviews lists up to limit conversations of which viewer is a participant, newest activity
	// first by (activity, id): those after the given position, or from the newest if after is nil.
	Overviews(ctx context.Context, viewer id.User, after *page.Moment, limit int) ([]Overview, error)
}

// Tx holds the repositories that this domain uses in a unit of work.
type Tx interface {
	matching.Tx
	Messaging() Repository
}
