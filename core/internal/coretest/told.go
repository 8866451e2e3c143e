package coretest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// Told returns a Storage that works as s does, and fails the test for each unit of work that changes something without
// its event, or adds an event without its change.
func Told(t testing.TB, s ports.Storage) ports.Storage { return told{s, t} }

type told struct {
	ports.Storage
	t testing.TB
}

// Run implements uow.Runner.
func (s told) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	return s.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
		u := &telling{}
		if err := fn(ctx, toldTx{tx, u}); err != nil {
			return err
		}
		slices.Sort(u.due)
		slices.Sort(u.said)
		if !slices.Equal(u.due, u.said) {
			s.t.Errorf("a unit said %q, want %q", u.said, u.due)
		}
		return nil
	})
}

// telling has the types of events that one unit said, and those that it had to say.
type telling struct{ due, said []events.Type }

func (u *telling) must(done bool, err error, types ...events.Type) {
	if done && err == nil {
		u.due = append(u.due, types...)
	}
}

type toldTx struct {
	ports.Tx
	u *telling
}

func (t toldTx) Events() events.Repository         { return toldEvents{t.Tx.Events(), t.u} }
func (t toldTx) Users() users.Repository           { return toldUsers{t.Tx.Users(), t.u} }
func (t toldTx) Tokens() tokens.Repository         { return toldTokens{t.Tx.Tokens(), t.u} }
func (t toldTx) Moderation() moderation.Repository { return toldModeration{t.Tx.Moderation(), t.u} }
func (t toldTx) Matching() matching.Repository     { return toldMatching{t.Tx.Matching(), t.u} }
func (t toldTx) Messaging() messaging.Repository   { return toldMessaging{t.Tx.Messaging(), t.u} }
func (t toldTx) Reservations() reservations.Repository {
	return toldReservations{t.Tx.Reservations(), t.u}
}

type toldEvents struct {
	events.Repository
	u *telling
}

func (r toldEvents) Add(ctx context.Context, added ...events.Event) error {
	for _, e := range added {
		if e.Type != events.TypeMailRequested && e.Type != events.TypeReservationReminded { // no row of a domain is changed
			r.u.said = append(r.u.said, e.Type)
		}
	}
	return r.Repository.Add(ctx, added...)
}

type toldUsers struct {
	users.Repository
	u *telling
}

func (r toldUsers) Add(ctx context.Context, u users.User, password users.PasswordHash) (bool, error) {
	created, err := r.Repository.Add(ctx, u, password)
	r.u.must(created, err, events.TypeUserSignedUp)
	return created, err
}

// Save knows a suspension, whose event is that of its sanction, by its end.
func (r toldUsers) Save(ctx context.Context, u users.User) error {
	before, err := r.Repository.User(ctx, u.ID)
	if err != nil {
		return err
	}
	err = r.Repository.Save(ctx, u)
	r.u.must(u.IsActive && !before.IsActive, err, events.TypeUserReactivated)
	r.u.must(!u.IsActive && before.IsActive && u.SuspendedUntil.IsZero(), err, events.TypeUserDeactivated)
	r.u.must(!u.EmailVerifiedAt.IsZero() && before.EmailVerifiedAt.IsZero(), err, events.TypeUserVerified)
	r.u.must(u.Name != before.Name || u.Bio != before.Bio || u.Location != before.Location, err, events.TypeProfileChanged)
	return err
}

func (r toldUsers) Erase(ctx context.Context, u users.User) error {
	err := r.Repository.Erase(ctx, u)
	r.u.must(true, err, events.TypeUserErased)
	return err
}

type toldTokens struct {
	tokens.Repository
	u *telling
}

func (r toldTokens) Post(ctx context.Context, entries ...tokens.Entry) ([]tokens.Receipt, error) {
	receipts, err := r.Repository.Post(ctx, entries...)
	for range receipts {
		r.u.must(true, err, events.TypeWalletChanged)
	}
	return receipts, err
}

type toldModeration struct {
	moderation.Repository
	u *telling
}

func (r toldModeration) AddReport(
	ctx context.Context, report moderation.Report, messages ...moderation.ReportedMessage,
) (bool, error) {
	created, err := r.Repository.AddReport(ctx, report, messages...)
	r.u.must(created, err, events.TypeReportFiled)
	return created, err
}

func (r toldModeration) ChangeReport(ctx context.Context, report moderation.Report, from moderation.Status) (bool, error) {
	changed, err := r.Repository.ChangeReport(ctx, report, from)
	r.u.must(changed && report.Status != from, err, events.TypeReportMoved)
	return changed, err
}

func (r toldModeration) AddSanction(ctx context.Context, s moderation.Sanction) error {
	err := r.Repository.AddSanction(ctx, s)
	r.u.must(true, err, events.TypeUserSanctioned)
	return err
}

func (r toldModeration) Block(ctx context.Context, b moderation.Block) (bool, error) {
	added, err := r.Repository.Block(ctx, b)
	r.u.must(added, err, events.TypeBlockAdded)
	return added, err
}

func (r toldModeration) Unblock(ctx context.Context, user, blocked id.User) (bool, error) {
	removed, err := r.Repository.Unblock(ctx, user, blocked)
	r.u.must(removed, err, events.TypeBlockRemoved)
	return removed, err
}

type toldMatching struct {
	matching.Repository
	u *telling
}

func (r toldMatching) SaveProfile(ctx context.Context, p matching.Profile, interests []id.Interest) error {
	err := r.Repository.SaveProfile(ctx, p, interests)
	r.u.must(true, err, events.TypeProfileChanged)
	return err
}

func (r toldMatching) AddInterest(ctx context.Context, i matching.Interest) (bool, error) {
	created, err := r.Repository.AddInterest(ctx, i)
	r.u.must(created, err, events.TypeInterestChanged)
	return created, err
}

func (r toldMatching) SaveInterest(ctx context.Context, i matching.Interest) (bool, error) {
	saved, err := r.Repository.SaveInterest(ctx, i)
	r.u.must(saved, err, events.TypeInterestChanged)
	return saved, err
}

type toldMessaging struct {
	messaging.Repository
	u *telling
}

func (r toldMessaging) OpenConversation(ctx context.Context, c messaging.Conversation) (messaging.Conversation, bool, error) {
	there, created, err := r.Repository.OpenConversation(ctx, c)
	r.u.must(created, err, events.TypeConversationOpened)
	return there, created, err
}

func (r toldMessaging) AddMessage(ctx context.Context, m messaging.Message, a *messaging.Attachment) error {
	err := r.Repository.AddMessage(ctx, m, a)
	r.u.must(true, err, events.TypeMessageSent)
	return err
}

func (r toldMessaging) MarkRead(ctx context.Context, conversation id.Conversation, reader id.User, upTo page.Moment) (int, error) {
	n, err := r.Repository.MarkRead(ctx, conversation, reader, upTo)
	r.u.must(n > 0, err, events.TypeMessageRead)
	return n, err
}

type toldReservations struct {
	reservations.Repository
	u *telling
}

func (r toldReservations) Add(ctx context.Context, added reservations.Reservation) error {
	err := r.Repository.Add(ctx, added)
	r.u.must(true, err, events.TypeReservationProposed)
	return err
}

func (r toldReservations) Move(
	ctx context.Context, moved reservations.Reservation, to reservations.Status, at time.Time,
) (reservations.MoveResult, error) {
	result, err := r.Repository.Move(ctx, moved, to, at)
	r.u.must(result == reservations.Done, err, events.Type("reservation."+string(to)))
	return result, err
}
