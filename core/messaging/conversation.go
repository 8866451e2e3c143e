package messaging

import (
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
)

// Conversation is what a voyager opened with a local. The pair is ordered: the same two may hold
// another one with the roles swapped.
type Conversation struct {
	ID        id.Conversation
	VoyagerID id.User
	LocalID   id.User
	CreatedAt time.Time
}

// Has reports whether a user takes part.
func (c Conversation) Has(user id.User) bool { return user == c.VoyagerID || user == c.LocalID }

// Other is the participant that user is not.
func (c Conversation) Other(user id.User) id.User {
	if user == c.VoyagerID {
		return c.LocalID
	}
	return c.VoyagerID
}

// Standing is all that decides who may do what in a conversation.
type Standing struct {
	Conversation  Conversation
	VoyagerActive bool
	LocalActive   bool
	Blocked       bool // by either
}

// Admit returns ErrNotFound for whoever takes no part, and users.ErrNotSignedIn for a participant who
// is not active.
func (s Standing) Admit(caller id.User) error {
	if !s.Conversation.Has(caller) {
		return ErrNotFound
	}
	if caller == s.Conversation.VoyagerID && !s.VoyagerActive || caller == s.Conversation.LocalID && !s.LocalActive {
		return errInactive
	}
	return nil
}

// Open returns ErrClosed where nothing new may begin between the two: one same answer, whether it
// is for a block, or because the other is inactive or gone.
func (s Standing) Open() error {
	if s.Blocked || !s.VoyagerActive || !s.LocalActive {
		return ErrClosed
	}
	return nil
}

// Overview is a conversation as one participant sees it in their list.
type Overview struct {
	Conversation Conversation
	Other        Person
	LastMessage  *Message // nil where there is none
	Unread       int      // the other's messages that the viewer has not read
}

// Person is what a participant sees of the other.
type Person struct {
	UserID    id.User
	FirstName string
	ImageURL  string
}

// Activity is when something last happened: the last message's time, or the conversation's own.
func (o Overview) Activity() time.Time {
	if o.LastMessage != nil {
		return o.LastMessage.CreatedAt
	}
	return o.Conversation.CreatedAt
}

// PlaceOfOverview is where a conversation stands in a participant's list.
func PlaceOfOverview(o Overview) page.Moment {
	return page.Moment{At: o.Activity(), ID: o.Conversation.ID}
}
