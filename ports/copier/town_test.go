package copier_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
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

var noon = time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)

// town is a store with rows in every table that breaks no rule.
type town struct {
	testing.TB
	store  *ports.Store
	ids    *id.Generator
	ledger *tokens.Ledger
}

func newTown(t testing.TB) *town {
	t.Helper()
	ids := id.NewGenerator(nil)
	w := &town{TB: t, store: newStore(memory.New()), ids: ids, ledger: tokens.NewLedger(ids)}
	ada, ben, cleo, dora := w.user("ada"), w.user("ben"), w.user("cleo"), w.user("dora")
	for _, fill := range []error{
		w.store.Do(t.Context(), func(ctx context.Context, tx ports.Tx) error { return w.accounts(ctx, tx, ada, ben) }),
		w.store.Do(t.Context(), func(ctx context.Context, tx ports.Tx) error { return w.talk(ctx, tx, ada, ben) }),
		w.store.Do(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			return w.moderation(ctx, tx, cleo, dora)
		}),
		w.seal(),
		w.store.Do(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Events().Number(ctx, 5)
			return err
		}),
		w.store.Do(t.Context(), w.subscribe),
	} {
		if fill != nil {
			t.Fatal(fill)
		}
	}
	return w
}

// seal seals all transactions.
func (w *town) seal() error {
	sealer, err := tokens.NewSealer(ports.ForTokens(w.store), nil, tokens.DefaultPolicy())
	if err != nil {
		return err
	}
	return sealer.SealAll(w.Context())
}

// user stores an account with 50 tokens.
func (w *town) user(name string) id.User {
	w.Helper()
	u := users.User{
		ID: id.User(w.ids.Next()), Name: name, Email: name + "@example.org", Bio: "about " + name, Role: users.RoleUser,
		IsActive: true, Version: 1, CreatedAt: noon, UpdatedAt: noon,
	}
	err := w.store.Do(w.Context(), func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Users().Add(ctx, u, users.NewPasswordHash("hash of "+name))
		return errors.Join(err, w.ledger.Open(ctx, tx, u.ID),
			w.post(ctx, tx, u.ID, 50, tokens.SignupBonus, tokens.Metadata{}))
	})
	if err != nil {
		w.Fatal(err)
	}
	return u.ID
}

func (w *town) post(
	ctx context.Context, tx ports.Tx, user id.User, amount int64, kind tokens.Type, why tokens.Metadata,
) error {
	_, err := w.ledger.Post(ctx, tx, noon, tokens.Movement{UserID: user, Amount: amount, Type: kind, Metadata: why})
	return err
}

func (w *town) hash() [32]byte {
	unique := w.ids.Next()
	return [32]byte(slices.Concat(unique[:], unique[:]))
}

// accounts adds sessions, a password reset, profiles with interests, an idempotency record and a
// mark.
func (w *town) accounts(ctx context.Context, tx ports.Tx, ada, ben id.User) error {
	var errs []error
	var interests []id.Interest
	for _, name := range []string{"hiking", "chess"} {
		interest := matching.Interest{ID: id.Interest(w.ids.Next()), Name: name, IsActive: true}
		_, err := tx.Matching().AddInterest(ctx, interest)
		errs, interests = append(errs, err), append(interests, interest.ID)
	}
	for _, user := range []id.User{ada, ben} {
		session := users.Session{ID: id.Session(w.ids.Next()), UserID: user, CreatedAt: noon, LastUsedAt: noon, Client: "a browser", Address: "192.0.2.0/24"}
		refresh := users.RefreshToken{Hash: w.hash(), SessionID: session.ID, CreatedAt: noon, ExpiresAt: noon}
		profile := matching.Profile{ID: id.Profile(w.ids.Next()), UserID: user, Age: 30, IsSearchable: true}
		errs = append(errs, tx.Users().AddSession(ctx, session, refresh),
			tx.Matching().SaveProfile(ctx, profile, interests))
	}
	answer := idempotency.Record{
		Owner: ada.String(), Key: "k", Fingerprint: w.hash(), Answer: []byte("{}"), CreatedAt: noon,
	}
	return errors.Join(append(errs,
		tx.Users().AddReset(ctx, users.Reset{ID: id.Reset(w.ids.Next()), UserID: ben, Hash: w.hash(), ExpiresAt: noon}, 1),
		tx.Users().SaveSecondFactor(ctx, users.SecondFactor{UserID: ben, Secret: []byte("sealed"), RecoveryCodes: []string{"a"}}),
		tx.Notifications().SavePreferences(ctx, ben, notifications.Preference{UserID: ben, Kind: notifications.NewMessage, Channel: notifications.None}),
		tx.Notifications().Seen(ctx, ben, noon),
		tx.Notifications().AddNotice(ctx, notifications.Notice{UserID: ben, Kind: notifications.ReportDecided, SubjectID: id.Subject(w.ids.Next()), DueAt: noon, CreatedAt: noon}),
		tx.Idempotency().Save(ctx, answer), tx.Marks().Mark(ctx, "demo", noon), grants(ctx, tx))...)
}

// talk adds a conversation with messages that were paid for, an image and two proposals.
func (w *town) talk(ctx context.Context, tx ports.Tx, voyager, local id.User) error {
	talk := messaging.Conversation{
		ID: id.Conversation(w.ids.Next()), VoyagerID: voyager, LocalID: local, CreatedAt: noon,
	}
	_, _, err := tx.Messaging().OpenConversation(ctx, talk)
	errs := []error{
		err,
		tx.Matching().AddCorrespondent(ctx, matching.Correspondent{UserID: voyager, ReaderID: local}),
		tx.Matching().AddCorrespondent(ctx, matching.Correspondent{UserID: local, ReaderID: voyager}),
	}
	for i, sender := range []id.User{voyager, local, voyager} {
		m := messaging.Message{
			ID: id.Message(w.ids.Next()), ConversationID: talk.ID, UserID: sender, Content: fmt.Sprint("words ", i),
			CreatedAt: noon,
		}
		var image *messaging.Attachment
		if sender == local {
			image = &messaging.Attachment{MediaType: "image/png", Bytes: []byte("\x89PNG")}
			m.Content, m.Attachment = "", image.MediaType
		}
		errs = append(errs, tx.Messaging().AddMessage(ctx, m, image),
			w.post(ctx, tx, sender, -1, tokens.MessageSent, tokens.Reference("message_id", m.ID)))
	}
	m := messaging.Message{
		ID: id.Message(w.ids.Next()), ConversationID: talk.ID, UserID: local, Content: "rude words", CreatedAt: noon,
	}
	_, err = tx.Moderation().AddReport(ctx, moderation.Report{
		ID: id.Report(w.ids.Next()), ReporterID: voyager, ReportedUserID: local, Reason: "rude", MessageID: m.ID,
		Status: moderation.Dismissed, ReviewedBy: voyager, ReviewedAt: noon, CreatedAt: noon,
	}, moderation.ReportedMessage{MessageID: m.ID, UserID: local, Content: m.Content, CreatedAt: noon})
	errs = append(errs, err, tx.Messaging().AddMessage(ctx, m, nil),
		w.post(ctx, tx, local, -1, tokens.MessageSent, tokens.Reference("message_id", m.ID)))
	for i := range 2 {
		begin := noon.Add(time.Duration(i) * time.Hour)
		errs = append(errs, tx.Reservations().Add(ctx, reservations.Reservation{
			ID: id.Reservation(w.ids.Next()), ConversationID: talk.ID, VoyagerID: voyager, LocalID: local,
			CreatorID: voyager,
			Title:     "a walk", Tokens: 5, Date: begin, EndDate: begin.Add(time.Hour), Status: reservations.Pending,
			CreatedAt: noon, UpdatedAt: noon,
		}))
	}
	return errors.Join(errs...)
}

// moderation adds a report, a block and an audit record.
func (w *town) moderation(ctx context.Context, tx ports.Tx, by, of id.User) error {
	report := moderation.Report{
		ID: id.Report(w.ids.Next()), ReporterID: by, ReportedUserID: of, Reason: "rude", Status: moderation.Pending,
		CreatedAt: noon,
	}
	sanction := moderation.Sanction{
		ID: id.Sanction(w.ids.Next()), UserID: of, Kind: moderation.Warning, Reason: "rude", CreatedBy: by, CreatedAt: noon,
	}
	record := moderation.AuditRecord{
		ID: id.AuditRecord(w.ids.Next()), ActorID: by, Action: moderation.ActionUserChanged,
		SubjectID: id.Subject(of), CreatedAt: noon,
	}
	endpoint := webhooks.Endpoint{ID: id.Webhook(w.ids.Next()), URL: "https://example.net/", Secret: []byte("sealed"), CreatedAt: noon, UpdatedAt: noon}
	if err := tx.Webhooks().Put(ctx, endpoint); err != nil {
		return err
	}
	_, err := tx.Subscriptions().Subscribe(ctx, events.Subscription{Name: webhooks.Subscription(endpoint.ID), State: events.Active, Since: noon})
	if err != nil {
		return err
	}
	_, err = tx.Moderation().AddReport(ctx, report)
	_, err2 := tx.Moderation().Block(ctx, moderation.Block{UserID: by, BlockedUserID: of, CreatedAt: noon})
	return errors.Join(err, err2, tx.Moderation().AddSanction(ctx, sanction), tx.Moderation().AddAudit(ctx, record))
}

// subscribe adds a subscription that has set aside the first event.
func (w *town) subscribe(ctx context.Context, tx ports.Tx) error {
	const name, holder = "mail", "relay-1"
	_, err := tx.Subscriptions().Subscribe(ctx, events.Subscription{Name: name, State: events.Active, Since: noon})
	s, _, err2 := tx.Subscriptions().Lease(ctx, name, holder, noon, noon.Add(time.Minute))
	_, err3 := tx.Subscriptions().SetAside(ctx, s.Leased(), events.SetAside{
		Subscriber: name, Position: 1, Attempts: 3, Class: "timeout", At: noon, State: events.Waiting,
	})
	return errors.Join(err, err2, err3)
}

// rows returns all rows of the town by table.
func (w *town) rows() map[*ports.Table][]ports.Row {
	w.Helper()
	return allRows(w, w.store)
}

func allRows(t testing.TB, s *ports.Store) map[*ports.Table][]ports.Row {
	t.Helper()
	all := map[*ports.Table][]ports.Row{}
	err := s.Snapshot(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		for _, table := range ports.Tables {
			for row, err := range ports.Scan(ctx, tx.Rows(), table, nil, 0) {
				if err != nil {
					return err
				}
				all[table] = append(all[table], row)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// key names a row.
func key(table *ports.Table, row ports.Row) string {
	var b strings.Builder
	for _, value := range row[:table.Key] {
		fmt.Fprintf(&b, "%x ", value)
	}
	return b.String()
}

// grants fills a page of grants, one of counts of tries, and one of keys.
func grants(ctx context.Context, tx ports.Tx) error {
	var errs []error
	for i := range 3 {
		hash := sha256.Sum256([]byte{byte(i)})
		_, err := tx.Users().Key(ctx, []string{users.GrantKey, users.TryKey, "a"}[i], hash[:])
		_, err2 := tx.Users().Grant(ctx, hash)
		err3 := tx.Users().SaveTries(ctx, users.Tries{Hash: hash, Subject: hash, Count: 1, LastAt: noon, ExpiresAt: noon})
		errs = append(errs, err, err2, err3)
	}
	return errors.Join(errs...)
}
