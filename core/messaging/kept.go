package messaging

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
)

// keptMessage is what is kept of a message for a replay.
type keptMessage struct{ ID id.Message }

// keptOpening is what is kept of an OpenResult for a replay, with the names that they have in it.
type keptOpening struct {
	Overview struct {
		Conversation struct{ ID id.Conversation }
		LastMessage  *keptMessage
		Unread       int
	}
	Created bool
}

func messageForm() idempotency.Form[Tx, Message] {
	return idempotency.Part(func(m Message) keptMessage { return keptMessage{m.ID} }, recallMessage)
}

func recallMessage(ctx context.Context, tx Tx, k keptMessage) (Message, error) {
	m, err := tx.Messaging().Message(ctx, k.ID)
	if err != nil {
		return Message{}, fmt.Errorf("read a message: %w", err)
	}
	return m, nil
}

// openingForm recalls a conversation as the caller sees it now, but with the messages of that time.
func openingForm(caller id.User) idempotency.Form[Tx, OpenResult] {
	return idempotency.Part(func(o OpenResult) (k keptOpening) {
		k.Created, k.Overview.Conversation.ID, k.Overview.Unread = o.Created, o.Overview.Conversation.ID, o.Overview.Unread
		if last := o.Overview.LastMessage; last != nil {
			k.Overview.LastMessage = &keptMessage{last.ID}
		}
		return k
	}, func(ctx context.Context, tx Tx, k keptOpening) (OpenResult, error) {
		view, err := View(ctx, tx, caller, k.Overview.Conversation.ID)
		if err != nil {
			return OpenResult{}, err
		}
		view.LastMessage, view.Unread = nil, k.Overview.Unread
		if k.Overview.LastMessage != nil {
			last, err := recallMessage(ctx, tx, *k.Overview.LastMessage)
			if err != nil {
				return OpenResult{}, err
			}
			view.LastMessage = &last
		}
		return OpenResult{Overview: view, Created: k.Created}, nil
	})
}
