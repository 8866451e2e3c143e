package audit_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

var noon = time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)

// town is a store that breaks no rule and has rows for every rule.
type town struct {
	testing.TB
	store  *ports.Store
	ids    *id.Generator
	ledger *tokens.Ledger

	ada, ben, cleo, gone users.User // a voyager, a local, an admin, and an erased user
	talk                 messaging.Conversation
	sent                 []messaging.Message // in talk
}

func newTown(t testing.TB) *town {
	t.Helper()
	ids := id.NewGenerator(nil)
	w := &town{TB: t, store: ports.NewStore(memory.New(), uow.Policy{}), ids: ids, ledger: tokens.NewLedger(ids)}
	w.ada, w.ben, w.cleo, w.gone = w.user("ada"), w.user("ben"), w.user("cleo"), w.user("gone")
	for _, fill := range []func(ctx context.Context, tx ports.Tx) error{
		w.accounts, w.profiles, w.conversations, w.messages, w.reservations, w.moderation, w.erasure, w.leftovers,
		w.events,
	} {
		w.do(fill)
	}
	sealer, err := tokens.NewSealer(ports.ForTokens(w.store), nil, tokens.DefaultPolicy())
	if err == nil {
		err = sealer.SealAll(w.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *town) heads() tokens.Heads {
	w.Helper()
	service, err := tokens.NewService(ports.ForTokens(w.store))
	if err != nil {
		w.Fatal(err)
	}
	heads, err := service.Heads(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return heads
}

func (w *town) do(fn func(ctx context.Context, tx ports.Tx) error) {
	w.Helper()
	if err := w.store.Do(w.Context(), fn); err != nil {
		w.Fatal(err)
	}
}

// user stores an account with 50 tokens.
func (w *town) user(name string) users.User {
	w.Helper()
	u := users.User{
		ID: id.User(w.ids.Next()), Name: name, Email: name + "@example.org", Bio: "about " + name, Role: users.RoleUser,
		IsActive: true, Version: 1, CreatedAt: noon, UpdatedAt: noon,
	}
	w.do(func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Users().Add(ctx, u, users.NewPasswordHash("hash of "+name))
		return errors.Join(err, w.ledger.Open(ctx, tx, u.ID),
			w.post(ctx, tx, u.ID, 50, tokens.SignupBonus, tokens.Metadata{}))
	})
	return u
}

func (w *town) post(
	ctx context.Context, tx ports.Tx, user id.User, amount int64, kind tokens.Type, metadata tokens.Metadata,
) error {
	_, err := w.ledger.Post(ctx, tx, noon, tokens.Movement{UserID: user, Amount: amount, Type: kind,
		Metadata: metadata})
	return err
}

// events numbers half of the events, and sets one of them aside.
func (w *town) events(ctx context.Context, tx ports.Tx) error {
	ofAda := func(seq int64) events.Event {
		return events.New(w.ids, noon, seq, events.ProfileChanged{UserID: w.ada.ID})
	}
	_, err := tx.Events().Number(ctx, 1000)
	err = errors.Join(err, tx.Events().Add(ctx, ofAda(2), ofAda(5)))
	n, err2 := tx.Events().Number(ctx, 1000)
	b, err3 := tx.Events().Backlog(ctx)
	if n != 2 || b.Highest < 3 {
		return fmt.Errorf("numbered %d of 2 events, up to %d: %w", n, b.Highest, errors.Join(err, err2, err3))
	}
	_, err4 := tx.Subscriptions().Subscribe(ctx, events.Subscription{Name: "mail", State: events.Active, Since: noon})
	s, _, err5 := tx.Subscriptions().Lease(ctx, "mail", "relay", noon, noon.Add(time.Minute))
	_, err6 := tx.Subscriptions().SetAside(ctx, s.Leased(), events.SetAside{
		Subscriber: "mail", Position: b.Highest, Attempts: 5, Class: "timeout", At: noon, State: events.Waiting,
	})
	endpoint := webhooks.Endpoint{
		ID: id.Webhook(w.ids.Next()), URL: "https://example.org", Secret: []byte("sealed"), CreatedAt: noon, UpdatedAt: noon,
	}
	_, err7 := tx.Subscriptions().Subscribe(ctx, events.Subscription{Name: webhooks.Subscription(endpoint.ID), State: events.Active, Since: noon})
	return errors.Join(err, err2, err3, err4, err5, err6, err7, tx.Webhooks().Put(ctx, endpoint), tx.Events().Add(ctx, ofAda(6), ofAda(9)))
}

func (w *town) hash() [32]byte {
	unique := w.ids.Next()
	return [32]byte(slices.Concat(unique[:], unique[:]))
}

func (w *town) accounts(ctx context.Context, tx ports.Tx) error {
	session := users.Session{ID: id.Session(w.ids.Next()), UserID: w.ada.ID, CreatedAt: noon, LastUsedAt: noon}
	w.cleo.Role, w.cleo.SecondFactor = users.RoleAdmin, true
	return errors.Join(
		tx.Users().Save(ctx, w.cleo),
		tx.Users().SaveSecondFactor(ctx, users.SecondFactor{UserID: w.cleo.ID, Secret: []byte("sealed")}),
		tx.Notifications().SavePreferences(ctx, w.ada.ID, notifications.Preference{UserID: w.ada.ID, Kind: notifications.NewMessage, Channel: notifications.None}),
		tx.Notifications().Seen(ctx, w.ada.ID, noon),
		tx.Notifications().AddNotice(ctx, notifications.Notice{
			UserID: w.ada.ID, Kind: notifications.ReportDecided, SubjectID: id.Subject(w.ids.Next()), DueAt: noon, CreatedAt: noon,
		}),
		tx.Users().AddSession(ctx, session, users.RefreshToken{Hash: w.hash(), SessionID: session.ID, CreatedAt: noon,
			ExpiresAt: noon}),
		tx.Users().AddReset(ctx, users.Reset{ID: id.Reset(w.ids.Next()), UserID: w.ben.ID, Hash: w.hash(), ExpiresAt: noon}, 1),
	)
}

func (w *town) profiles(ctx context.Context, tx ports.Tx) error {
	hiking := matching.Interest{ID: id.Interest(w.ids.Next()), Name: "Hiking", IsActive: true}
	chess := matching.Interest{ID: id.Interest(w.ids.Next()), Name: "chess", IsActive: true}
	_, err := tx.Matching().AddInterest(ctx, hiking)
	_, err2 := tx.Matching().AddInterest(ctx, chess)
	profile := func(u users.User, age int) error {
		p := matching.Profile{ID: id.Profile(w.ids.Next()), UserID: u.ID, Age: age, IsSearchable: true}
		return tx.Matching().SaveProfile(ctx, p, []id.Interest{hiking.ID, chess.ID})
	}
	return errors.Join(err, err2, profile(w.ada, 0), profile(w.ben, 30))
}

func (w *town) conversations(ctx context.Context, tx ports.Tx) error {
	open := func(voyager, local users.User) (messaging.Conversation, error) {
		c := messaging.Conversation{
			ID: id.Conversation(w.ids.Next()), VoyagerID: voyager.ID, LocalID: local.ID, CreatedAt: noon,
		}
		_, _, err := tx.Messaging().OpenConversation(ctx, c)
		return c, err
	}
	talk, err := open(w.ada, w.ben)
	w.talk = talk
	_, err2 := open(w.ben, w.ada)
	_, err3 := open(w.cleo, w.ben)
	return errors.Join(err, err2, err3)
}

func (w *town) messages(ctx context.Context, tx ports.Tx) error {
	send := func(sender users.User, content string, cost int64, a *messaging.Attachment) error {
		m := messaging.Message{
			ID: id.Message(w.ids.Next()), ConversationID: w.talk.ID, UserID: sender.ID, Content: content,
			CreatedAt: noon,
		}
		if a != nil {
			m.Attachment = a.MediaType
		}
		w.sent = append(w.sent, m)
		charge := w.post(ctx, tx, sender.ID, -cost, tokens.MessageSent, tokens.Reference("message_id", m.ID))
		pair := matching.Correspondent{UserID: sender.ID, ReaderID: w.talk.Other(sender.ID)}
		return errors.Join(charge, tx.Messaging().AddMessage(ctx, m, a), tx.Matching().AddCorrespondent(ctx, pair))
	}
	return errors.Join(
		send(w.ada, "private words", 1, nil),
		send(w.ada, "more of them", 1, nil),
		send(w.ada, "sent while it was free", 0, nil),
		send(w.ben, "", 1, &messaging.Attachment{MediaType: "image/png", Bytes: []byte("\x89PNG")}),
		send(w.ben, "", 1, &messaging.Attachment{MediaType: "image/gif", Bytes: []byte("GIF89a")}),
	)
}

func (w *town) reservations(ctx context.Context, tx ports.Tx) error {
	const pending, accepted = reservations.Pending, reservations.Accepted
	var errs []error
	for i, s := range []struct {
		title  string
		tokens int64
		path   []reservations.Status
	}{
		{"pending", 5, nil},
		{"declined", 5, []reservations.Status{reservations.Declined}},
		{"withdrawn", 5, []reservations.Status{reservations.Cancelled}},
		{"accepted", 5, []reservations.Status{accepted}},
		{"next", 7, []reservations.Status{accepted}}, // begins when "accepted" ends
		{"cancelled", 5, []reservations.Status{accepted, reservations.Cancelled}},
		{"completed", 5, []reservations.Status{accepted, reservations.Completed}},
		{"expired", 5, []reservations.Status{reservations.Expired}},
		{"free", 0, []reservations.Status{accepted}},
	} {
		begin := noon.Add(time.Duration(i) * time.Hour)
		r := reservations.Reservation{
			ID: id.Reservation(w.ids.Next()), ConversationID: w.talk.ID, VoyagerID: w.ada.ID, LocalID: w.ben.ID,
			CreatorID: w.ada.ID,
			Title:     s.title, Tokens: s.tokens, Date: begin, EndDate: begin.Add(time.Hour), Status: pending,
			CreatedAt: noon, UpdatedAt: noon,
		}
		errs = append(errs, tx.Reservations().Add(ctx, r))
		for _, to := range s.path {
			moved, err := tx.Reservations().Move(ctx, r, to, noon)
			if moved != reservations.Done {
				err = fmt.Errorf("%s did not become %s", s.title, to)
			}
			errs = append(errs, err, w.settle(ctx, tx, r, to))
			r.Status = to
		}
	}
	return errors.Join(errs...)
}

func (w *town) settle(ctx context.Context, tx ports.Tx, r reservations.Reservation, to reservations.Status) error {
	reference := tokens.Reference("reservation_id", r.ID)
	switch {
	case to == reservations.Accepted:
		return w.post(ctx, tx, r.VoyagerID, -r.Tokens, tokens.ActivityPayment, reference)
	case to == reservations.Completed:
		return w.post(ctx, tx, r.LocalID, r.Tokens, tokens.ActivityReceipt, reference)
	case r.Status == reservations.Accepted:
		return w.post(ctx, tx, r.VoyagerID, r.Tokens, tokens.Refund, reference)
	}
	return nil
}

func (w *town) moderation(ctx context.Context, tx ports.Tx) error {
	report := moderation.Report{
		ID: id.Report(w.ids.Next()), ReporterID: w.ada.ID, ReportedUserID: w.ben.ID, Reason: "rude",
		Status: moderation.Pending, CreatedAt: noon,
	}
	_, err := tx.Moderation().AddReport(ctx, report)
	message := report
	message.ID, message.MessageID, message.Status = id.Report(w.ids.Next()), w.sent[1].ID, moderation.Dismissed
	message.ReviewedBy, message.ReviewedAt = w.cleo.ID, noon
	noted := report
	noted.AdminNotes = "looked at"
	_, err2 := tx.Moderation().ChangeReport(ctx, noted, moderation.Pending)
	report.ID, report.ReporterID, report.ReportedUserID = id.Report(w.ids.Next()), w.ben.ID, w.ada.ID
	_, err3 := tx.Moderation().AddReport(ctx, report)
	report.Status, report.ReviewedBy, report.ReviewedAt = moderation.Resolved, w.cleo.ID, noon
	_, err4 := tx.Moderation().ChangeReport(ctx, report, moderation.Pending)
	sanction := moderation.Sanction{
		ID: id.Sanction(w.ids.Next()), UserID: w.ben.ID, Kind: moderation.Warning, Reason: "rude", CreatedBy: w.cleo.ID, CreatedAt: noon,
		Appeal: "why", AppealedAt: noon, Outcome: moderation.Upheld, DecidedBy: w.cleo.ID, DecidedAt: noon,
	}
	err6 := tx.Moderation().AddSanction(ctx, sanction)
	_, err5 := tx.Moderation().AddReport(ctx, message, reported(w.sent[0]), reported(w.sent[1]))
	record := moderation.AuditRecord{
		ID: id.AuditRecord(w.ids.Next()), ActorID: w.cleo.ID, Action: moderation.ActionReportChanged,
		SubjectID: id.Subject(report.ID), CreatedAt: noon,
	}
	operator := record
	operator.ID, operator.ActorID = id.AuditRecord(w.ids.Next()), id.User{}
	_, err7 := tx.Moderation().Block(ctx, moderation.Block{UserID: w.cleo.ID, BlockedUserID: w.ada.ID, CreatedAt: noon})
	return errors.Join(err, err2, err3, err4, err5, err6, err7, tx.Moderation().AddAudit(ctx, record),
		tx.Moderation().AddAudit(ctx, operator))
}

func reported(m messaging.Message) moderation.ReportedMessage {
	return moderation.ReportedMessage{MessageID: m.ID, UserID: m.UserID, Content: m.Content, CreatedAt: m.CreatedAt}
}

func (w *town) erasure(ctx context.Context, tx ports.Tx) error {
	u := w.gone
	u.Name, u.Email, u.Bio, u.IsActive, u.Erased = users.DeletedName, "", "", false, true
	return errors.Join(tx.Users().Erase(ctx, u), w.ledger.Close(ctx, tx, u.ID, noon),
		w.post(ctx, tx, u.ID, 3, tokens.Deposit, tokens.Metadata{})) // withdrawn again, as the wallet is closed
}

func (w *town) leftovers(ctx context.Context, tx ports.Tx) error {
	record := idempotency.Record{
		Owner: w.ada.ID.String(), Key: "k", Fingerprint: w.hash(), Answer: []byte("{}"), CreatedAt: noon,
	}
	_, err := tx.Users().Key(ctx, users.GrantKey, []byte("key"))
	_, err2 := tx.Users().Grant(ctx, w.hash())
	_, err3 := tx.Users().Key(ctx, users.TryKey, []byte("key"))
	err4 := tx.Users().SaveTries(ctx, users.Tries{Hash: w.hash(), Subject: w.hash(), Count: 1, LastAt: noon, ExpiresAt: noon})
	return errors.Join(tx.Idempotency().Save(ctx, record), tx.Marks().Mark(ctx, "demo", noon), err, err2, err3, err4)
}

// rows holds all rows of a store, so that tests can corrupt them.
type rows map[*ports.Table][]ports.Row

func (w *town) rows() rows {
	w.Helper()
	all := rows{}
	err := w.store.Snapshot(w.Context(), func(ctx context.Context, tx ports.Tx) error {
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
		w.Fatal(err)
	}
	return all
}

// Each implements audit.Records.
func (s rows) Each(_ context.Context, table string) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		i := slices.IndexFunc(ports.Tables, func(t *ports.Table) bool { return t.Name == table })
		if i < 0 {
			yield(nil, fmt.Errorf("no table %s", table))
			return
		}
		t := ports.Tables[i]
		slices.SortStableFunc(s[t], func(a, b ports.Row) int { return strings.Compare(key(t, a), key(t, b)) })
		for _, row := range s[t] {
			if !yield(cells{t, row}, nil) {
				return
			}
		}
	}
}

// wrong stands for the profiles with values that do not agree with their rows.
var wrong = &ports.Table{Name: "profiles"}

// Disagreeing implements audit.Derived.
func (s rows) Disagreeing(context.Context) iter.Seq2[audit.Disagreement, error] {
	return func(yield func(audit.Disagreement, error) bool) {
		for _, row := range s[wrong] {
			if !yield(audit.Disagreement{Table: wrong.Name, Column: "bits", ID: row[0].([16]byte)}, nil) { //nolint:forcetypeassert // an id
				return
			}
		}
	}
}

// key returns a text that sorts like the key of the row, because seq has few digits in these tests.
func key(table *ports.Table, row []any) string {
	var b strings.Builder
	for _, value := range row[:table.Key] {
		if n, isInt := value.(int64); isInt {
			fmt.Fprintf(&b, "%020d", n)
		} else {
			fmt.Fprintf(&b, "%x ", value)
		}
	}
	return b.String()
}

// cells is one row whose values are found by the names of their columns.
type cells struct {
	table *ports.Table
	row   ports.Row
}

// where returns the first row, in the order of the key, that has a value in a column.
func (s rows) where(table *ports.Table, column string, value any) cells {
	for _, row := range s[table] {
		if c := (cells{table, row}); c.get(column) == value {
			return c
		}
	}
	panic(fmt.Sprintf("no row of %s has %v as its %s", table.Name, value, column))
}

func (s rows) first(table *ports.Table) cells { return cells{table, s[table][0]} }

// again adds a copy of a row with other values.
func (s rows) again(c cells, pairs ...any) {
	added := cells{c.table, slices.Clone(c.row)}
	added.set(pairs...)
	s[c.table] = append(s[c.table], added.row)
}

func (s rows) drop(c cells) {
	s[c.table] = slices.DeleteFunc(s[c.table], func(row ports.Row) bool {
		return key(c.table, row) == key(c.table, c.row)
	})
}

// set changes values of the row. pairs alternates between columns and values.
func (c cells) set(pairs ...any) {
	for pair := range slices.Chunk(pairs, 2) {
		c.row[c.column(pair[0])] = pair[1]
	}
}

func (c cells) get(column string) any { return c.row[c.column(column)] }

// Value implements audit.Record.
func (c cells) Value(column string) (any, error) {
	i := c.column(column)
	if i < 0 {
		return nil, fmt.Errorf("no column %s", column)
	}
	return c.row[i], nil
}

func (c cells) column(name any) int {
	return slices.IndexFunc(c.table.Columns, func(column ports.Column) bool { return column.Name == name })
}
