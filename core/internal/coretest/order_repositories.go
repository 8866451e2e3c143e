package coretest

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// The repositories below record what each method that writes holds. A test finds those that are missing here.

type orderedKeys struct {
	idempotency.Repository
	h *held
}

func (r orderedKeys) Claim(ctx context.Context, owner string, key idempotency.Key) (idempotency.Record, error) {
	r.h.hold("Idempotency.Claim", ofKey, owner+" "+string(key))
	return r.Repository.Claim(ctx, owner, key)
}

func (r orderedKeys) Save(ctx context.Context, record idempotency.Record) error {
	if !r.h.all[thing{ofKey, record.Owner + " " + string(record.Key)}] { // which Claim has held
		r.h.rest("Idempotency.Save")
	}
	return r.Repository.Save(ctx, record)
}

func (r orderedKeys) Forget(ctx context.Context, owner string) error {
	r.h.rest("Idempotency.Forget")
	return r.Repository.Forget(ctx, owner)
}

func (r orderedKeys) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	r.h.rest("Idempotency.Purge")
	return r.Repository.Purge(ctx, before, limit)
}

type orderedUsers struct {
	users.Repository
	h *held
}

func (r orderedUsers) Add(ctx context.Context, u users.User, password users.PasswordHash) (bool, error) {
	r.h.hold("Users.Add", ofName, "address "+text.FoldAddress(u.Email).String())
	created, err := r.Repository.Add(ctx, u, password)
	if created {
		r.h.own(ofUser, u.ID.String())
	}
	return created, err
}

func (r orderedUsers) Pin(ctx context.Context, them ...id.User) ([]users.User, error) {
	ids := make([]string, len(them))
	for i, user := range them {
		ids[i] = user.String()
	}
	r.h.hold("Users.Pin", ofUser, ids...)
	return r.Repository.Pin(ctx, them...)
}

func (r orderedUsers) Hold(ctx context.Context, user id.User) (users.User, error) {
	r.h.hold("Users.Hold", ofUser, user.String())
	return r.Repository.Hold(ctx, user)
}

// HoldWithAdmins holds users that are not known here, so no user may be held before or after it.
func (r orderedUsers) HoldWithAdmins(ctx context.Context, user id.User) (users.User, int, error) {
	r.h.hold("Users.HoldWithAdmins", ofUser, "")
	r.h.own(ofUser, user.String())
	r.h.hold("Users.HoldWithAdmins", ofUser, "the last admin")
	return r.Repository.HoldWithAdmins(ctx, user)
}

func (r orderedUsers) Save(ctx context.Context, u users.User) error {
	r.h.hold("Users.Save", ofUser, u.ID.String())
	return r.Repository.Save(ctx, u)
}

func (r orderedUsers) SetEmail(ctx context.Context, u users.User) (bool, error) {
	r.h.hold("Users.SetEmail", ofUser, u.ID.String())
	return r.Repository.SetEmail(ctx, u)
}

func (r orderedUsers) Key(ctx context.Context, name string, fresh []byte) ([]byte, error) {
	r.h.rest("Users.Key")
	return r.Repository.Key(ctx, name, fresh)
}

func (r orderedUsers) Grant(ctx context.Context, address users.SecretHash) (bool, error) {
	r.h.rest("Users.Grant")
	return r.Repository.Grant(ctx, address)
}

func (r orderedUsers) SetPassword(ctx context.Context, user id.User, password users.PasswordHash, at time.Time) error {
	r.h.hold("Users.SetPassword", ofUser, user.String())
	return r.Repository.SetPassword(ctx, user, password, at)
}

func (r orderedUsers) Erase(ctx context.Context, u users.User) error {
	r.h.hold("Users.Erase", ofUser, u.ID.String())
	return r.Repository.Erase(ctx, u)
}

func (r orderedUsers) SaveSecondFactor(ctx context.Context, f users.SecondFactor) error {
	r.h.rest("Users.SaveSecondFactor")
	return r.Repository.SaveSecondFactor(ctx, f)
}

func (r orderedUsers) UseStep(ctx context.Context, user id.User, step int64) (bool, error) {
	r.h.rest("Users.UseStep")
	return r.Repository.UseStep(ctx, user, step)
}

func (r orderedUsers) UseRecoveryCode(ctx context.Context, user id.User, hash string) (bool, error) {
	r.h.rest("Users.UseRecoveryCode")
	return r.Repository.UseRecoveryCode(ctx, user, hash)
}

func (r orderedUsers) DropSecondFactor(ctx context.Context, user id.User) error {
	r.h.rest("Users.DropSecondFactor")
	return r.Repository.DropSecondFactor(ctx, user)
}

func (r orderedUsers) HoldTries(ctx context.Context, hashes ...users.SecretHash) ([]users.Tries, error) {
	r.h.hold("Users.HoldTries", ofTries, hexOf(hashes)...)
	return r.Repository.HoldTries(ctx, hashes...)
}

func (r orderedUsers) SaveTries(ctx context.Context, counts ...users.Tries) error {
	r.h.hold("Users.SaveTries", ofTries, hexOf(hashesOf(counts))...)
	return r.Repository.SaveTries(ctx, counts...)
}

func (r orderedUsers) GiveBackTries(ctx context.Context, hashes []users.SecretHash, known ...users.Tries) error {
	r.h.hold("Users.GiveBackTries", ofTries, hexOf(append(hashesOf(known), hashes...))...)
	return r.Repository.GiveBackTries(ctx, hashes, known...)
}

func (r orderedUsers) DropTries(ctx context.Context, subject users.SecretHash) error {
	r.h.rest("Users.DropTries")
	return r.Repository.DropTries(ctx, subject)
}

func (r orderedUsers) PurgeTries(ctx context.Context, before time.Time, limit int) (int, error) {
	r.h.rest("Users.PurgeTries")
	return r.Repository.PurgeTries(ctx, before, limit)
}

func hashesOf(counts []users.Tries) (hashes []users.SecretHash) {
	for _, t := range counts {
		hashes = append(hashes, t.Hash)
	}
	return hashes
}

func hexOf(hashes []users.SecretHash) (ids []string) {
	for _, hash := range hashes {
		ids = append(ids, fmt.Sprintf("%x", hash))
	}
	return ids
}

func (r orderedUsers) UseRefreshToken(ctx context.Context, hash users.SecretHash, at time.Time) (users.RefreshToken, error) {
	r.h.hold("Users.UseRefreshToken", ofName, fmt.Sprintf("refresh token %x", hash))
	return r.Repository.UseRefreshToken(ctx, hash, at)
}

func (r orderedUsers) AddSession(ctx context.Context, s users.Session, first users.RefreshToken) error {
	r.h.rest("Users.AddSession")
	return r.Repository.AddSession(ctx, s, first)
}

func (r orderedUsers) AddRefreshToken(ctx context.Context, t users.RefreshToken) error {
	r.h.rest("Users.AddRefreshToken")
	return r.Repository.AddRefreshToken(ctx, t)
}

func (r orderedUsers) RevokeSession(ctx context.Context, session id.Session, at time.Time) error {
	r.h.rest("Users.RevokeSession")
	return r.Repository.RevokeSession(ctx, session, at)
}

func (r orderedUsers) RevokeSessions(ctx context.Context, user id.User, except id.Session, at time.Time) error {
	r.h.rest("Users.RevokeSessions")
	return r.Repository.RevokeSessions(ctx, user, except, at)
}

func (r orderedUsers) PurgeSessions(ctx context.Context, before time.Time, limit int) (int, error) {
	r.h.rest("Users.PurgeSessions")
	return r.Repository.PurgeSessions(ctx, before, limit)
}

func (r orderedUsers) AddReset(ctx context.Context, reset users.Reset, keep int) error {
	r.h.rest("Users.AddReset")
	return r.Repository.AddReset(ctx, reset, keep)
}

func (r orderedUsers) DropResets(ctx context.Context, user id.User) error {
	r.h.rest("Users.DropResets")
	return r.Repository.DropResets(ctx, user)
}

type orderedTokens struct {
	tokens.Repository
	h *held
}

func (r orderedTokens) Open(ctx context.Context, w tokens.Wallet) error {
	r.h.own(ofWallet, w.UserID.String())
	return r.Repository.Open(ctx, w)
}

func (r orderedTokens) Post(ctx context.Context, entries ...tokens.Entry) ([]tokens.Receipt, error) {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.UserID.String()
	}
	r.h.hold("Tokens.Post", ofWallet, ids...)
	return r.Repository.Post(ctx, entries...)
}

func (r orderedTokens) Close(ctx context.Context, user id.User) (tokens.Wallet, error) {
	r.h.hold("Tokens.Close", ofWallet, user.String())
	return r.Repository.Close(ctx, user)
}

func (r orderedTokens) Seal(ctx context.Context, seals ...tokens.Seal) error {
	r.h.rest("Tokens.Seal")
	return r.Repository.Seal(ctx, seals...)
}

type orderedModeration struct {
	moderation.Repository
	h *held
}

func (r orderedModeration) AddReport(
	ctx context.Context, report moderation.Report, messages ...moderation.ReportedMessage,
) (bool, error) {
	r.h.rest("Moderation.AddReport")
	return r.Repository.AddReport(ctx, report, messages...)
}

func (r orderedModeration) ChangeReport(ctx context.Context, report moderation.Report, from moderation.Status) (bool, error) {
	r.h.rest("Moderation.ChangeReport")
	return r.Repository.ChangeReport(ctx, report, from)
}

func (r orderedModeration) AddSanction(ctx context.Context, s moderation.Sanction) error {
	r.h.rest("Moderation.AddSanction")
	return r.Repository.AddSanction(ctx, s)
}

func (r orderedModeration) SaveSanction(ctx context.Context, s moderation.Sanction) error {
	r.h.rest("Moderation.SaveSanction")
	return r.Repository.SaveSanction(ctx, s)
}

func (r orderedModeration) Block(ctx context.Context, b moderation.Block) (bool, error) {
	r.h.rest("Moderation.Block")
	return r.Repository.Block(ctx, b)
}

func (r orderedModeration) Unblock(ctx context.Context, user, blocked id.User) (bool, error) {
	r.h.rest("Moderation.Unblock")
	return r.Repository.Unblock(ctx, user, blocked)
}

func (r orderedModeration) DropBlocks(ctx context.Context, user id.User) error {
	r.h.rest("Moderation.DropBlocks")
	return r.Repository.DropBlocks(ctx, user)
}

func (r orderedModeration) AddAudit(ctx context.Context, record moderation.AuditRecord) error {
	r.h.rest("Moderation.AddAudit")
	return r.Repository.AddAudit(ctx, record)
}

type orderedMatching struct {
	matching.Repository
	h *held
}

func (r orderedMatching) AddInterest(ctx context.Context, i matching.Interest) (bool, error) {
	r.h.hold("Matching.AddInterest", ofName, "interest "+text.Fold(i.Name).String())
	return r.Repository.AddInterest(ctx, i)
}

func (r orderedMatching) HoldInterest(ctx context.Context, interest id.Interest) (matching.Interest, error) {
	r.h.hold("Matching.HoldInterest", ofName, "interest "+interest.String())
	return r.Repository.HoldInterest(ctx, interest)
}

func (r orderedMatching) SaveInterest(ctx context.Context, i matching.Interest) (bool, error) {
	r.h.hold("Matching.SaveInterest", ofName, "interest "+i.ID.String())
	return r.Repository.SaveInterest(ctx, i)
}

func (r orderedMatching) AddCorrespondent(ctx context.Context, c matching.Correspondent) error {
	r.h.rest("Matching.AddCorrespondent")
	return r.Repository.AddCorrespondent(ctx, c)
}

func (r orderedMatching) SaveProfile(ctx context.Context, p matching.Profile, interests []id.Interest) error {
	r.h.rest("Matching.SaveProfile")
	return r.Repository.SaveProfile(ctx, p, interests)
}

func (r orderedMatching) DropProfile(ctx context.Context, user id.User) error {
	r.h.rest("Matching.DropProfile")
	return r.Repository.DropProfile(ctx, user)
}

type orderedMessaging struct {
	messaging.Repository
	h *held
}

func (r orderedMessaging) OpenConversation(ctx context.Context, c messaging.Conversation) (messaging.Conversation, bool, error) {
	r.h.hold("Messaging.OpenConversation", ofConversation, fmt.Sprintf("pair %s %s", c.VoyagerID, c.LocalID))
	return r.Repository.OpenConversation(ctx, c)
}

func (r orderedMessaging) HoldConversation(
	ctx context.Context, conversation id.Conversation, sender id.User, limit int,
) (messaging.Held, error) {
	r.h.hold("Messaging.HoldConversation", ofConversation, conversation.String())
	return r.Repository.HoldConversation(ctx, conversation, sender, limit)
}

func (r orderedMessaging) AddMessage(ctx context.Context, m messaging.Message, a *messaging.Attachment) error {
	r.h.rest("Messaging.AddMessage")
	return r.Repository.AddMessage(ctx, m, a)
}

func (r orderedMessaging) CleanAttachment(ctx context.Context, message id.Message, a messaging.Attachment) (bool, error) {
	r.h.rest("Messaging.CleanAttachment")
	return r.Repository.CleanAttachment(ctx, message, a)
}

func (r orderedMessaging) MarkRead(ctx context.Context, conversation id.Conversation, reader id.User, upTo page.Moment) (int, error) {
	r.h.hold("Messaging.MarkRead", ofConversation, conversation.String())
	return r.Repository.MarkRead(ctx, conversation, reader, upTo)
}

type orderedReservations struct {
	reservations.Repository
	h *held
}

func (r orderedReservations) Add(ctx context.Context, added reservations.Reservation) error {
	r.h.rest("Reservations.Add")
	r.h.own(ofReservation, added.ID.String())
	return r.Repository.Add(ctx, added)
}

func (r orderedReservations) Hold(ctx context.Context, reservation id.Reservation) (reservations.Reservation, error) {
	r.h.hold("Reservations.Hold", ofReservation, reservation.String())
	return r.Repository.Hold(ctx, reservation)
}

// Move to Accepted holds the calendar of the local, too.
func (r orderedReservations) Move(
	ctx context.Context, moving reservations.Reservation, to reservations.Status, at time.Time,
) (reservations.MoveResult, error) {
	if to == reservations.Accepted {
		r.h.hold("Reservations.Move", ofCalendar, moving.LocalID.String())
	}
	r.h.hold("Reservations.Move", ofReservation, moving.ID.String())
	return r.Repository.Move(ctx, moving, to, at)
}

type orderedRows struct {
	ports.Rows
	h *held
}

func (r orderedRows) Write(ctx context.Context, table *ports.Table, rows []ports.Row) error {
	r.h.rest("Rows.Write")
	return r.Rows.Write(ctx, table, rows)
}

type orderedMarks struct {
	ports.Marks
	h *held
}

func (r orderedMarks) Mark(ctx context.Context, name string, at time.Time) error {
	r.h.rest("Marks.Mark")
	return r.Marks.Mark(ctx, name, at)
}
