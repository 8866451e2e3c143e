package ports

import (
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
)

// Kind is the kind of value that a column holds, and the Go type in which a Row carries it.
type Kind int

// The kinds of columns.
const (
	UUID    Kind = iota // [16]byte
	Text                // string
	Int                 // int64
	Bool                // bool
	Time                // time.Time, UTC, milliseconds
	Decimal             // string with two places, like 12.50
	JSON                // string, RFC 8785 canonical form
	Bytes               // []byte
	Texts               // []string, in order; never absent: a list without texts is empty, and nil in the domain
)

// Column is one column of a table, or one field of a document.
type Column struct {
	Name     string
	Kind     Kind
	Nullable bool // absent is nil; in the domain it is the zero value
	traits   Traits
}

// Table is one table or collection as core/README.md#the-model names it. A store may add columns of
// its own that it derives from these.
type Table struct {
	Name    string
	Key     int // the first Key columns name a row
	Columns []Column
}

// Row is one row: a value for each column, in the table's order.
type Row []any

// Tables lists every table. Each comes after the tables that it refers to.
var Tables = []*Table{
	Users, SecondFactors, Sessions, RefreshTokens, PasswordResets, Wallets, TokenTransactions, LedgerSeals, Interests, Profiles,
	ProfileInterests, Correspondents, Conversations, Messages, Attachments, Reservations, Reports, ReportedMessages, Sanctions, Blocks, AuditRecords,
	NotificationPreferences, Presences, Notices, IdempotencyRecords, SignupGrants, Tries, Outbox, Events, Counters, Subscriptions, SetAside,
	Webhooks, StoreKeys, StoreMarks,
}

// The tables.
var (
	Users                   = AccountLayout.Table
	SecondFactors           = SecondFactorLayout.Table
	Sessions                = SessionLayout.Table
	RefreshTokens           = RefreshTokenLayout.Table
	PasswordResets          = ResetLayout.Table
	Wallets                 = WalletLayout.Table
	TokenTransactions       = TransactionLayout.Table
	LedgerSeals             = SealLayout.Table
	Interests               = InterestLayout.Table
	Profiles                = ProfileLayout.Table
	ProfileInterests        = ProfileInterestLayout.Table
	Correspondents          = CorrespondentLayout.Table
	Conversations           = ConversationLayout.Table
	Messages                = MessageLayout.Table
	Attachments             = AttachmentLayout.Table
	Reservations            = ReservationLayout.Table
	Reports                 = ReportLayout.Table
	ReportedMessages        = ReportedMessageLayout.Table
	Sanctions               = SanctionLayout.Table
	Blocks                  = BlockLayout.Table
	AuditRecords            = AuditRecordLayout.Table
	NotificationPreferences = PreferenceLayout.Table
	Presences               = PresenceLayout.Table
	Notices                 = NoticeLayout.Table
	IdempotencyRecords      = RecordLayout.Table
	SignupGrants            = GrantLayout.Table
	Tries                   = TriesLayout.Table
	Outbox                  = OutboxLayout.Table
	Events                  = EventLayout.Table
	Counters                = CounterLayout.Table
	Subscriptions           = SubscriptionLayout.Table
	SetAside                = SetAsideLayout.Table
	Webhooks                = WebhookLayout.Table
	StoreKeys               = StoreKeyLayout.Table
	StoreMarks              = MarkLayout.Table
)

// Account is a row of Users.
type Account struct {
	users.User
	Password users.PasswordHash
}

// Wallet is a row of Wallets.
type Wallet struct {
	tokens.Wallet
	Seq int64 // the seq of the wallet's last transaction
}

// ProfileInterest is a row of ProfileInterests.
type ProfileInterest struct {
	ProfileID  id.Profile
	InterestID id.Interest
}

// Attachment is a row of Attachments. The message has the media type as well: that of the image when
// it was sent.
type Attachment struct {
	MessageID id.Message
	messaging.Attachment
}

// ReportedMessage is a row of ReportedMessages.
type ReportedMessage struct {
	ReportID id.Report
	moderation.ReportedMessage
}

// Grant is a row of SignupGrants.
type Grant struct{ AddressHash users.SecretHash }

// Counter is a row of Counters.
type Counter struct {
	Name  string
	Value int64
}

// EventCounter is the name of the Counter with the highest position of an event.
const EventCounter = "events"

// StoreKey is a row of StoreKeys.
type StoreKey struct {
	Name string
	Key  []byte
}

// Mark is a row of StoreMarks.
type Mark struct {
	Name      string
	CreatedAt time.Time
}

// The layouts of the tables.
var (
	AccountLayout = layout("users", 1, func(a *Account, f Fields) {
		visitUser(&a.User, f)
		password := a.Password.Reveal()
		f.Text("password", &password, Nullable)
		a.Password = users.NewPasswordHash(password)
	})
	UserLayout         = part(Users, visitUser) // all columns of Users except the password
	SecondFactorLayout = layout("second_factors", 1, func(s *users.SecondFactor, f Fields) {
		f.UUID("user_id", (*[16]byte)(&s.UserID), Required)
		f.Bytes("secret", &s.Secret)
		f.Int("last_step", &s.LastStep, Required)
		f.Texts("recovery_codes", &s.RecoveryCodes)
	})
	SessionLayout = layout("sessions", 1, func(s *users.Session, f Fields) {
		f.UUID("id", (*[16]byte)(&s.ID), Required)
		f.UUID("user_id", (*[16]byte)(&s.UserID), Required)
		f.Time("created_at", &s.CreatedAt, Required)
		f.Time("last_used_at", &s.LastUsedAt, Required)
		f.Text("client", &s.Client, Nullable)
		f.Text("address", &s.Address, Nullable)
		f.Time("revoked_at", &s.RevokedAt, Nullable)
		f.Bool("second_factor", &s.SecondFactor)
	})
	RefreshTokenLayout = layout("refresh_tokens", 1, func(t *users.RefreshToken, f Fields) {
		f.Hash("hash", (*[32]byte)(&t.Hash))
		f.UUID("session_id", (*[16]byte)(&t.SessionID), Required)
		f.Time("created_at", &t.CreatedAt, Required)
		f.Time("expires_at", &t.ExpiresAt, Required)
		f.Time("used_at", &t.UsedAt, Nullable)
		f.Int("uses", &t.Uses, Nullable)
	})
	ResetLayout = layout("password_resets", 1, func(r *users.Reset, f Fields) {
		f.UUID("id", (*[16]byte)(&r.ID), Required)
		f.UUID("user_id", (*[16]byte)(&r.UserID), Required)
		f.Hash("hash", (*[32]byte)(&r.Hash))
		f.Time("expires_at", &r.ExpiresAt, Required)
	})
	WalletLayout = layout("wallets", 1, func(w *Wallet, f Fields) {
		f.UUID("id", (*[16]byte)(&w.ID), Required)
		f.UUID("user_id", (*[16]byte)(&w.UserID), Required)
		f.Int("balance", &w.Balance, Required)
		f.Int("seq", &w.Seq, Required)
		f.Bool("closed", &w.Closed)
	})
	TransactionLayout = layout("token_transactions", 2, func(t *tokens.Transaction, f Fields) {
		f.UUID("user_id", (*[16]byte)(&t.UserID), Required)
		f.Int("seq", &t.Seq, Required)
		f.UUID("id", (*[16]byte)(&t.ID), Required)
		f.Int("amount", &t.Amount, Required)
		f.Text("type", (*string)(&t.Type), Required)
		f.Text("reason", &t.Reason, Required)
		f.JSON("metadata", metadata{&t.Metadata})
		f.Int("balance_before", &t.BalanceBefore, Required)
		f.Int("balance_after", &t.BalanceAfter, Required)
		f.Time("created_at", &t.CreatedAt, Required)
	})
	SealLayout = layout("ledger_seals", 2, func(s *tokens.Seal, f Fields) {
		f.UUID("user_id", (*[16]byte)(&s.UserID), Required)
		f.Int("seq", &s.Seq, Required)
		f.Hash("hash", (*[32]byte)(&s.Hash))
	})
	InterestLayout = layout("interests", 1, func(i *matching.Interest, f Fields) {
		f.UUID("id", (*[16]byte)(&i.ID), Required)
		f.Text("name", &i.Name, Folded)
		f.Text("icon", &i.Icon, Nullable)
		f.Bool("is_active", &i.IsActive)
		f.Bool("twin", &i.Twin)
		f.Int("version", &i.Version, Required)
	})
	ProfileLayout = layout("profiles", 1, func(p *matching.Profile, f Fields) {
		f.UUID("id", (*[16]byte)(&p.ID), Required)
		f.UUID("user_id", (*[16]byte)(&p.UserID), Required)
		f.Text("first_name", &p.FirstName, Nullable)
		f.Text("last_name", &p.LastName, Nullable)
		age := int64(p.Age)
		f.Int("age", &age, Nullable)
		p.Age = int(age)
		f.Text("biography", &p.Biography, Nullable)
		f.Text("country", &p.Country, Nullable|Searched)
		f.Text("city", &p.City, Nullable|Searched)
		f.Text("image_url", &p.ImageURL, Nullable)
		f.Bool("is_searchable", &p.IsSearchable)
	})
	ProfileInterestLayout = layout("profile_interests", 2, func(l *ProfileInterest, f Fields) {
		f.UUID("profile_id", (*[16]byte)(&l.ProfileID), Required)
		f.UUID("interest_id", (*[16]byte)(&l.InterestID), Required)
	})
	CorrespondentLayout = layout("correspondents", 2, func(c *matching.Correspondent, f Fields) {
		f.UUID("user_id", (*[16]byte)(&c.UserID), Required)
		f.UUID("reader_id", (*[16]byte)(&c.ReaderID), Required)
	})
	ConversationLayout = layout("conversations", 1, func(c *messaging.Conversation, f Fields) {
		f.UUID("id", (*[16]byte)(&c.ID), Required)
		f.UUID("voyager_id", (*[16]byte)(&c.VoyagerID), Required)
		f.UUID("local_id", (*[16]byte)(&c.LocalID), Required)
		f.Time("created_at", &c.CreatedAt, Required)
	})
	MessageLayout = layout("messages", 1, func(m *messaging.Message, f Fields) {
		f.UUID("id", (*[16]byte)(&m.ID), Required)
		f.UUID("conversation_id", (*[16]byte)(&m.ConversationID), Required)
		f.UUID("user_id", (*[16]byte)(&m.UserID), Required)
		f.Text("content", &m.Content, Required)
		f.Text("attachment", &m.Attachment, Nullable)
		f.Bool("read", &m.Read)
		f.Time("created_at", &m.CreatedAt, Required)
	})
	AttachmentLayout = layout("attachments", 1, func(a *Attachment, f Fields) {
		f.UUID("message_id", (*[16]byte)(&a.MessageID), Required)
		f.Text("media_type", &a.MediaType, Required)
		f.Bytes("bytes", &a.Bytes)
		f.Bool("cleaned", &a.Cleaned)
	})
	ReservationLayout = layout("reservations", 1, func(r *reservations.Reservation, f Fields) {
		f.UUID("id", (*[16]byte)(&r.ID), Required)
		f.UUID("conversation_id", (*[16]byte)(&r.ConversationID), Required)
		f.UUID("voyager_id", (*[16]byte)(&r.VoyagerID), Required)
		f.UUID("local_id", (*[16]byte)(&r.LocalID), Required)
		f.UUID("creator_id", (*[16]byte)(&r.CreatorID), Required)
		f.Text("title", &r.Title, Required)
		f.Decimal("price", price{&r.Price})
		f.Int("tokens", &r.Tokens, Required)
		f.Time("date", &r.Date, Required)
		f.Time("end_date", &r.EndDate, Required)
		f.Text("status", (*string)(&r.Status), Required)
		f.Time("created_at", &r.CreatedAt, Required)
		f.Time("updated_at", &r.UpdatedAt, Required)
	})
	ReportLayout = layout("reports", 1, func(r *moderation.Report, f Fields) {
		f.UUID("id", (*[16]byte)(&r.ID), Required)
		f.UUID("reporter_id", (*[16]byte)(&r.ReporterID), Required)
		f.UUID("reported_user_id", (*[16]byte)(&r.ReportedUserID), Required)
		f.Text("reason", &r.Reason, Required)
		f.Text("message", &r.Message, Nullable)
		f.UUID("message_id", (*[16]byte)(&r.MessageID), Nullable)
		f.Text("status", (*string)(&r.Status), Required)
		f.UUID("reviewed_by", (*[16]byte)(&r.ReviewedBy), Nullable)
		f.Text("admin_notes", &r.AdminNotes, Nullable)
		f.Time("reviewed_at", &r.ReviewedAt, Nullable)
		f.Time("created_at", &r.CreatedAt, Required)
	})
	ReportedMessageLayout = layout("reported_messages", 2, func(m *ReportedMessage, f Fields) {
		f.UUID("report_id", (*[16]byte)(&m.ReportID), Required)
		f.UUID("message_id", (*[16]byte)(&m.MessageID), Required)
		f.UUID("user_id", (*[16]byte)(&m.UserID), Required)
		f.Text("content", &m.Content, Required)
		f.Text("attachment", &m.Attachment, Nullable)
		f.Time("created_at", &m.CreatedAt, Required)
	})
	SanctionLayout = layout("sanctions", 1, func(s *moderation.Sanction, f Fields) {
		f.UUID("id", (*[16]byte)(&s.ID), Required)
		f.UUID("user_id", (*[16]byte)(&s.UserID), Required)
		f.Text("kind", (*string)(&s.Kind), Required)
		f.Text("reason", &s.Reason, Required)
		f.Time("ends_at", &s.EndsAt, Nullable)
		f.UUID("created_by", (*[16]byte)(&s.CreatedBy), Required)
		f.Time("created_at", &s.CreatedAt, Required)
		f.Text("appeal", &s.Appeal, Nullable)
		f.Time("appealed_at", &s.AppealedAt, Nullable)
		f.Text("outcome", (*string)(&s.Outcome), Nullable)
		f.Text("answer", &s.Answer, Nullable)
		f.UUID("decided_by", (*[16]byte)(&s.DecidedBy), Nullable)
		f.Time("decided_at", &s.DecidedAt, Nullable)
	})
	BlockLayout = layout("blocks", 2, func(b *moderation.Block, f Fields) {
		f.UUID("user_id", (*[16]byte)(&b.UserID), Required)
		f.UUID("blocked_user_id", (*[16]byte)(&b.BlockedUserID), Required)
		f.Time("created_at", &b.CreatedAt, Required)
	})
	AuditRecordLayout = layout("audit_records", 1, func(r *moderation.AuditRecord, f Fields) {
		f.UUID("id", (*[16]byte)(&r.ID), Required)
		f.UUID("actor_id", (*[16]byte)(&r.ActorID), Nullable)
		f.Text("action", (*string)(&r.Action), Required)
		f.UUID("subject_id", (*[16]byte)(&r.SubjectID), Required)
		f.Text("reason", &r.Reason, Nullable)
		f.JSON("details", details{&r.Details})
		f.Time("created_at", &r.CreatedAt, Required)
	})
	PreferenceLayout = layout("notification_preferences", 2, func(p *notifications.Preference, f Fields) {
		f.UUID("user_id", (*[16]byte)(&p.UserID), Required)
		f.Text("kind", (*string)(&p.Kind), Required)
		f.Text("channel", (*string)(&p.Channel), Required)
	})
	PresenceLayout = layout("presences", 1, func(p *notifications.Presence, f Fields) {
		f.UUID("user_id", (*[16]byte)(&p.UserID), Required)
		f.Time("seen_at", &p.SeenAt, Required)
	})
	NoticeLayout = layout("notices", 3, func(n *notifications.Notice, f Fields) {
		f.UUID("user_id", (*[16]byte)(&n.UserID), Required)
		f.Text("kind", (*string)(&n.Kind), Required)
		f.UUID("subject_id", (*[16]byte)(&n.SubjectID), Required)
		f.Time("due_at", &n.DueAt, Nullable)
		f.Int("attempts", &n.Attempts, Required)
		f.Time("created_at", &n.CreatedAt, Required)
	})
	RecordLayout = layout("idempotency_records", 2, func(r *idempotency.Record, f Fields) {
		f.Text("owner", &r.Owner, Required)
		f.Text("key", (*string)(&r.Key), Required)
		f.Hash("fingerprint", &r.Fingerprint)
		f.Bytes("answer", &r.Answer)
		f.Time("created_at", &r.CreatedAt, Required)
	})
	GrantLayout = layout("signup_grants", 1, func(g *Grant, f Fields) {
		f.Hash("address_hash", (*[32]byte)(&g.AddressHash))
	})
	TriesLayout = layout("tries", 1, func(t *users.Tries, f Fields) {
		f.Hash("hash", (*[32]byte)(&t.Hash))
		f.Hash("subject", (*[32]byte)(&t.Subject))
		f.Int("count", &t.Count, Required)
		f.Time("last_at", &t.LastAt, Nullable)
		f.Bool("told", &t.Told)
		f.Time("expires_at", &t.ExpiresAt, Required)
	})
	// OutboxLayout has the events without a position. A store gives positions in the order in which
	// it got the rows of one aggregate; a copy writes them in the order of the key.
	OutboxLayout = layout("outbox", 3, visitEvent)
	EventLayout  = layout("events", 1, func(e *events.Numbered, f Fields) {
		f.Int("position", &e.Position, Required)
		visitEvent(&e.Event, f)
	})
	CounterLayout = layout("counters", 1, func(c *Counter, f Fields) {
		f.Text("name", &c.Name, Required)
		f.Int("value", &c.Value, Required)
	})
	SubscriptionLayout = layout("subscriptions", 1, func(s *events.Subscription, f Fields) {
		f.Text("name", &s.Name, Required)
		f.Int("position", &s.Position, Required)
		f.Text("state", (*string)(&s.State), Required)
		f.Time("since", &s.Since, Required)
		f.Text("holder", &s.Holder, Nullable)
		f.Time("held_until", &s.HeldUntil, Nullable)
		f.Int("attempts", &s.Attempts, Required)
		f.Time("retry_at", &s.RetryAt, Nullable)
	})
	SetAsideLayout = layout("set_aside_events", 2, func(e *events.SetAside, f Fields) {
		f.Text("subscriber", &e.Subscriber, Required)
		f.Int("position", &e.Position, Required)
		f.Int("attempts", &e.Attempts, Required)
		f.Text("class", &e.Class, Required)
		f.Time("failed_at", &e.At, Required)
		f.Text("state", (*string)(&e.State), Required)
	})
	WebhookLayout = layout("webhooks", 1, func(e *webhooks.Endpoint, f Fields) {
		f.UUID("id", (*[16]byte)(&e.ID), Required)
		f.Text("url", &e.URL, Required)
		f.Text("description", &e.Description, Nullable)
		var types []string
		for _, t := range e.Types {
			types = append(types, string(t))
		}
		f.Texts("types", &types)
		e.Types = nil
		for _, t := range types {
			e.Types = append(e.Types, events.Type(t))
		}
		f.Bytes("secret", &e.Secret)
		if f.Bytes("old_secret", &e.OldSecret); len(e.OldSecret) == 0 {
			e.OldSecret = nil
		}
		f.Time("old_until", &e.OldUntil, Nullable)
		f.Time("created_at", &e.CreatedAt, Required)
		f.Time("updated_at", &e.UpdatedAt, Required)
	})
	StoreKeyLayout = layout("store_keys", 1, func(k *StoreKey, f Fields) {
		f.Text("name", &k.Name, Required)
		f.Bytes("key", &k.Key)
	})
	MarkLayout = layout("store_marks", 1, func(m *Mark, f Fields) {
		f.Text("name", &m.Name, Required)
		f.Time("created_at", &m.CreatedAt, Required)
	})
)

func visitUser(u *users.User, f Fields) {
	f.UUID("id", (*[16]byte)(&u.ID), Required)
	f.Text("name", &u.Name, Searched)
	f.Text("email", &u.Email, Nullable|Address|Searched)
	f.Text("bio", &u.Bio, Nullable)
	f.Text("location", &u.Location, Nullable)
	f.Text("role", (*string)(&u.Role), Required)
	f.Bool("is_active", &u.IsActive)
	f.Bool("erased", &u.Erased)
	f.Bool("twin", &u.Twin)
	f.Int("version", &u.Version, Required)
	f.Time("created_at", &u.CreatedAt, Required)
	f.Time("updated_at", &u.UpdatedAt, Required)
	f.Time("restricted_until", &u.RestrictedUntil, Nullable)
	f.Time("suspended_until", &u.SuspendedUntil, Nullable)
	f.Bool("second_factor", &u.SecondFactor)
	f.Text("locale", &u.Locale, Nullable)
	f.Time("email_verified_at", &u.EmailVerifiedAt, Nullable)
}

func visitEvent(e *events.Event, f Fields) {
	f.Text("aggregate", (*string)(&e.Aggregate), Required)
	f.Int("seq", &e.Seq, Required)
	f.UUID("id", (*[16]byte)(&e.ID), Required)
	f.Text("type", (*string)(&e.Type), Required)
	f.Int("version", &e.Version, Required)
	f.Time("created_at", &e.At, Required)
	f.JSON("data", data{e})
}

// The types below are fields that are kept as text.
type (
	price    struct{ *reservations.Price }
	metadata struct{ *tokens.Metadata }
	details  struct{ *moderation.Details }
	data     struct{ *events.Event } // after its type and version
)

func (p price) Encode() string        { return p.String() }
func (p price) Decode(s string) error { return p.UnmarshalText([]byte(s)) }
func (m metadata) Encode() string     { return m.String() }
func (d details) Encode() string      { return d.Canonical() }

func (d data) Encode() string { return events.Encode(d.Data) }

func (d data) Decode(s string) error {
	d.Data = events.Decode(d.Type, d.Version, s)
	return nil
}

func (m metadata) Decode(s string) (err error) {
	*m.Metadata, err = tokens.ParseMetadata([]byte(s))
	return err
}

func (d details) Decode(s string) (err error) {
	*d.Details, err = moderation.ParseDetails(s)
	return err
}
