package httpapi

import (
	"net/http"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/privacy"
	"github.com/cicerone-go/cicerone/core/users"
)

// Export is all data that is stored about a user, without secrets.
type Export struct {
	MadeAt        Time                   `json:"made_at"`
	User          User                   `json:"user"`
	Profile       Profile                `json:"profile"`
	Wallet        Wallet                 `json:"wallet"`
	Transactions  []Transaction          `json:"transactions"`
	Conversations []ExportedConversation `json:"conversations"`
	Reservations  []Reservation          `json:"reservations"`
	Reports       []Report               `json:"reports" description:"The reports that the user filed."`
	Blocks        []Block                `json:"blocks"`
	Sessions      []ExportedSession      `json:"sessions"`
	Sanctions     []Sanction             `json:"sanctions" description:"The actions of admins on the account."`
}

// Headers returns a header that makes browsers save the document instead of showing it.
func (Export) Headers() http.Header {
	return http.Header{"Content-Disposition": {`attachment; filename="cicerone-export.json"`}}
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
	ID         id.Session `json:"id"`
	CreatedAt  Time       `json:"created_at"`
	LastUsedAt Time       `json:"last_used_at"`
	Client     *string    `json:"client"`
	Address    *string    `json:"address"`
	RevokedAt  *Time      `json:"revoked_at"`
}

// Sanction is an action of an admin on an account.
type Sanction struct {
	ID        id.AuditRecord     `json:"id"`
	Action    moderation.Action  `json:"action"`
	Reason    *string            `json:"reason"`
	Details   moderation.Details `json:"details"`
	CreatedAt Time               `json:"created_at"`
}

func exportOf(e privacy.Export) Export {
	return Export{
		MadeAt:        Time(e.MadeAt),
		User:          userOf(e.User),
		Profile:       profileOf(matching.ProfileWithInterests{Profile: e.Profile, Interests: e.Interests}),
		Wallet:        Wallet(e.Wallet),
		Transactions:  each(e.Transactions, transactionOf),
		Conversations: each(e.Conversations, exportedConversationOf),
		Reservations:  each(e.Reservations, viewOf),
		Reports:       each(e.Reports, reportOf),
		Blocks:        each(e.Blocks, blockOf),
		Sessions:      each(e.Sessions, exportedSessionOf),
		Sanctions:     each(e.Sanctions, sanctionOf),
	}
}

func exportedConversationOf(c privacy.Conversation) ExportedConversation {
	of := c.Overview.Conversation
	return ExportedConversation{
		ID: of.ID, VoyagerID: of.VoyagerID, LocalID: of.LocalID, CreatedAt: Time(of.CreatedAt),
		Other:    personOf(c.Overview.Other),
		Messages: each(c.Messages, exportedMessageOf),
	}
}

func exportedMessageOf(m privacy.Message) Message {
	wire := textOf(m.Message)
	wire.Attachment = orNull(m.Attachment)
	return wire
}

func exportedSessionOf(s users.Session) ExportedSession {
	return ExportedSession{
		ID: s.ID, CreatedAt: Time(s.CreatedAt), LastUsedAt: Time(s.LastUsedAt), Client: orNull(s.Client), Address: orNull(s.Address),
		RevokedAt: orNull(Time(s.RevokedAt)),
	}
}

func sanctionOf(r moderation.AuditRecord) Sanction {
	return Sanction{ID: r.ID, Action: r.Action, Reason: orNull(r.Reason), Details: r.Details, CreatedAt: Time(r.CreatedAt)}
}
