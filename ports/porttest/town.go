package porttest

import (
	"context"
	"fmt"
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
	"github.com/cicerone-go/cicerone/ports"
)

// town is a small community with rows in every table. It obeys every rule but one: Dora has no
// wallet.
type town struct {
	ada, ben  users.User // a voyager and a local with a conversation
	cleo      users.User // has no conversation
	dora      users.User // has neither a wallet nor a password
	eve       users.User // an admin
	session   users.Session
	refresh   users.RefreshToken
	reset     users.Reset
	hiking    matching.Interest
	fishing   matching.Interest // inactive
	talk      messaging.Conversation
	text      messaging.Message // from Ada
	picture   messaging.Message // from Ben, with an image
	image     messaging.Attachment
	pending   reservations.Reservation
	accepted  reservations.Reservation
	report    moderation.Report
	filed     moderation.FiledReport // by Ada about Ben, with their messages
	sanction  moderation.Sanction    // a warning to Cleo
	audit     moderation.AuditRecord
	tries     users.Tries
	factor    users.SecondFactor // of Ada, not active
	record    idempotency.Record
	unsealed  tokens.Seal // of a transaction of Eve, which is not sealed yet
	mark      string
	mail      events.Subscription  // leased, and at its first event
	waiting   events.Event         // in the outbox
	sent      events.Numbered      // is not set aside
	aside     events.SetAside      // of mail
	notice    notifications.Notice // of Ada, due at noon
	hook      webhooks.Endpoint
	wanderers []users.User // further accounts, to fill pages
}

func (f *fixture) town() *town {
	f.Helper()
	w := &town{mark: "demo", image: messaging.Attachment{MediaType: "image/png", Bytes: []byte("\x89PNG\x00\xff\xfe")}}
	w.ada, w.ben, w.cleo = f.rich("ada", 50), f.rich("ben", 50), f.rich("cleo", 50)
	w.eve = f.rich("eve", 50, admin)
	w.wanderers = f.many(4, "wanderer")
	w.dora = f.newUser("dora")
	w.hook = f.newWebhook("search")
	w.session, w.refresh = f.newSession(w.ada.ID)
	w.reset = f.newReset(w.ada.ID, noon.Add(time.Hour))
	w.hiking, w.fishing = f.interest("Hiking"), f.interest("fishing")
	w.fishing.IsActive = false
	f.saveInterest(w.fishing)
	f.profile(w.ada, w.hiking, w.fishing)
	f.profile(w.ben, w.hiking)
	w.talk = f.conversation(w.ada, w.ben)
	w.text = f.newMessage(w.talk, w.ada.ID, noon.Add(time.Minute))
	w.picture = f.newMessage(w.talk, w.ben.ID, noon.Add(2*time.Minute))
	w.picture.Content, w.picture.Attachment = "", w.image.MediaType
	w.pending, w.accepted = f.newReservation(w.talk, 0), f.newReservation(w.talk, 5)
	w.report = f.newReport(w.cleo.ID, w.ben.ID)
	w.filed.Report = f.newReport(w.ada.ID, w.ben.ID)
	w.filed.MessageID = w.picture.ID
	for _, m := range []messaging.Message{w.text, w.picture} {
		w.filed.Messages = append(w.filed.Messages, moderation.ReportedMessage{
			MessageID: m.ID, UserID: m.UserID, Content: m.Content, Attachment: m.Attachment, CreatedAt: m.CreatedAt,
		})
	}
	w.sanction = f.newSanction(w.cleo.ID, w.eve.ID)
	w.sanction.Kind, w.sanction.EndsAt = moderation.Warning, time.Time{}
	w.audit = moderation.AuditRecord{
		ID: id.AuditRecord(f.ids.Next()), ActorID: w.eve.ID, Action: moderation.ActionUserChanged,
		SubjectID: id.Subject(w.cleo.ID), Reason: "they asked", Details: moderation.Details{"name": "cleo"},
		CreatedAt: noon,
	}
	w.tries = users.Tries{
		Hash: f.secret(), Subject: f.secret(), Count: 2, LastAt: noon, Told: true, ExpiresAt: noon.Add(time.Hour),
	}
	w.factor = f.newFactor(w.ada.ID)
	w.record = idempotency.Record{
		Owner: w.ada.ID.String(), Key: "key-1", Fingerprint: f.secret(), Answer: []byte(`{"id":1}`), CreatedAt: noon,
	}
	f.seal(f.chainOf(w.ada.ID)...)
	f.do(func(ctx context.Context, tx ports.Tx) error { return w.fill(ctx, tx, f) })
	w.accepted.Status, w.accepted.UpdatedAt = reservations.Accepted, noon.Add(time.Minute)
	w.unsealed = f.chainOf(w.eve.ID)[0]
	w.tell(f)
	w.toldOf(f)
	return w
}

func (w *town) fill(ctx context.Context, tx ports.Tx, f *fixture) error {
	if _, err := tx.Users().Add(ctx, w.dora, users.PasswordHash{}); err != nil {
		return err
	}
	if _, err := tx.Moderation().AddReport(ctx, w.report); err != nil {
		return err
	}
	if _, err := tx.Moderation().AddReport(ctx, w.filed.Report, w.filed.Messages...); err != nil {
		return err
	}
	if err := claimAndSave(ctx, tx, w.record); err != nil {
		return err
	}
	if moved, err := w.accept(ctx, tx, f); err != nil || moved != reservations.Done {
		return fmt.Errorf("accept a reservation: %v, %w", moved, err)
	}
	return inOrder(
		func() error { return tx.Users().AddSession(ctx, w.session, w.refresh) },
		func() error { return tx.Users().SaveSecondFactor(ctx, w.factor) },
		func() error { return tx.Webhooks().Put(ctx, w.hook) },
		func() error {
			_, err := tx.Subscriptions().Subscribe(ctx, events.Subscription{
				Name: webhooks.Subscription(w.hook.ID), State: events.Active, Since: noon,
			})
			return err
		},
		func() error { return tx.Users().AddReset(ctx, w.reset, 3) },
		func() error { return tx.Messaging().AddMessage(ctx, w.text, nil) },
		func() error { return f.pay(ctx, tx, w.text) },
		func() error {
			return tx.Matching().AddCorrespondent(ctx, matching.Correspondent{UserID: w.ada.ID, ReaderID: w.ben.ID})
		},
		func() error { return tx.Messaging().AddMessage(ctx, w.picture, &w.image) },
		func() error { return f.pay(ctx, tx, w.picture) },
		func() error {
			return tx.Matching().AddCorrespondent(ctx, matching.Correspondent{UserID: w.ben.ID, ReaderID: w.ada.ID})
		},
		func() error { return tx.Reservations().Add(ctx, w.pending) },
		func() error { return tx.Moderation().AddSanction(ctx, w.sanction) },
		func() error { return tx.Moderation().AddAudit(ctx, w.audit) },
		func() error { return tx.Marks().Mark(ctx, w.mark, noon) },
		func() error { return grantWith(ctx, tx, users.GrantKey, f.secret()) },
		func() error {
			_, err := f.key(ctx, tx, users.TryKey, f.secret())
			return err
		},
		func() error { return tx.Users().SaveTries(ctx, w.tries) },
		func() error {
			_, err := tx.Moderation().Block(ctx, moderation.Block{UserID: w.cleo.ID, BlockedUserID: w.dora.ID,
				CreatedAt: noon})
			return err
		},
	)
}

// tell adds events, and a subscription that has set the first of them aside.
func (w *town) tell(f *fixture) {
	f.Helper()
	two := f.someEvents(2)
	w.sent, w.waiting = two[1], f.newEvent(w.ada.ID, 1)
	f.addEvents(w.waiting)
	l := f.leased("mail", "relay-1")
	w.aside = newAside("mail", two[0].Position)
	f.setAside(l, w.aside)
	w.mail = f.subscription("mail")
}

func (w *town) accept(ctx context.Context, tx ports.Tx, f *fixture) (reservations.MoveResult, error) {
	if err := tx.Reservations().Add(ctx, w.accepted); err != nil {
		return 0, err
	}
	payment := f.newEntry(w.ada.ID, -w.accepted.Tokens, tokens.ActivityPayment)
	payment.Metadata = tokens.Reference("reservation_id", w.accepted.ID)
	if err := post(ctx, tx, payment); err != nil {
		return 0, err
	}
	return tx.Reservations().Move(ctx, w.accepted, reservations.Accepted,
		noon.Add(time.Minute))
}

// pay debits the sender of a message.
func (f *fixture) pay(ctx context.Context, tx ports.Tx, m messaging.Message) error {
	e := f.newEntry(m.UserID, -1, tokens.MessageSent)
	e.Metadata = tokens.Reference("message_id", m.ID)
	return post(ctx, tx, e)
}

// inOrder calls steps one after another, up to the first error.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// grantWith stores a key, and grants a bonus.
func grantWith(ctx context.Context, tx ports.Tx, name string, hash users.SecretHash) error {
	if _, err := tx.Users().Key(ctx, name, hash[:]); err != nil {
		return err
	}
	_, err := tx.Users().Grant(ctx, hash)
	return err
}
