package messaging

import (
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/users"
)

// What this domain refuses.
var (
	// ErrNotFound is a conversation that does not exist, or in which the caller takes no part.
	ErrNotFound = fault.New(fault.NotFound, "conversation_not_found", "there is no such conversation")

	// ErrNobody is a local who does not exist, is not active, not searchable, or has a block with the
	// caller: one same answer.
	ErrNobody = fault.New(fault.NotFound, "local_not_found", "there is no such local")

	// ErrClosed is a conversation in which nothing new may begin.
	ErrClosed = fault.New(fault.Conflict, "conversation_closed", "this conversation is closed: the other person cannot be reached")

	// ErrNoAttachment is a message without an image, or one that is not the caller's to see.
	ErrNoAttachment = fault.New(fault.NotFound, "attachment_not_found", "there is no such attachment")

	errInactive = users.ErrNotSignedIn
)
