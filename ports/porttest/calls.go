package porttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// call is a call of one method of one repository that succeeds in a town.
type call struct {
	name string
	run  unit
}

// calls returns a call of every method of every repository.
func (w *town) calls(f *fixture) []call {
	return slices.Concat(w.reads(), w.holds(), w.writes(f))
}

// reads returns the calls that only read.
func (w *town) reads() []call {
	ada, ben := w.ada.ID, w.ben.ID
	return append(slices.Concat(w.eventReads(), w.notificationReads(), w.webhookReads()), []call{
		discarding("Tokens.Wallet", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Tokens().Wallet(ctx, ada)
		}),
		discarding("Tokens.Transactions", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Tokens().Transactions(ctx, ada, nil, 10)
		}),
		discarding("Tokens.Chains", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Tokens().Chains(ctx, id.User{}, 10)
		}),
		discarding("Tokens.Unsealed", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Tokens().Unsealed(ctx, id.Transaction{}, id.User{}, 10)
		}),
		discarding("Tokens.Following", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Tokens().Following(ctx, []tokens.Chain{{Last: tokens.Seal{UserID: ada}, Posted: 10}}, 10)
		}),
		discarding("Users.User", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().User(ctx, ada)
		}),
		{"Users.ByEmail", func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Users().ByEmail(ctx, w.ada.Email)
			return err
		}},
		discarding("Users.WithAddress", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().WithAddress(ctx, text.FoldAddress(w.ada.Email))
		}),
		discarding("Users.Password", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().Password(ctx, ada)
		}),
		discarding("Users.List", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().List(ctx, users.Filter{}, nil, 10)
		}),
		discarding("Users.SecondFactor", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().SecondFactor(ctx, ada)
		}),
		discarding("Users.Reset", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().Reset(ctx, w.reset.Hash)
		}),
		{"Users.Session", func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Users().Session(ctx, w.session.ID)
			return err
		}},
		discarding("Users.Sessions", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().Sessions(ctx, ada, users.SessionFilter{}, nil, 10)
		}),
		discarding("Users.ActiveSessions", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().ActiveSessions(ctx, users.SessionFilter{}, w.session.ID)
		}),
		discarding("Moderation.Report", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Moderation().Report(ctx, w.report.ID)
		}),
		discarding("Moderation.Reports", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Moderation().Reports(ctx, "", nil, 10)
		}),
		discarding("Moderation.ReportsBy", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Moderation().ReportsBy(ctx, w.cleo.ID, nil, 10)
		}),
		discarding("Moderation.ReportsAbout", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Moderation().ReportsAbout(ctx, ben, nil, 10)
		}),
		discarding("Moderation.ReportedMessages", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Moderation().ReportedMessages(ctx, w.filed.ID)
		}),
		discarding("Moderation.Sanction", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Moderation().Sanction(ctx, w.sanction.ID)
		}),
		discarding("Moderation.Sanctions", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Moderation().Sanctions(ctx, w.cleo.ID, nil, 10)
		}),
		discarding("Moderation.Blocks", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Moderation().Blocks(ctx, w.cleo.ID, nil, 10)
		}),
		discarding("Moderation.BlocksBetween", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Moderation().BlocksBetween(ctx, []id.User{w.cleo.ID}, []id.User{ada})
		}),
		discarding("Moderation.Audits", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Moderation().Audits(ctx, id.Subject{}, nil, 10)
		}),
		{"Matching.Profile", func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Matching().Profile(ctx, ada)
			return err
		}},
		discarding("Matching.Search", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Matching().Search(ctx, matching.Query{Viewer: ada}, nil, 10)
		}),
		{"Matching.Among", func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Matching().Among(ctx, matching.Query{Viewer: ada}, id.Profile{1})
			return err
		}},
		discarding("Matching.Candidates", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Matching().Candidates(ctx, id.Profile{}, 10)
		}),
		discarding("Matching.Sight", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Matching().Sight(ctx, ada, ben)
		}),
		discarding("Matching.People", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Matching().People(ctx, ada, ben)
		}),
		discarding("Matching.Residents", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Matching().Residents(ctx, nil, 10)
		}),
		discarding("Matching.Interests", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Matching().Interests(ctx, w.hiking.ID)
		}),
		discarding("Matching.AllInterests", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Matching().AllInterests(ctx, false, nil, 10)
		}),
		discarding("Messaging.ConversationOf", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().ConversationOf(ctx, ada, ben)
		}),
		discarding("Messaging.Unread", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().Unread(ctx, ada)
		}),
		discarding("Messaging.NthOpened", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().NthOpened(ctx, ada, 1)
		}),
		discarding("Messaging.Standing", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().Standing(ctx, w.talk.ID)
		}),
		discarding("Messaging.Message", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().Message(ctx, w.text.ID)
		}),
		discarding("Messaging.History", func(ctx context.Context, tx ports.Tx) (any, error) {
			access, messages, err := tx.Messaging().History(ctx, w.talk.ID, ada, nil, 10)
			return []any{access, messages}, err
		}),
		discarding("Messaging.Attachment", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().Attachment(ctx, w.picture.ID)
		}),
		discarding("Messaging.Overview", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().Overview(ctx, w.talk.ID, ada)
		}),
		discarding("Messaging.Overviews", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().Overviews(ctx, ada, nil, 10)
		}),
		discarding("Reservations.Reservation", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Reservations().Reservation(ctx, w.pending.ID)
		}),
		discarding("Reservations.Held", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Reservations().Held(ctx, ada)
		}),
		discarding("Reservations.InConversation", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Reservations().InConversation(ctx, w.talk.ID, nil, 10)
		}),
		discarding("Reservations.Of", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Reservations().Of(ctx, ada, "", nil, 10)
		}),
		discarding("Reservations.All", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Reservations().All(ctx, "", nil, 10)
		}),
		discarding("Reservations.Agenda", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Reservations().Agenda(ctx, ada, reservations.Agenda{}, nil, 10)
		}),
		discarding("Reservations.Due", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Reservations().Due(ctx, noon, 10)
		}),
		discarding("Reservations.NthProposed", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Reservations().NthProposed(ctx, ada, 1)
		}),
		discarding("Reservations.PendingIn", func(ctx context.Context, tx ports.Tx) (any, error) {
			all, own, err := tx.Reservations().PendingIn(ctx, w.talk.ID, w.ada.ID, 10)
			return []int{all, own}, err
		}),
		discarding("Reservations.Lapsed", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Reservations().Lapsed(ctx, noon, 10)
		}),
		discarding("Rows.Read", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Rows().Read(ctx, ports.Users, nil, 10)
		}),
		{"Marks.Marked", func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Marks().Marked(ctx, w.mark)
			return err
		}},
	}...)
}

// holds returns the calls that read something and hold it until the unit ends.
func (w *town) holds() []call {
	return []call{
		{"Idempotency.Claim", func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Idempotency().Claim(ctx, w.record.Owner, w.record.Key)
			return err
		}},
		discarding("Users.Pin", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().Pin(ctx, w.ada.ID, w.ben.ID)
		}),
		discarding("Users.Hold", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().Hold(ctx, w.ada.ID)
		}),
		{"Users.HoldWithAdmins", func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Users().HoldWithAdmins(ctx, w.ada.ID)
			return err
		}},
		discarding("Matching.HoldInterest", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Matching().HoldInterest(ctx, w.hiking.ID)
		}),
		discarding("Reservations.Hold", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Reservations().Hold(ctx, w.pending.ID)
		}),
		discarding("Messaging.HoldConversation", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().HoldConversation(ctx, w.talk.ID, w.ada.ID, 10)
		}),
	}
}

// writes returns the calls that write, in an order in which one unit can make them.
func (w *town) writes(f *fixture) []call {
	later := noon.Add(time.Hour)
	ada, ben, cleo := w.ada, w.ben, w.cleo
	ada.Name, cleo.Email = "Ada Lovelace", ""
	cleo.Name, cleo.IsActive, cleo.Erased = users.DeletedName, false, true
	reviewed, hills := w.report, w.hiking
	reviewed.Status, reviewed.ReviewedBy, reviewed.ReviewedAt = moderation.Reviewed, w.eve.ID, later
	hills.Name = "Hill walking"
	return append(slices.Concat(w.eventWrites(f), w.notificationWrites(), w.webhookWrites(f)), []call{
		{"Idempotency.Save", func(ctx context.Context, tx ports.Tx) error {
			return claimAndSave(ctx, tx, idempotency.Record{
				Owner: ben.ID.String(), Key: "key-2", Answer: []byte("{}"), CreatedAt: later,
			})
		}},
		{"Idempotency.Forget", func(ctx context.Context, tx ports.Tx) error {
			return tx.Idempotency().Forget(ctx, w.record.Owner)
		}},
		discarding("Idempotency.Purge", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Idempotency().Purge(ctx, later, 10)
		}),
		{"Tokens.Open", func(ctx context.Context, tx ports.Tx) error {
			return tx.Tokens().Open(ctx, tokens.Wallet{ID: id.Wallet(f.ids.Next()), UserID: w.dora.ID})
		}},
		{"Tokens.Post", func(ctx context.Context, tx ports.Tx) error {
			return post(ctx, tx, f.newEntry(ben.ID, 5, tokens.Bonus))
		}},
		discarding("Tokens.Close", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Tokens().Close(ctx, cleo.ID)
		}),
		{"Tokens.Seal", func(ctx context.Context, tx ports.Tx) error { return tx.Tokens().Seal(ctx, w.unsealed) }},
		discarding("Users.Add", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().Add(ctx, f.newUser("newcomer"), hashOf("secret"))
		}),
		{"Users.SetPassword", func(ctx context.Context, tx ports.Tx) error {
			return tx.Users().SetPassword(ctx, w.dora.ID, hashOf("secret"), later)
		}},
		{"Users.Save", func(ctx context.Context, tx ports.Tx) error { return tx.Users().Save(ctx, ada) }},
		discarding("Users.SetEmail", func(ctx context.Context, tx ports.Tx) (any, error) {
			moved, err := tx.Users().User(ctx, w.wanderers[0].ID)
			if err != nil {
				return false, err
			}
			moved.Email = "moved@example.org"
			return tx.Users().SetEmail(ctx, moved)
		}),
		{"Users.Key and Grant", func(ctx context.Context, tx ports.Tx) error {
			return grantWith(ctx, tx, "call", f.secret())
		}},
		{"Users.AddSession", func(ctx context.Context, tx ports.Tx) error {
			s, first := f.newSession(ben.ID)
			first.ExpiresAt = noon
			return tx.Users().AddSession(ctx, s, first)
		}},
		{"Users.AddRefreshToken", func(ctx context.Context, tx ports.Tx) error {
			return tx.Users().AddRefreshToken(ctx, f.newRefreshToken(w.session.ID, later))
		}},
		discarding("Users.UseRefreshToken", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().UseRefreshToken(ctx, w.refresh.Hash, later)
		}),
		{"Users.RevokeSession", func(ctx context.Context, tx ports.Tx) error {
			return tx.Users().RevokeSession(ctx, w.session.ID, later)
		}},
		{"Users.RevokeSessions", func(ctx context.Context, tx ports.Tx) error {
			return tx.Users().RevokeSessions(ctx, ben.ID, w.session.ID, later)
		}},
		discarding("Users.PurgeSessions", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().PurgeSessions(ctx, later, 10)
		}),
		{"Users.AddReset", func(ctx context.Context, tx ports.Tx) error {
			return tx.Users().AddReset(ctx, f.newReset(ben.ID, later), 3)
		}},
		{"Users.DropResets", func(ctx context.Context, tx ports.Tx) error { return tx.Users().DropResets(ctx, ada.ID) }},
		discarding("Users.UseStep", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().UseStep(ctx, ada.ID, w.factor.LastStep+1)
		}),
		discarding("Users.UseRecoveryCode", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().UseRecoveryCode(ctx, ada.ID, w.factor.RecoveryCodes[0])
		}),
		{"Users.DropSecondFactor", func(ctx context.Context, tx ports.Tx) error { return tx.Users().DropSecondFactor(ctx, ada.ID) }},
		{"Users.SaveSecondFactor", func(ctx context.Context, tx ports.Tx) error {
			return tx.Users().SaveSecondFactor(ctx, f.newFactor(ben.ID))
		}},
		discarding("Users.HoldTries", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().HoldTries(ctx, w.tries.Hash)
		}),
		{"Users.SaveTries", func(ctx context.Context, tx ports.Tx) error {
			return tx.Users().SaveTries(ctx, f.newTries(f.secret()))
		}},
		{"Users.GiveBackTries", func(ctx context.Context, tx ports.Tx) error {
			return tx.Users().GiveBackTries(ctx, []users.SecretHash{w.tries.Hash}, f.newTries(f.secret()))
		}},
		{"Users.DropTries", func(ctx context.Context, tx ports.Tx) error { return tx.Users().DropTries(ctx, w.tries.Subject) }},
		discarding("Users.PurgeTries", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Users().PurgeTries(ctx, later, 10)
		}),
		{"Users.Erase", func(ctx context.Context, tx ports.Tx) error { return tx.Users().Erase(ctx, cleo) }},
		discarding("Moderation.AddReport", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Moderation().AddReport(ctx, f.newReport(ben.ID, ada.ID), f.newReportedMessage(ada.ID, later))
		}),
		discarding("Moderation.ChangeReport", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Moderation().ChangeReport(ctx, reviewed, moderation.Pending)
		}),
		{"Moderation.AddSanction", func(ctx context.Context, tx ports.Tx) error {
			return tx.Moderation().AddSanction(ctx, f.newSanction(ada.ID, ben.ID))
		}},
		{"Moderation.SaveSanction", func(ctx context.Context, tx ports.Tx) error {
			s := w.sanction
			s.Appeal, s.AppealedAt = "But I never did", later
			return tx.Moderation().SaveSanction(ctx, s)
		}},
		discarding("Moderation.Block", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Moderation().Block(ctx, moderation.Block{UserID: ada.ID, BlockedUserID: w.dora.ID,
				CreatedAt: later})
		}),
		discarding("Moderation.Unblock", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Moderation().Unblock(ctx, ada.ID, w.dora.ID)
		}),
		{"Moderation.DropBlocks", func(ctx context.Context, tx ports.Tx) error {
			return tx.Moderation().DropBlocks(ctx, cleo.ID)
		}},
		{"Moderation.AddAudit", func(ctx context.Context, tx ports.Tx) error {
			return tx.Moderation().AddAudit(ctx, moderation.AuditRecord{
				ID: id.AuditRecord(f.ids.Next()), Action: moderation.ActionAdminAppointed,
				SubjectID: id.Subject(ada.ID), CreatedAt: later,
			})
		}},
		{"Matching.SaveProfile", func(ctx context.Context, tx ports.Tx) error {
			return tx.Matching().SaveProfile(ctx, f.newProfile(w.dora), []id.Interest{w.hiking.ID})
		}},
		{"Matching.DropProfile", func(ctx context.Context, tx ports.Tx) error {
			return tx.Matching().DropProfile(ctx, ben.ID)
		}},
		{"Matching.AddCorrespondent", func(ctx context.Context, tx ports.Tx) error {
			return tx.Matching().AddCorrespondent(ctx, matching.Correspondent{UserID: w.cleo.ID, ReaderID: ben.ID})
		}},
		discarding("Matching.AddInterest", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Matching().AddInterest(ctx, f.newInterest("cooking"))
		}),
		discarding("Matching.SaveInterest", func(ctx context.Context, tx ports.Tx) (any, error) {
			if _, err := tx.Matching().HoldInterest(ctx, hills.ID); err != nil {
				return false, err
			}
			return tx.Matching().SaveInterest(ctx, hills)
		}),
		{"Messaging.OpenConversation", func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Messaging().OpenConversation(ctx, f.newConversation(ben.ID, ada.ID))
			return err
		}},
		{"Messaging.AddMessage", func(ctx context.Context, tx ports.Tx) error {
			m := f.newMessage(w.talk, ada.ID, later)
			m.Attachment = w.image.MediaType
			return tx.Messaging().AddMessage(ctx, m, &w.image)
		}},
		discarding("Messaging.CleanAttachment", func(ctx context.Context, tx ports.Tx) (any, error) {
			a := w.image
			a.Cleaned = true
			return tx.Messaging().CleanAttachment(ctx, w.picture.ID, a)
		}),
		discarding("Messaging.MarkRead", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Messaging().MarkRead(ctx, w.talk.ID, ada.ID, page.Moment{At: later})
		}),
		{"Reservations.Add", func(ctx context.Context, tx ports.Tx) error {
			return tx.Reservations().Add(ctx, f.newReservation(w.talk, 9))
		}},
		discarding("Reservations.Move", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Reservations().Move(ctx, w.pending, reservations.Accepted, later)
		}),
		{"Rows.Write", func(ctx context.Context, tx ports.Tx) error {
			return tx.Rows().Write(ctx, ports.StoreMarks, []ports.Row{{"copied", later}})
		}},
		{"Marks.Mark", func(ctx context.Context, tx ports.Tx) error { return tx.Marks().Mark(ctx, "further", later) }},
	}...)
}

// discarding returns a call that discards the result of fn.
func discarding(name string, fn func(ctx context.Context, tx ports.Tx) (any, error)) call {
	return call{name, func(ctx context.Context, tx ports.Tx) error {
		_, err := fn(ctx, tx)
		return err
	}}
}

// post writes entries and discards the receipts.
func post(ctx context.Context, tx ports.Tx, entries ...tokens.Entry) error {
	_, err := tx.Tokens().Post(ctx, entries...)
	return err
}

// claimAndSave saves a record whose key is free.
func claimAndSave(ctx context.Context, tx ports.Tx, r idempotency.Record) error {
	if err := claimFree(ctx, tx, r.Owner, r.Key); err != nil {
		return err
	}
	return tx.Idempotency().Save(ctx, r)
}

// claimFree claims a key, and returns an error if the key has a record.
func claimFree(ctx context.Context, tx ports.Tx, owner string, key idempotency.Key) error {
	switch _, err := tx.Idempotency().Claim(ctx, owner, key); {
	case err == nil:
		return fmt.Errorf("the key %s has a record", key)
	case errors.Is(err, fault.NotFound):
		return nil
	default:
		return err
	}
}
