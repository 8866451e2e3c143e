package httpapi

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// OpenConversation opens a conversation of the caller, as the voyager, with a local. It returns the
// existing one if there is one.
func (c *Client) OpenConversation(ctx context.Context, local id.User, key idempotency.Key) (Conversation, error) {
	o, err := call(ctx, c, openConversation, openConversationRequest{keyedBy(key), local})
	return o.Conversation, err
}

// Conversations lists the caller's conversations, newest activity first.
func (c *Client) Conversations(ctx context.Context, p Paging) (Page[Conversation], error) {
	return call(ctx, c, conversations, p)
}

// Conversation reads a conversation.
func (c *Client) Conversation(ctx context.Context, of id.Conversation) (Conversation, error) {
	return call(ctx, c, conversation, conversationRequest{pathID(of)})
}

// Send sends a message. The caller pays for it.
func (c *Client) Send(ctx context.Context, to id.Conversation, d Draft, key idempotency.Key) (Message, error) {
	return call(ctx, c, send, newSendRequest(to, d, key))
}

// Messages lists the messages of a conversation, newest first.
func (c *Client) Messages(ctx context.Context, of id.Conversation, p Paging) (Page[Message], error) {
	return call(ctx, c, messages, messagesRequest{pathID(of), p})
}

// Read marks the messages of the other participant up to and including upTo as read. It returns how
// many of them were unread.
func (c *Client) Read(ctx context.Context, in id.Conversation, upTo id.Message, key idempotency.Key) (int, error) {
	m, err := call(ctx, c, markRead, readRequest{pathID(in), keyedBy(key), upTo})
	return m.Marked, err
}

// Attachment returns the image of a message. Only HTTP has headers.
func (c *Client) Attachment(ctx context.Context, of id.Message) (kithttp.Blob, error) {
	return call(ctx, c, attachment, attachmentRequest{ID: pathID(of)})
}

// Propose proposes an activity to the other participant of a conversation.
func (c *Client) Propose(ctx context.Context, in id.Conversation, p Proposal, key idempotency.Key) (Reservation, error) {
	return call(ctx, c, propose, proposeRequest{pathID(in), keyedBy(key), p})
}

// ConversationReservations lists the reservations of a conversation, newest first.
func (c *Client) ConversationReservations(ctx context.Context, of id.Conversation, p Paging) (Page[Reservation], error) {
	return call(ctx, c, conversationReservations, conversationReservationsRequest{pathID(of), p})
}

// Reservations lists the selected reservations of the caller by date, the earliest first.
func (c *Client) Reservations(ctx context.Context, a Agenda, p Paging) (Page[Reservation], error) {
	return call(ctx, c, myReservations, reservationsRequest{a, p})
}

// Reservation reads a reservation.
func (c *Client) Reservation(ctx context.Context, of id.Reservation) (Reservation, error) {
	return call(ctx, c, reservation, reservationRequest{pathID(of)})
}

// Accept accepts a proposal of the other participant. The voyager pays.
func (c *Client) Accept(ctx context.Context, of id.Reservation, key idempotency.Key) (Reservation, error) {
	return call(ctx, c, accept, moveRequest{pathID(of), keyedBy(key)})
}

// Decline declines a proposal of the other participant.
func (c *Client) Decline(ctx context.Context, of id.Reservation, key idempotency.Key) (Reservation, error) {
	return call(ctx, c, decline, moveRequest{pathID(of), keyedBy(key)})
}

// Cancel withdraws a proposal of the caller, or cancels an accepted reservation with a refund.
func (c *Client) Cancel(ctx context.Context, of id.Reservation, key idempotency.Key) (Reservation, error) {
	return call(ctx, c, cancel, moveRequest{pathID(of), keyedBy(key)})
}
