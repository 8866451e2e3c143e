package httpapi

import (
	"context"
	"io"
	"net/http"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/privacy"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Export is all data that is stored about a user, without secrets.
type Export struct {
	MadeAt        Time                    `json:"made_at"`
	User          User                    `json:"user"`
	Profile       Profile                 `json:"profile"`
	Wallet        Wallet                  `json:"wallet"`
	Notifications NotificationPreferences `json:"notifications" description:"Which mail the user gets."`
	SeenAt        *Time                   `json:"seen_at" description:"When the user was here last; null if it is not known."`
	Transactions  []Transaction           `json:"transactions"`
	Conversations []ExportedConversation  `json:"conversations"`
	Reservations  []Reservation           `json:"reservations"`
	Reports       []FiledReport           `json:"reports" description:"The reports that the user filed."`
	Blocks        []Block                 `json:"blocks"`
	Sessions      []ExportedSession       `json:"sessions"`
	Sanctions     []Sanction              `json:"sanctions"`
	Acts          []Act                   `json:"acts" description:"The actions of admins on the account."`
}

// ExportedConversation is a conversation with all its messages. Their attachments are data URLs.
type ExportedConversation struct {
	ID        id.Conversation `json:"id"`
	VoyagerID id.User         `json:"voyager_id"`
	LocalID   id.User         `json:"local_id"`
	CreatedAt Time            `json:"created_at"`
	Other     Person          `json:"other"`
	Messages  []Message       `json:"messages"`
}

// ExportedSession is a session of the user, also one that has ended.
type ExportedSession struct {
	ID           id.Session `json:"id"`
	CreatedAt    Time       `json:"created_at"`
	LastUsedAt   Time       `json:"last_used_at"`
	Client       *string    `json:"client"`
	Address      *string    `json:"address"`
	SecondFactor bool       `json:"second_factor"`
	RevokedAt    *Time      `json:"revoked_at"`
}

// Act is an action of an admin on an account.
type Act struct {
	ID        id.AuditRecord     `json:"id"`
	Action    moderation.Action  `json:"action"`
	Reason    *string            `json:"reason"`
	Details   moderation.Details `json:"details"`
	CreatedAt Time               `json:"created_at"`
}

// exportMe streams an Export. It counts as running until the last byte is written.
func (a *API) exportMe(_ context.Context, caller users.Caller, _ kithttp.None) (kithttp.Stream, error) {
	return kithttp.Stream{
		ContentType: "application/json",
		// Browsers save the document instead of showing it.
		Header: http.Header{"Content-Disposition": {`attachment; filename="cicerone-export.json"`}},
		Write: func(ctx context.Context, w http.ResponseWriter) error {
			leave, err := a.gate.Enter(ctx, edge.Export, "")
			if err != nil {
				return err
			}
			defer leave()
			e, err := a.services.Privacy.Export(ctx, caller)
			if err != nil {
				return err
			}
			paced := newPacedWriter(w, a.exports)
			if err := a.writeExport(ctx, paced, e); err != nil {
				return err
			}
			return paced.finish()
		},
	}, nil
}

// writeExport writes an Export as JSON, with the members in its order.
func (a *API) writeExport(ctx context.Context, w io.Writer, e privacy.Export) error {
	d := newDocument(ctx, w, a.images)
	d.begin('{')
	d.member("made_at", Time(e.MadeAt))
	d.member("user", userOf(e.User))
	d.member("profile", profileOf(matching.ProfileWithInterests{Profile: e.Profile, Interests: e.Interests}))
	d.member("wallet", Wallet(e.Wallet))
	d.member("notifications", notificationPreferencesOf(e.Notifications))
	d.member("seen_at", orNull(Time(e.SeenAt)))
	members(d, "transactions", e.Transactions, transactionOf)
	d.list("conversations")
	for c, err := range e.Conversations {
		if d.fail(err) {
			break
		}
		writeConversation(d, c)
	}
	d.end(']')
	members(d, "reservations", e.Reservations, viewOf)
	members(d, "reports", e.Reports, filedReportOf)
	members(d, "blocks", e.Blocks, blockOf)
	members(d, "sessions", e.Sessions, exportedSessionOf)
	members(d, "sanctions", e.Sanctions, sanctionOf)
	members(d, "acts", e.Acts, actOf)
	d.end('}')
	return d.flush()
}

// writeConversation writes an ExportedConversation.
func writeConversation(d *document, c privacy.Conversation) {
	of := c.Overview.Conversation
	d.begin('{')
	d.member("id", of.ID)
	d.member("voyager_id", of.VoyagerID)
	d.member("local_id", of.LocalID)
	d.member("created_at", Time(of.CreatedAt))
	d.member("other", personOf(c.Overview.Other))
	d.list("messages")
	for m, err := range c.Messages {
		if d.fail(err) {
			break
		}
		writeMessage(d, m)
	}
	d.end(']')
	d.end('}')
}

// writeMessage writes a Message whose attachment is a data URL, which is encoded while it is
// written.
func writeMessage(d *document, m privacy.Message) {
	wire := textOf(m.Message)
	if m.Image == nil {
		d.item(wire)
		return
	}
	d.begin('{')
	d.member("id", wire.ID)
	d.member("conversation_id", wire.ConversationID)
	d.member("user_id", wire.UserID)
	d.member("content", wire.Content)
	d.image("attachment", m.Image)
	d.member("attachment_url", wire.AttachmentURL)
	d.member("read", wire.Read)
	d.member("created_at", wire.CreatedAt)
	d.end('}')
}

func exportedSessionOf(s users.Session) ExportedSession {
	return ExportedSession{
		ID: s.ID, CreatedAt: Time(s.CreatedAt), LastUsedAt: Time(s.LastUsedAt), Client: orNull(s.Client), Address: orNull(s.Address),
		SecondFactor: s.SecondFactor, RevokedAt: orNull(Time(s.RevokedAt)),
	}
}

func actOf(r moderation.AuditRecord) Act {
	return Act{ID: r.ID, Action: r.Action, Reason: orNull(r.Reason), Details: r.Details, CreatedAt: Time(r.CreatedAt)}
}
