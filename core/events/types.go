package events

import (
	"time"

	"github.com/cicerone-go/cicerone/core/id"
)

// Type is the type of an event, as programs read it.
type Type string

// Data is what an event says: one of the types of this file, or Raw. Its JSON has the fields in
// ascending order of their names, so that it is canonical (RFC 8785). The form of a version never
// changes: a changed type gets a new version.
type Data interface {
	// about returns the type of the event, and what it is about.
	about() (Type, Aggregate)
}

// The types of events. The table in the documentation of the package names the aggregate of each.
const (
	TypeUserSignedUp    Type = "user.signed_up"
	TypeUserVerified    Type = "user.verified"
	TypeUserErased      Type = "user.erased"
	TypeUserSanctioned  Type = "user.sanctioned"
	TypeUserDeactivated Type = "user.deactivated"
	TypeUserReactivated Type = "user.reactivated"

	TypeProfileChanged  Type = "profile.changed"
	TypeInterestChanged Type = "interest.changed"

	TypeConversationOpened Type = "conversation.opened"
	TypeMessageSent        Type = "message.sent"
	TypeMessageRead        Type = "message.read"

	TypeReservationProposed  Type = "reservation.proposed"
	TypeReservationAccepted  Type = "reservation.accepted"
	TypeReservationDeclined  Type = "reservation.declined"
	TypeReservationCancelled Type = "reservation.cancelled"
	TypeReservationExpired   Type = "reservation.expired"
	TypeReservationCompleted Type = "reservation.completed"
	TypeReservationReminded  Type = "reservation.reminded"

	TypeWalletChanged Type = "wallet.changed"

	TypeBlockAdded   Type = "block.added"
	TypeBlockRemoved Type = "block.removed"

	TypeMailRequested Type = "mail.requested"

	TypeReportFiled Type = "report.filed"
	TypeReportMoved Type = "report.moved"
)

// UserSignedUp says that an account was created.
type UserSignedUp struct {
	UserID id.User `json:"user_id"`
}

// UserVerified says that a user has shown that the address of their account is theirs.
type UserVerified struct {
	UserID id.User `json:"user_id"`
}

// UserErased says that an account was erased, with its profile and its blocks.
type UserErased struct {
	UserID id.User `json:"user_id"`
}

// UserSanctioned says that an admin imposed a sanction. A suspension ends the sessions of the user.
type UserSanctioned struct {
	EndsAt     time.Time   `json:"ends_at,omitzero"` // absent for a warning; users.NoEnd if it has no end
	Kind       string      `json:"kind"`             // a moderation.SanctionKind
	SanctionID id.Sanction `json:"sanction_id"`
	UserID     id.User     `json:"user_id"`
}

// UserDeactivated says that an admin deactivated an account, which ended its sessions.
type UserDeactivated struct {
	UserID id.User `json:"user_id"`
}

// UserReactivated says that an account became active again: an admin reactivated it, lifted its
// suspension or appointed its user, or the user returned after a suspension had ended.
type UserReactivated struct {
	UserID id.User `json:"user_id"`
}

// ProfileChanged says that a user changed their profile, or the name, bio or location of their
// account.
type ProfileChanged struct {
	UserID id.User `json:"user_id"`
}

// InterestChanged says that an admin created or changed an interest.
type InterestChanged struct {
	InterestID id.Interest `json:"interest_id"`
}

// ConversationOpened says that a voyager opened a conversation with a local.
type ConversationOpened struct {
	ConversationID id.Conversation `json:"conversation_id"`
	LocalID        id.User         `json:"local_id"`
	VoyagerID      id.User         `json:"voyager_id"`
}

// MessageSent says that a participant of a conversation sent a message to the other.
type MessageSent struct {
	ConversationID id.Conversation `json:"conversation_id"`
	MessageID      id.Message      `json:"message_id"`
	RecipientID    id.User         `json:"recipient_id"`
	SenderID       id.User         `json:"sender_id"`
}

// MessageRead says that a participant of a conversation read messages of the other, who is the
// sender: all up to and including the message UpTo.
type MessageRead struct {
	ConversationID id.Conversation `json:"conversation_id"`
	ReaderID       id.User         `json:"reader_id"`
	SenderID       id.User         `json:"sender_id"`
	UpTo           id.Message      `json:"up_to"`
}

// Reservation names a reservation, its participants and who acted.
type Reservation struct {
	ByID           id.User         `json:"by_id,omitzero"` // the participant who acted; absent if it was none of the two
	ConversationID id.Conversation `json:"conversation_id"`
	CreatorID      id.User         `json:"creator_id"`
	LocalID        id.User         `json:"local_id"`
	ReservationID  id.Reservation  `json:"reservation_id"`
	VoyagerID      id.User         `json:"voyager_id"`
}

type (
	// ReservationProposed says that a participant of a conversation proposed an activity.
	ReservationProposed struct{ Reservation }

	// ReservationAccepted says that the other participant accepted a reservation, and that the
	// tokens of the voyager are held.
	ReservationAccepted struct{ Reservation }

	// ReservationDeclined says that the other participant declined a reservation.
	ReservationDeclined struct{ Reservation }

	// ReservationCancelled says that a reservation was cancelled, and the voyager refunded if it was
	// accepted. If ByID is absent, an admin cancelled it.
	ReservationCancelled struct{ Reservation }

	// ReservationExpired says that no participant accepted or declined a reservation before its date.
	ReservationExpired struct{ Reservation }

	// ReservationCompleted says that the local of an accepted reservation has the tokens, after its
	// end or because an admin decided so.
	ReservationCompleted struct{ Reservation }

	// ReservationReminded says that the date of an accepted reservation is near: once for each, a day
	// before it by default.
	ReservationReminded struct{ Reservation }
)

// WalletChanged says that a transaction was posted to a wallet.
type WalletChanged struct {
	Amount        int64          `json:"amount"`
	BalanceAfter  int64          `json:"balance_after"`
	TransactionID id.Transaction `json:"transaction_id"`
	Type          string         `json:"type"` // a tokens.Type
	UserID        id.User        `json:"user_id"`
}

// BlockAdded says that a user blocked another.
type BlockAdded struct {
	BlockedUserID id.User `json:"blocked_user_id"`
	UserID        id.User `json:"user_id"`
}

// BlockRemoved says that a user removed a block.
type BlockRemoved struct {
	BlockedUserID id.User `json:"blocked_user_id"`
	UserID        id.User `json:"user_id"`
}

// MailRequested says that mail is to be sent to a user.
type MailRequested struct {
	Kind   string  `json:"kind"` // a users.MailKind
	MailID id.Mail `json:"mail_id"`
	UserID id.User `json:"user_id,omitzero"` // absent if there is no such account, so that both requests take the same time
}

// ReportFiled says that a user reported another.
type ReportFiled struct {
	ReportID       id.Report `json:"report_id"`
	ReportedUserID id.User   `json:"reported_user_id"`
	ReporterID     id.User   `json:"reporter_id"`
}

// ReportMoved says that an admin changed the status of a report.
type ReportMoved struct {
	ReportID       id.Report `json:"report_id"`
	ReportedUserID id.User   `json:"reported_user_id"`
	ReporterID     id.User   `json:"reporter_id"`
	Status         string    `json:"status"` // a moderation.Status
}

func (d UserSignedUp) about() (Type, Aggregate)    { return TypeUserSignedUp, of("user", d.UserID) }
func (d UserVerified) about() (Type, Aggregate)    { return TypeUserVerified, of("user", d.UserID) }
func (d UserErased) about() (Type, Aggregate)      { return TypeUserErased, of("user", d.UserID) }
func (d UserSanctioned) about() (Type, Aggregate)  { return TypeUserSanctioned, of("user", d.UserID) }
func (d UserDeactivated) about() (Type, Aggregate) { return TypeUserDeactivated, of("user", d.UserID) }
func (d UserReactivated) about() (Type, Aggregate) { return TypeUserReactivated, of("user", d.UserID) }
func (d ProfileChanged) about() (Type, Aggregate)  { return TypeProfileChanged, of("user", d.UserID) }
func (d InterestChanged) about() (Type, Aggregate) {
	return TypeInterestChanged, of("interest", d.InterestID)
}
func (d ConversationOpened) about() (Type, Aggregate) {
	return TypeConversationOpened, of("conversation", d.ConversationID)
}
func (d MessageSent) about() (Type, Aggregate) {
	return TypeMessageSent, of("conversation", d.ConversationID)
}
func (d MessageRead) about() (Type, Aggregate) {
	return TypeMessageRead, of(string(of("reading", d.ConversationID)), d.ReaderID)
}
func (d Reservation) aggregate() Aggregate { return of("reservation", d.ReservationID) }
func (d ReservationProposed) about() (Type, Aggregate) {
	return TypeReservationProposed, d.aggregate()
}
func (d ReservationAccepted) about() (Type, Aggregate) {
	return TypeReservationAccepted, d.aggregate()
}
func (d ReservationDeclined) about() (Type, Aggregate) {
	return TypeReservationDeclined, d.aggregate()
}
func (d ReservationCancelled) about() (Type, Aggregate) {
	return TypeReservationCancelled, d.aggregate()
}
func (d ReservationExpired) about() (Type, Aggregate) { return TypeReservationExpired, d.aggregate() }
func (d ReservationCompleted) about() (Type, Aggregate) {
	return TypeReservationCompleted, d.aggregate()
}
func (d ReservationReminded) about() (Type, Aggregate) {
	return TypeReservationReminded, d.aggregate()
}
func (d WalletChanged) about() (Type, Aggregate) { return TypeWalletChanged, of("wallet", d.UserID) }
func (d MailRequested) about() (Type, Aggregate) { return TypeMailRequested, of("mail", d.MailID) }
func (d BlockAdded) about() (Type, Aggregate)    { return TypeBlockAdded, of("user", d.UserID) }
func (d BlockRemoved) about() (Type, Aggregate)  { return TypeBlockRemoved, of("user", d.UserID) }
func (d ReportFiled) about() (Type, Aggregate)   { return TypeReportFiled, of("report", d.ReportID) }
func (d ReportMoved) about() (Type, Aggregate)   { return TypeReportMoved, of("report", d.ReportID) }

// TypeDeferred is the type of a Deferred.
const TypeDeferred Type = "event.deferred"

// Deferred is an event that a joined subscriber handles later: see WithoutRefusal. A relay delivers
// it to that subscriber only, so its type is not in Types.
type Deferred struct {
	Aggregate  Aggregate `json:"aggregate"`
	At         time.Time `json:"at"`
	Data       string    `json:"data"` // JSON
	EventID    id.Event  `json:"event_id"`
	Seq        int64     `json:"seq"`
	Subscriber string    `json:"subscriber"`
	Type       Type      `json:"type"`
	Version    int64     `json:"version"`
}

// about names the subscriber in the aggregate, because several may have to handle one event.
func (d Deferred) about() (Type, Aggregate) {
	return TypeDeferred, Aggregate("deferred/"+d.Subscriber+"/") + d.Aggregate
}

// event returns the event.
func (d Deferred) event() Event {
	return Event{
		ID: d.EventID, Type: d.Type, Version: d.Version, Aggregate: d.Aggregate, Seq: d.Seq, At: d.At,
		Data: Decode(d.Type, d.Version, d.Data),
	}
}
