package ports

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
)

// The types of this file are for stores to embed. Each method returns an error that matches
// fault.Unimplemented and names the method. A store that embeds them can be run before it is
// complete, and still compiles when an interface gains a method; the conformance kit then reports
// the method. A method that the store implements itself takes the place of the embedded one.
var (
	_ Storage                  = UnimplementedStorage{}
	_ Tx                       = UnimplementedTx{}
	_ idempotency.Repository   = UnimplementedIdempotency{}
	_ events.Repository        = UnimplementedEvents{}
	_ events.Subscriptions     = UnimplementedSubscriptions{}
	_ tokens.Repository        = UnimplementedTokens{}
	_ users.Repository         = UnimplementedUsers{}
	_ moderation.Repository    = UnimplementedModeration{}
	_ matching.Repository      = UnimplementedMatching{}
	_ messaging.Repository     = UnimplementedMessaging{}
	_ reservations.Repository  = UnimplementedReservations{}
	_ notifications.Repository = UnimplementedNotifications{}
	_ Rows                     = UnimplementedRows{}
	_ Marks                    = UnimplementedMarks{}
	_ webhooks.Repository      = UnimplementedWebhooks{}
)

var errUnimplemented = fault.New(fault.Unimplemented, string(fault.Unimplemented), "not implemented")

func unimplemented(method string) error { return fmt.Errorf("%s: %w", method, errUnimplemented) }

// UnimplementedStorage is a Storage whose methods return fault.Unimplemented.
type UnimplementedStorage struct{}

func (UnimplementedStorage) Run(context.Context, uow.Mode, func(context.Context, Tx) error) error {
	return unimplemented("ports.Storage.Run")
}
func (UnimplementedStorage) Ping(context.Context) error  { return unimplemented("ports.Storage.Ping") }
func (UnimplementedStorage) Close(context.Context) error { return unimplemented("ports.Storage.Close") }

// UnimplementedTx is a Tx whose repositories are the unimplemented ones, for a store's Tx to embed.
type UnimplementedTx struct{}

func (UnimplementedTx) Idempotency() idempotency.Repository     { return UnimplementedIdempotency{} }
func (UnimplementedTx) Events() events.Repository               { return UnimplementedEvents{} }
func (UnimplementedTx) Subscriptions() events.Subscriptions     { return UnimplementedSubscriptions{} }
func (UnimplementedTx) Tokens() tokens.Repository               { return UnimplementedTokens{} }
func (UnimplementedTx) Users() users.Repository                 { return UnimplementedUsers{} }
func (UnimplementedTx) Moderation() moderation.Repository       { return UnimplementedModeration{} }
func (UnimplementedTx) Matching() matching.Repository           { return UnimplementedMatching{} }
func (UnimplementedTx) Messaging() messaging.Repository         { return UnimplementedMessaging{} }
func (UnimplementedTx) Reservations() reservations.Repository   { return UnimplementedReservations{} }
func (UnimplementedTx) Notifications() notifications.Repository { return UnimplementedNotifications{} }
func (UnimplementedTx) Rows() Rows                              { return UnimplementedRows{} }
func (UnimplementedTx) Marks() Marks                            { return UnimplementedMarks{} }
func (UnimplementedTx) Webhooks() webhooks.Repository           { return UnimplementedWebhooks{} }

// UnimplementedIdempotency is an idempotency.Repository whose methods return fault.Unimplemented.
type UnimplementedIdempotency struct{}

func (UnimplementedIdempotency) Claim(context.Context, string, idempotency.Key) (idempotency.Record, error) {
	return idempotency.Record{}, unimplemented("idempotency.Repository.Claim")
}
func (UnimplementedIdempotency) Save(context.Context, idempotency.Record) error {
	return unimplemented("idempotency.Repository.Save")
}
func (UnimplementedIdempotency) Forget(context.Context, string) error {
	return unimplemented("idempotency.Repository.Forget")
}
func (UnimplementedIdempotency) Purge(context.Context, time.Time, int) (int, error) {
	return 0, unimplemented("idempotency.Repository.Purge")
}

// UnimplementedTokens is a tokens.Repository whose methods return fault.Unimplemented.
type UnimplementedTokens struct{}

func (UnimplementedTokens) Open(context.Context, tokens.Wallet) error {
	return unimplemented("tokens.Repository.Open")
}
func (UnimplementedTokens) Wallet(context.Context, id.User) (tokens.Wallet, error) {
	return tokens.Wallet{}, unimplemented("tokens.Repository.Wallet")
}
func (UnimplementedTokens) Post(context.Context, ...tokens.Entry) ([]tokens.Receipt, error) {
	return nil, unimplemented("tokens.Repository.Post")
}
func (UnimplementedTokens) Close(context.Context, id.User) (tokens.Wallet, error) {
	return tokens.Wallet{}, unimplemented("tokens.Repository.Close")
}
func (UnimplementedTokens) Transactions(context.Context, id.User, *int64, int) ([]tokens.Transaction, error) {
	return nil, unimplemented("tokens.Repository.Transactions")
}
func (UnimplementedTokens) Chains(context.Context, id.User, int) ([]tokens.Chain, error) {
	return nil, unimplemented("tokens.Repository.Chains")
}
func (UnimplementedTokens) Unsealed(context.Context, id.Transaction, id.User, int) ([]tokens.Chain, error) {
	return nil, unimplemented("tokens.Repository.Unsealed")
}
func (UnimplementedTokens) Following(context.Context, []tokens.Chain, int) ([]tokens.Transaction, error) {
	return nil, unimplemented("tokens.Repository.Following")
}
func (UnimplementedTokens) Seal(context.Context, ...tokens.Seal) error {
	return unimplemented("tokens.Repository.Seal")
}

// UnimplementedUsers is a users.Repository whose methods return fault.Unimplemented.
type UnimplementedUsers struct{}

func (UnimplementedUsers) Add(context.Context, users.User, users.PasswordHash) (bool, error) {
	return false, unimplemented("users.Repository.Add")
}
func (UnimplementedUsers) User(context.Context, id.User) (users.User, error) {
	return users.User{}, unimplemented("users.Repository.User")
}
func (UnimplementedUsers) ByEmail(context.Context, string) (users.User, users.PasswordHash, error) {
	return users.User{}, users.PasswordHash{}, unimplemented("users.Repository.ByEmail")
}
func (UnimplementedUsers) WithAddress(context.Context, text.Folded) ([]users.User, error) {
	return nil, unimplemented("users.Repository.WithAddress")
}
func (UnimplementedUsers) Password(context.Context, id.User) (users.PasswordHash, error) {
	return users.PasswordHash{}, unimplemented("users.Repository.Password")
}
func (UnimplementedUsers) Pin(context.Context, ...id.User) ([]users.User, error) {
	return nil, unimplemented("users.Repository.Pin")
}
func (UnimplementedUsers) Hold(context.Context, id.User) (users.User, error) {
	return users.User{}, unimplemented("users.Repository.Hold")
}
func (UnimplementedUsers) HoldWithAdmins(context.Context, id.User) (users.User, int, error) {
	return users.User{}, 0, unimplemented("users.Repository.HoldWithAdmins")
}
func (UnimplementedUsers) Save(context.Context, users.User) error {
	return unimplemented("users.Repository.Save")
}
func (UnimplementedUsers) SetEmail(context.Context, users.User) (bool, error) {
	return false, unimplemented("users.Repository.SetEmail")
}
func (UnimplementedUsers) SetPassword(context.Context, id.User, users.PasswordHash, time.Time) error {
	return unimplemented("users.Repository.SetPassword")
}
func (UnimplementedUsers) Erase(context.Context, users.User) error {
	return unimplemented("users.Repository.Erase")
}
func (UnimplementedUsers) Key(context.Context, string, []byte) ([]byte, error) {
	return nil, unimplemented("users.Repository.Key")
}
func (UnimplementedUsers) Grant(context.Context, users.SecretHash) (bool, error) {
	return false, unimplemented("users.Repository.Grant")
}
func (UnimplementedUsers) List(context.Context, users.Filter, *page.Moment, int) ([]users.User, error) {
	return nil, unimplemented("users.Repository.List")
}
func (UnimplementedUsers) AddSession(context.Context, users.Session, users.RefreshToken) error {
	return unimplemented("users.Repository.AddSession")
}
func (UnimplementedUsers) Session(context.Context, id.Session) (users.Session, users.User, error) {
	return users.Session{}, users.User{}, unimplemented("users.Repository.Session")
}
func (UnimplementedUsers) Sessions(context.Context, id.User, users.SessionFilter, *page.Moment, int) ([]users.Session, error) {
	return nil, unimplemented("users.Repository.Sessions")
}
func (UnimplementedUsers) ActiveSessions(context.Context, users.SessionFilter, ...id.Session) ([]id.Session, error) {
	return nil, unimplemented("users.Repository.ActiveSessions")
}
func (UnimplementedUsers) UseRefreshToken(context.Context, users.SecretHash, time.Time) (users.RefreshToken, error) {
	return users.RefreshToken{}, unimplemented("users.Repository.UseRefreshToken")
}
func (UnimplementedUsers) AddRefreshToken(context.Context, users.RefreshToken) error {
	return unimplemented("users.Repository.AddRefreshToken")
}
func (UnimplementedUsers) RevokeSession(context.Context, id.Session, time.Time) error {
	return unimplemented("users.Repository.RevokeSession")
}
func (UnimplementedUsers) RevokeSessions(context.Context, id.User, id.Session, time.Time) error {
	return unimplemented("users.Repository.RevokeSessions")
}
func (UnimplementedUsers) PurgeSessions(context.Context, time.Time, int) (int, error) {
	return 0, unimplemented("users.Repository.PurgeSessions")
}
func (UnimplementedUsers) AddReset(context.Context, users.Reset, int) error {
	return unimplemented("users.Repository.AddReset")
}
func (UnimplementedUsers) Reset(context.Context, users.SecretHash) (users.Reset, error) {
	return users.Reset{}, unimplemented("users.Repository.Reset")
}
func (UnimplementedUsers) DropResets(context.Context, id.User) error {
	return unimplemented("users.Repository.DropResets")
}
func (UnimplementedUsers) HoldTries(context.Context, ...users.SecretHash) ([]users.Tries, error) {
	return nil, unimplemented("users.Repository.HoldTries")
}
func (UnimplementedUsers) SaveTries(context.Context, ...users.Tries) error {
	return unimplemented("users.Repository.SaveTries")
}
func (UnimplementedUsers) GiveBackTries(context.Context, []users.SecretHash, ...users.Tries) error {
	return unimplemented("users.Repository.GiveBackTries")
}
func (UnimplementedUsers) SecondFactor(context.Context, id.User) (f users.SecondFactor, err error) {
	return f, unimplemented("users.Repository.SecondFactor")
}
func (UnimplementedUsers) SaveSecondFactor(context.Context, users.SecondFactor) error {
	return unimplemented("users.Repository.SaveSecondFactor")
}
func (UnimplementedUsers) UseStep(context.Context, id.User, int64) (bool, error) {
	return false, unimplemented("users.Repository.UseStep")
}
func (UnimplementedUsers) UseRecoveryCode(context.Context, id.User, string) (bool, error) {
	return false, unimplemented("users.Repository.UseRecoveryCode")
}
func (UnimplementedUsers) DropSecondFactor(context.Context, id.User) error {
	return unimplemented("users.Repository.DropSecondFactor")
}
func (UnimplementedUsers) DropTries(context.Context, users.SecretHash) error {
	return unimplemented("users.Repository.DropTries")
}
func (UnimplementedUsers) PurgeTries(context.Context, time.Time, int) (int, error) {
	return 0, unimplemented("users.Repository.PurgeTries")
}

// UnimplementedMatching is a matching.Repository whose methods return fault.Unimplemented.
type UnimplementedMatching struct{}

func (UnimplementedMatching) Profile(context.Context, id.User) (matching.Profile, []matching.Interest, error) {
	return matching.Profile{}, nil, unimplemented("matching.Repository.Profile")
}
func (UnimplementedMatching) SaveProfile(context.Context, matching.Profile, []id.Interest) error {
	return unimplemented("matching.Repository.SaveProfile")
}
func (UnimplementedMatching) DropProfile(context.Context, id.User) error {
	return unimplemented("matching.Repository.DropProfile")
}
func (UnimplementedMatching) Search(context.Context, matching.Query, *matching.Rank, int) ([]matching.Match, error) {
	return nil, unimplemented("matching.Repository.Search")
}
func (UnimplementedMatching) Among(context.Context, matching.Query, ...id.Profile) ([]id.Interest, []matching.Match, error) {
	return nil, nil, unimplemented("matching.Repository.Among")
}
func (UnimplementedMatching) Candidates(context.Context, id.Profile, int) ([]matching.Candidate, error) {
	return nil, unimplemented("matching.Repository.Candidates")
}
func (UnimplementedMatching) Sight(context.Context, id.User, id.User) (matching.Sight, error) {
	return matching.Sight{}, unimplemented("matching.Repository.Sight")
}
func (UnimplementedMatching) People(context.Context, id.User, ...id.User) ([]matching.Person, error) {
	return nil, unimplemented("matching.Repository.People")
}
func (UnimplementedMatching) AddCorrespondent(context.Context, matching.Correspondent) error {
	return unimplemented("matching.Repository.AddCorrespondent")
}
func (UnimplementedMatching) Residents(context.Context, *matching.Residence, int) ([]matching.Resident, error) {
	return nil, unimplemented("matching.Repository.Residents")
}
func (UnimplementedMatching) Interests(context.Context, ...id.Interest) ([]matching.Interest, error) {
	return nil, unimplemented("matching.Repository.Interests")
}
func (UnimplementedMatching) AllInterests(
	context.Context, bool, *matching.NamePlace, int,
) ([]matching.Interest, error) {
	return nil, unimplemented("matching.Repository.AllInterests")
}
func (UnimplementedMatching) AddInterest(context.Context, matching.Interest) (bool, error) {
	return false, unimplemented("matching.Repository.AddInterest")
}
func (UnimplementedMatching) HoldInterest(context.Context, id.Interest) (matching.Interest, error) {
	return matching.Interest{}, unimplemented("matching.Repository.HoldInterest")
}
func (UnimplementedMatching) SaveInterest(context.Context, matching.Interest) (bool, error) {
	return false, unimplemented("matching.Repository.SaveInterest")
}

// UnimplementedMessaging is a messaging.Repository whose methods return fault.Unimplemented.
type UnimplementedMessaging struct{}

func (UnimplementedMessaging) OpenConversation(
	context.Context, messaging.Conversation,
) (messaging.Conversation, bool, error) {
	return messaging.Conversation{}, false, unimplemented("messaging.Repository.OpenConversation")
}
func (UnimplementedMessaging) NthOpened(context.Context, id.User, int) (time.Time, error) {
	return time.Time{}, unimplemented("messaging.Repository.NthOpened")
}
func (UnimplementedMessaging) ConversationOf(context.Context, id.User, id.User) (messaging.Conversation, error) {
	return messaging.Conversation{}, unimplemented("messaging.Repository.ConversationOf")
}
func (UnimplementedMessaging) Standing(context.Context, id.Conversation) (messaging.Standing, error) {
	return messaging.Standing{}, unimplemented("messaging.Repository.Standing")
}
func (UnimplementedMessaging) HoldConversation(
	context.Context, id.Conversation, id.User, int,
) (messaging.Held, error) {
	return messaging.Held{}, unimplemented("messaging.Repository.HoldConversation")
}
func (UnimplementedMessaging) AddMessage(context.Context, messaging.Message, *messaging.Attachment) error {
	return unimplemented("messaging.Repository.AddMessage")
}
func (UnimplementedMessaging) Message(context.Context, id.Message) (messaging.Message, error) {
	return messaging.Message{}, unimplemented("messaging.Repository.Message")
}
func (UnimplementedMessaging) History(
	context.Context, id.Conversation, id.User, *page.Moment, int,
) (messaging.Access, []messaging.Message, error) {
	return messaging.Access{}, nil, unimplemented("messaging.Repository.History")
}
func (UnimplementedMessaging) Attachment(context.Context, id.Message) (messaging.Attachment, error) {
	return messaging.Attachment{}, unimplemented("messaging.Repository.Attachment")
}
func (UnimplementedMessaging) CleanAttachment(context.Context, id.Message, messaging.Attachment) (bool, error) {
	return false, unimplemented("messaging.Repository.CleanAttachment")
}
func (UnimplementedMessaging) MarkRead(context.Context, id.Conversation, id.User, page.Moment) (int, error) {
	return 0, unimplemented("messaging.Repository.MarkRead")
}
func (UnimplementedMessaging) Unread(context.Context, id.User) (int, error) {
	return 0, unimplemented("messaging.Repository.Unread")
}
func (UnimplementedMessaging) Overview(context.Context, id.Conversation, id.User) (messaging.Overview, error) {
	return messaging.Overview{}, unimplemented("messaging.Repository.Overview")
}
func (UnimplementedMessaging) Overviews(context.Context, id.User, *page.Moment, int) ([]messaging.Overview, error) {
	return nil, unimplemented("messaging.Repository.Overviews")
}

// UnimplementedReservations is a reservations.Repository whose methods return fault.Unimplemented.
type UnimplementedReservations struct{}

func (UnimplementedReservations) Add(context.Context, reservations.Reservation) error {
	return unimplemented("reservations.Repository.Add")
}
func (UnimplementedReservations) Reservation(context.Context, id.Reservation) (reservations.Reservation, error) {
	return reservations.Reservation{}, unimplemented("reservations.Repository.Reservation")
}
func (UnimplementedReservations) Hold(context.Context, id.Reservation) (reservations.Reservation, error) {
	return reservations.Reservation{}, unimplemented("reservations.Repository.Hold")
}
func (UnimplementedReservations) Move(
	context.Context, reservations.Reservation, reservations.Status, time.Time,
) (reservations.MoveResult, error) {
	return 0, unimplemented("reservations.Repository.Move")
}
func (UnimplementedReservations) Held(context.Context, id.User) (int64, error) {
	return 0, unimplemented("reservations.Repository.Held")
}
func (UnimplementedReservations) InConversation(
	context.Context, id.Conversation, *page.Moment, int,
) ([]reservations.Reservation, error) {
	return nil, unimplemented("reservations.Repository.InConversation")
}
func (UnimplementedReservations) Of(
	context.Context, id.User, reservations.Status, *page.Moment, int,
) ([]reservations.Reservation, error) {
	return nil, unimplemented("reservations.Repository.Of")
}
func (UnimplementedReservations) Due(context.Context, time.Time, int) ([]id.Reservation, error) {
	return nil, unimplemented("reservations.Repository.Due")
}
func (UnimplementedReservations) All(
	context.Context, reservations.Status, *page.Moment, int,
) ([]reservations.Reservation, error) {
	return nil, unimplemented("reservations.Repository.All")
}
func (UnimplementedReservations) Agenda(
	context.Context, id.User, reservations.Agenda, *page.Moment, int,
) ([]reservations.Reservation, error) {
	return nil, unimplemented("reservations.Repository.Agenda")
}
func (UnimplementedReservations) NthProposed(context.Context, id.User, int) (time.Time, error) {
	return time.Time{}, unimplemented("reservations.Repository.NthProposed")
}
func (UnimplementedReservations) PendingIn(
	context.Context, id.Conversation, id.User, int,
) (all, own int, err error) {
	return 0, 0, unimplemented("reservations.Repository.PendingIn")
}
func (UnimplementedReservations) Lapsed(context.Context, time.Time, int) ([]id.Reservation, error) {
	return nil, unimplemented("reservations.Repository.Lapsed")
}

// UnimplementedRows is a Rows whose methods return fault.Unimplemented.
type UnimplementedRows struct{}

func (UnimplementedRows) Read(context.Context, *Table, []any, int) ([]Row, error) {
	return nil, unimplemented("ports.Rows.Read")
}
func (UnimplementedRows) Write(context.Context, *Table, []Row) error {
	return unimplemented("ports.Rows.Write")
}

// UnimplementedMarks is a Marks whose methods return fault.Unimplemented.
type UnimplementedMarks struct{}

func (UnimplementedMarks) Marked(context.Context, string) (time.Time, bool, error) {
	return time.Time{}, false, unimplemented("ports.Marks.Marked")
}
func (UnimplementedMarks) Mark(context.Context, string, time.Time) error {
	return unimplemented("ports.Marks.Mark")
}
