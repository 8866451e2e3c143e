package messaging

import (
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/page"
)

// Conversation is a conversation that a voyager opened with a local. The pair is ordered: the same
// two users may have a second one with the roles swapped.
type Conversation struct {
	ID        id.Conversation
	VoyagerID id.User
	LocalID   id.User
	CreatedAt time.Time
}

// Has reports whether a user is a participant.
func (c Conversation) Has(user id.User) bool { return user == c.VoyagerID || user == c.LocalID }

// Other returns the participant who is not user.
func (c Conversation) Other(user id.User) id.User {
	if user == c.VoyagerID {
		return c.LocalID
	}
	return c.VoyagerID
}

// Standing is a conversation with the facts that determine what its participants may do.
type Standing struct {
	Conversation  Conversation
	VoyagerActive bool
	LocalActive   bool
	Blocked       bool // one of the two has blocked the other
}

// Admit returns ErrNotFound if the caller is not a participant, and users.ErrNotSignedIn if the
// caller is not active.
func (s Standing) Admit(caller id.User) error {
	if !s.Conversation.Has(caller) {
		return ErrNotFound
	}
	if caller == s.Conversation.VoyagerID && !s.VoyagerActive || caller == s.Conversation.LocalID && !s.LocalActive {
		return errInactive
	}
	return nil
}

// Open returns ErrClosed if one of the two has blocked the other, or if one of them is inactive or
// erased. The error does not reveal which.
func (s Standing) Open() error {
	if s.Blocked || !s.VoyagerActive || !s.LocalActive {
		return ErrClosed
	}
	return nil
}

// Access is what decides whether a participant of a conversation, its reader, may read it.
type Access struct {
	Other  id.User // the other participant
	Active bool    // the account of the reader is active
}

// Held is a conversation that a unit holds, in which a user is about to send a message.
type Held struct {
	Standing   Standing
	Latest     time.Time // of its latest message, or zero if it has none
	Unanswered bool      // the sender has sent as many messages as allowed, and the other has never written to the sender
}

// Overview is a conversation as one participant sees it in their list.
type Overview struct {
	Conversation Conversation
	Other        matching.Person
	LastMessage  *Message // nil if there is none
	Unread       int      // number of the other's messages that the viewer has not read: see Repository.Unread
	Closed       bool     // nothing can be sent: see Standing.Open
}

// Activity returns the time of the last message, or of the conversation if it has no message.
func (o Overview) Activity() time.Time {
	if o.LastMessage != nil {
		return o.LastMessage.CreatedAt
	}
	return o.Conversation.CreatedAt
}

// PlaceOfOverview returns the position of a conversation in a participant's list.
func PlaceOfOverview(o Overview) page.Moment {
	return page.Moment{At: o.Activity(), ID: o.Conversation.ID}
}
