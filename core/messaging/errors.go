package messaging

import (
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/users"
)

// The errors of this domain.
var (
	// ErrNotFound is returned if a conversation does not exist or the caller is not a participant.
	ErrNotFound = fault.New(fault.NotFound, "conversation_not_found", "there is no such conversation")

	// ErrNobody is returned alike if a local does not exist, is not active, is not searchable, or
	// if one of the two has blocked the other.
	ErrNobody = fault.New(fault.NotFound, "local_not_found", "there is no such local")

	// ErrTooManyOpened is returned if the caller has opened as many conversations in the last 24
	// hours as the policy allows. Its RetryAfter is the time until the next one is allowed.
	ErrTooManyOpened = fault.New(fault.TooManyRequests, "too_many_conversations", "you have opened many conversations, open the next one later")

	// ErrClosed is returned for a new message or reservation if the other participant is inactive,
	// or if one of the two has blocked the other.
	ErrClosed = fault.New(fault.Conflict, "conversation_closed", "this conversation is closed: the other person cannot be reached")

	// ErrUnanswered is returned for a new message or reservation if the caller has sent as many
	// messages in the conversation, or has as many pending reservations in it, as the policy allows
	// before the other participant has ever written to the caller.
	ErrUnanswered = fault.New(fault.Conflict, "unanswered", "the other person has not answered: wait until they have written to you")

	// ErrNoAttachment is returned if a message has no image, does not exist, or is in a
	// conversation of others.
	ErrNoAttachment = fault.New(fault.NotFound, "attachment_not_found", "there is no such attachment")

	// ErrImagesBusy is returned if as many images as are allowed wait to be cleaned. Nothing is
	// stored.
	ErrImagesBusy = &fault.Error{Kind: fault.Unavailable, Code: "images_busy", RetryAfter: 5 * time.Second,
		Detail: "many images are being sent: try again later"}

	errInactive = users.ErrNotSignedIn
)
