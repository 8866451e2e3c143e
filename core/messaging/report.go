package messaging

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/users"
)

// ReportInput is a report about a user, with one message of a conversation of the reporter and that
// user.
type ReportInput struct {
	moderation.ReportInput
	MessageID id.Message
}

// Report files a report with copies of a message and of the two before it, which admins see. The
// reporter or the reported user may have sent it. Errors: those of moderation.Service.Report, and
// fault.Invalid on message_id if the message is in no conversation of the two.
func (s *Service) Report(ctx context.Context, caller id.User, c ReportInput, key idempotency.Key) (moderation.Report, error) {
	draft, err := c.Draft(caller)
	if err != nil {
		return moderation.Report{}, err
	}
	draft.MessageID = c.MessageID
	r, _, err := idempotency.Run(ctx, s.deps.Store, s.deps.Clock, idempotency.Command{
		Owner: caller.String(), Key: key, Operation: "messaging.Report",
		Values: []any{draft.ReportedUserID, draft.Reason, draft.Message, draft.MessageID},
	}, users.RequireActive[Tx](caller), func(ctx context.Context, tx Tx) (moderation.Report, error) {
		r := draft
		r.ID, r.CreatedAt = id.Report(s.deps.IDs.Next()), s.deps.Clock.Now()
		return r, moderation.File(ctx, tx, s.deps.IDs, r, func() ([]moderation.ReportedMessage, error) { return reported(ctx, tx, r) })
	}, moderation.ReportForm[Tx]())
	if err != nil {
		return moderation.Report{}, fmt.Errorf("report a message: %w", err)
	}
	return r, nil
}

// reported returns copies of the message of a report and of those before it, oldest first.
func reported(ctx context.Context, tx Tx, r moderation.Report) ([]moderation.ReportedMessage, error) {
	refused := fault.InvalidField("message_id", "must be a message of a conversation that you have with the reported user")
	m, err := tx.Messaging().Message(ctx, r.MessageID)
	if errors.Is(err, fault.NotFound) {
		return nil, refused
	}
	if err != nil {
		return nil, fmt.Errorf("read a message: %w", err)
	}
	place := PlaceOfMessage(m)
	access, before, err := tx.Messaging().History(ctx, m.ConversationID, r.ReporterID, &place, moderation.MaxReportedMessages-1)
	if errors.Is(err, fault.NotFound) || err == nil && access.Other != r.ReportedUserID {
		return nil, refused
	}
	if err != nil {
		return nil, fmt.Errorf("read the messages before one: %w", err)
	}
	copied := []moderation.ReportedMessage{copyOf(m)}
	for _, earlier := range before {
		copied = append(copied, copyOf(earlier))
	}
	slices.Reverse(copied)
	return copied, nil
}

func copyOf(m Message) moderation.ReportedMessage {
	return moderation.ReportedMessage{
		MessageID: m.ID, UserID: m.UserID, Content: m.Content, Attachment: m.Attachment, CreatedAt: m.CreatedAt,
	}
}
