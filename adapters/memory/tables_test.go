package memory_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
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

// village fills every table, and changes and removes some of the rows.
func (f *fixture) village() (ada, ben users.User) {
	f.Helper()
	ada, ben = f.user("ada", 50), f.user("ben", 50)
	eve, gone := f.user("eve", 50), f.user("gone", 0)
	c := f.conversation(ada.ID, ben.ID)
	f.conversation(ben.ID, ada.ID)
	f.do(func(ctx context.Context, tx ports.Tx) error {
		return errors.Join(f.accounts(ctx, tx, ada, eve, gone), f.acquaintance(ctx, tx, ada, ben, eve),
			f.talk(ctx, tx, c), f.bookings(ctx, tx, c), f.leftovers(ctx, tx, ada), f.told(ctx, tx, ada))
	})
	f.do(func(ctx context.Context, tx ports.Tx) error {
		return tx.Tokens().Seal(ctx, tokens.Seal{UserID: ada.ID, Seq: 1, Hash: f.hash()}, tokens.Seal{UserID: ben.ID, Seq: 1, Hash: f.hash()})
	})
	return ada, ben
}

func (f *fixture) accounts(ctx context.Context, tx ports.Tx, ada, eve, gone users.User) error {
	eve.Role = users.RoleAdmin
	gone.IsActive, gone.Erased = false, true
	errs := []error{tx.Users().Save(ctx, eve), tx.Users().SetPassword(ctx, ada.ID, users.NewPasswordHash("new"), noon.Add(time.Hour))}
	for i, u := range []users.User{ada, ada, gone, eve} {
		s := users.Session{ID: id.Session(f.ids.Next()), UserID: u.ID, CreatedAt: noon, LastUsedAt: noon}
		first := users.RefreshToken{Hash: f.hash(), SessionID: s.ID, CreatedAt: noon, ExpiresAt: noon.Add(time.Duration(i+1) * time.Hour)}
		second := first
		second.Hash, second.ExpiresAt = f.hash(), first.ExpiresAt.Add(10*time.Hour)
		errs = append(errs, tx.Users().AddSession(ctx, s, first), tx.Users().AddRefreshToken(ctx, second))
		_, err := tx.Users().UseRefreshToken(ctx, first.Hash, noon)
		errs = append(errs, err)
		if u.ID != eve.ID {
			errs = append(errs, tx.Users().RevokeSession(ctx, s.ID, noon))
		}
		errs = append(errs, tx.Users().AddReset(ctx, users.Reset{ID: id.Reset(f.ids.Next()), UserID: u.ID, Hash: f.hash(), ExpiresAt: noon}, 1))
	}
	for _, u := range []users.User{ada, gone, eve} {
		f := users.SecondFactor{UserID: u.ID, Secret: []byte("sealed"), RecoveryCodes: []string{"a", "b"}}
		_, err := tx.Users().UseStep(ctx, u.ID, 7)
		errs = append(errs, tx.Users().SaveSecondFactor(ctx, f), tx.Users().SaveSecondFactor(ctx, f), err)
	}
	for _, u := range []users.User{ada, gone} {
		n := notifications.Notice{UserID: u.ID, Kind: notifications.ReportDecided, SubjectID: id.Subject(f.ids.Next()), DueAt: noon, CreatedAt: noon}
		later := n
		later.SubjectID = id.Subject(f.ids.Next())
		errs = append(errs, tx.Notifications().Seen(ctx, u.ID, noon), tx.Notifications().AddNotice(ctx, n), tx.Notifications().AddNotice(ctx, later),
			tx.Notifications().SavePreferences(ctx, u.ID, notifications.Preference{UserID: u.ID, Kind: notifications.NewMessage, Channel: notifications.None}))
		taken, err := tx.Notifications().TakeNotices(ctx, noon, noon.Add(time.Hour), 10)
		errs = append(errs, err)
		for _, n := range taken {
			_, err := tx.Notifications().MoveNotice(ctx, n, time.Time{})
			errs = append(errs, err)
		}
		errs = append(errs, tx.Notifications().DropNotice(ctx, n))
	}
	errs = append(errs, tx.Notifications().Drop(ctx, gone.ID))
	_, err3 := tx.Users().UseRecoveryCode(ctx, ada.ID, "a")
	errs = append(errs, err3, tx.Users().DropSecondFactor(ctx, eve.ID))
	_, err := tx.Users().PurgeSessions(ctx, noon.Add(12*time.Hour), 10)
	_, err2 := tx.Tokens().Close(ctx, gone.ID)
	return errors.Join(append(errs, err, err2, tx.Users().Erase(ctx, gone), tx.Users().DropResets(ctx, eve.ID))...)
}

func (f *fixture) acquaintance(ctx context.Context, tx ports.Tx, ada, ben, eve users.User) error {
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	m, mod := tx.Matching(), tx.Moderation()
	hiking := matching.Interest{ID: id.Interest(f.ids.Next()), Name: "Hiking", Icon: "🥾", IsActive: true}
	chess := matching.Interest{ID: id.Interest(f.ids.Next()), Name: "chess", IsActive: true}
	for _, i := range []matching.Interest{hiking, chess} {
		_, err := m.AddInterest(ctx, i)
		note(err)
	}
	chess.Name, chess.IsActive = "Schach", false
	_, err := m.SaveInterest(ctx, chess)
	note(err)
	for _, u := range []users.User{ada, ben, eve} {
		p := matching.Profile{ID: id.Profile(f.ids.Next()), UserID: u.ID, FirstName: u.Name, Age: 30, City: "Lyon", IsSearchable: true}
		note(m.SaveProfile(ctx, p, []id.Interest{hiking.ID, chess.ID}))
		p.ID, p.IsSearchable = id.Profile(f.ids.Next()), u.ID == ben.ID
		note(m.SaveProfile(ctx, p, []id.Interest{chess.ID, chess.ID}))
	}
	note(m.DropProfile(ctx, eve.ID))
	for _, b := range []moderation.Block{{UserID: ada.ID, BlockedUserID: eve.ID}, {UserID: eve.ID, BlockedUserID: ada.ID}, {UserID: ben.ID, BlockedUserID: eve.ID}} {
		b.CreatedAt = noon
		_, err := mod.Block(ctx, b)
		note(err)
	}
	_, err = mod.Unblock(ctx, ada.ID, eve.ID)
	note(err)
	note(mod.DropBlocks(ctx, ben.ID))
	for _, reported := range []users.User{ben, eve} {
		r := moderation.Report{ID: id.Report(f.ids.Next()), ReporterID: ada.ID, ReportedUserID: reported.ID, Reason: "rude", Status: moderation.Pending, CreatedAt: noon}
		_, err := mod.AddReport(ctx, r, moderation.ReportedMessage{MessageID: id.Message(f.ids.Next()), UserID: ben.ID, Content: "words", CreatedAt: noon})
		note(err)
		if reported.ID == ben.ID {
			r.Status, r.ReviewedBy, r.ReviewedAt, r.AdminNotes = moderation.Resolved, eve.ID, noon, "settled"
			_, err = mod.ChangeReport(ctx, r, moderation.Pending)
			note(err)
		}
	}
	sanction := moderation.Sanction{ID: id.Sanction(f.ids.Next()), UserID: ben.ID, Kind: moderation.Warning, Reason: "rude", CreatedBy: eve.ID, CreatedAt: noon}
	note(mod.AddSanction(ctx, sanction))
	sanction.Appeal, sanction.AppealedAt = "why", noon
	note(mod.SaveSanction(ctx, sanction))
	note(mod.AddAudit(ctx, moderation.AuditRecord{
		ID: id.AuditRecord(f.ids.Next()), ActorID: eve.ID, Action: moderation.ActionReportChanged, SubjectID: id.Subject(ben.ID),
		Details: moderation.Details{"\U0001F600": "<&>", "\uFB33": "\u2028", "a": "\b\x1f"}, CreatedAt: noon,
	}))
	return errors.Join(errs...)
}

func (f *fixture) talk(ctx context.Context, tx ports.Tx, c messaging.Conversation) error {
	late, early, picture := f.message(c, c.VoyagerID, 9), f.message(c, c.VoyagerID, 3), f.message(c, c.LocalID, 6)
	picture.Attachment = "image/png"
	errs := []error{
		tx.Matching().AddCorrespondent(ctx, matching.Correspondent{UserID: c.VoyagerID, ReaderID: c.LocalID}),
		tx.Matching().AddCorrespondent(ctx, matching.Correspondent{UserID: c.LocalID, ReaderID: c.VoyagerID}),
		tx.Messaging().AddMessage(ctx, late, nil),
		tx.Messaging().AddMessage(ctx, early, nil),
		tx.Messaging().AddMessage(ctx, picture, &messaging.Attachment{MediaType: "image/png", Bytes: []byte{0x89, 0}}),
	}
	marked, err := tx.Messaging().MarkRead(ctx, c.ID, c.LocalID, messaging.PlaceOfMessage(early))
	if marked != 1 {
		f.Errorf("%d messages were marked as read, want 1", marked)
	}
	return errors.Join(append(errs, err)...)
}

func (f *fixture) bookings(ctx context.Context, tx ports.Tx, c messaging.Conversation) error {
	var errs []error
	for i, statuses := range [][]reservations.Status{
		{}, {reservations.Declined}, {reservations.Accepted}, {reservations.Accepted, reservations.Cancelled}, {reservations.Accepted, reservations.Completed},
	} {
		r := f.reservation(c, i)
		errs = append(errs, tx.Reservations().Add(ctx, r))
		for _, to := range statuses {
			moved, err := tx.Reservations().Move(ctx, r, to, noon.Add(time.Minute))
			if moved != reservations.Done {
				f.Errorf("a reservation did not move to %s: %v", to, moved)
			}
			errs = append(errs, err)
			r.Status = to
		}
	}
	return errors.Join(errs...)
}

func (f *fixture) leftovers(ctx context.Context, tx ports.Tx, ada users.User) error {
	errs := []error{tx.Marks().Mark(ctx, "demo", noon)}
	for i, owner := range []string{"old", "a", "ab", "forgotten", "forgotten"} {
		r := idempotency.Record{
			Owner: owner, Key: idempotency.Key(strings.Repeat("k", i+1)), Fingerprint: f.hash(), Answer: []byte("{}"),
			CreatedAt: noon.Add(time.Duration(i) * time.Hour),
		}
		errs = append(errs, tx.Idempotency().Save(ctx, r))
	}
	purged, err := tx.Idempotency().Purge(ctx, noon.Add(time.Minute), 10)
	if purged != 1 {
		f.Errorf("%d records were purged, want 1", purged)
	}
	_, keyed := tx.Users().Key(ctx, users.GrantKey, []byte("key"))
	_, granted := tx.Users().Grant(ctx, f.hash())
	count := users.Tries{Hash: f.hash(), Subject: f.hash(), Count: 1, LastAt: noon, ExpiresAt: noon}
	errs = append(errs, tx.Users().SaveTries(ctx, count))
	count.Count, count.ExpiresAt = 2, noon.Add(time.Hour)
	errs = append(errs, tx.Users().SaveTries(ctx, count))
	notice := notifications.NoticeOfMessages(ada.ID)
	notice.DueAt, notice.CreatedAt = noon, noon
	errs = append(errs, tx.Notifications().AddNotice(ctx, notice))
	_, posted := tx.Tokens().Post(ctx, f.entry(ada.ID, -7, tokens.Penalty), f.entry(ada.ID, 3, tokens.Bonus))
	errs = append(errs, tx.Webhooks().Put(ctx, webhooks.Endpoint{ID: id.Webhook(f.ids.Next()), URL: "https://example.net", CreatedAt: noon, UpdatedAt: noon}))
	return errors.Join(append(errs, err, keyed, granted, posted, tx.Idempotency().Forget(ctx, "forgotten"))...)
}

func (f *fixture) hash() [32]byte {
	unique := f.ids.Next()
	return [32]byte(append(unique[:], unique[:]...))
}

// However rows were written, every index is the one that follows from the rows alone.
func TestIndexes(t *testing.T) {
	f := newFixture(t)
	f.village()
	got, want := f.storage.Keys(), f.copyOf(nil).Keys()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if len(want[name]) == 0 {
			t.Errorf("%s is empty", name)
		}
		if !slices.Equal(got[name], want[name]) {
			t.Errorf("%s:\n has %q\nwant %q", name, got[name], want[name])
		}
	}
}

// like is replaced by the value of another column.
type like string

func TestInvalidRows(t *testing.T) {
	unknown := [16]byte{1}
	type change = map[string]any
	f := newFixture(t)
	f.village()
	for _, c := range []struct {
		name   string
		table  *ports.Table
		change change
	}{
		{"absent", ports.Users, change{"name": nil}},
		{"of another kind", ports.Users, change{"is_active": "yes"}},
		{"text that is not UTF-8", ports.Users, change{"name": "\xff"}},
		{"text with NUL", ports.Users, change{"bio": "a\x00b"}},
		{"an unknown role", ports.Users, change{"role": "king"}},
		{"a session of an unknown user", ports.Sessions, change{"user_id": unknown}},
		{"a refresh token of no session", ports.RefreshTokens, change{"session_id": unknown}},
		{"a short hash", ports.RefreshTokens, change{"hash": []byte("short")}},
		{"a reset of an unknown user", ports.PasswordResets, change{"user_id": unknown}},
		{"a wallet of an unknown user", ports.Wallets, change{"user_id": unknown}},
		{"a wallet below zero", ports.Wallets, change{"balance": int64(-1)}},
		{"a transaction without a wallet", ports.TokenTransactions, change{"user_id": unknown}},
		{"a transaction of 0", ports.TokenTransactions, change{"amount": int64(0), "balance_after": int64(0)}},
		{"a transaction of the wrong sign", ports.TokenTransactions, change{"type": "PENALTY"}},
		{"a transaction of an unknown type", ports.TokenTransactions, change{"type": "NO_TYPE"}},
		{"balances that do not add up", ports.TokenTransactions, change{"balance_after": int64(51)}},
		{"a balance below zero", ports.TokenTransactions, change{"balance_before": int64(-51), "balance_after": int64(-1)}},
		{"a seq of 0", ports.TokenTransactions, change{"seq": int64(0)}},
		{"metadata that is not canonical", ports.TokenTransactions, change{"metadata": `{ "a":1}`}},
		{"metadata that is no object", ports.TokenTransactions, change{"metadata": "[]"}},
		{"a profile of an unknown user", ports.Profiles, change{"user_id": unknown}},
		{"an age of 12", ports.Profiles, change{"age": int64(12)}},
		{"a link of no profile", ports.ProfileInterests, change{"profile_id": unknown}},
		{"a link to no interest", ports.ProfileInterests, change{"interest_id": unknown}},
		{"a conversation with an unknown user", ports.Conversations, change{"local_id": unknown}},
		{"a conversation with oneself", ports.Conversations, change{"local_id": like("voyager_id")}},
		{"a message in no conversation", ports.Messages, change{"conversation_id": unknown}},
		{"a message from an unknown user", ports.Messages, change{"user_id": unknown}},
		{"an attachment of no message", ports.Attachments, change{"message_id": unknown}},
		{"a reservation in no conversation", ports.Reservations, change{"conversation_id": unknown}},
		{"a reservation of somebody else", ports.Reservations, change{"local_id": unknown}},
		{"a reservation proposed by an unknown user", ports.Reservations, change{"creator_id": unknown}},
		{"a reservation that ends as it begins", ports.Reservations, change{"end_date": like("date")}},
		{"a price with one place", ports.Reservations, change{"price": "12.0"}},
		{"a negative price in tokens", ports.Reservations, change{"tokens": int64(-1)}},
		{"a reservation with an unknown status", ports.Reservations, change{"status": "lost"}},
		{"a report of an unknown user", ports.Reports, change{"reported_user_id": unknown}},
		{"a report of oneself", ports.Reports, change{"reported_user_id": like("reporter_id")}},
		{"a report reviewed by an unknown user", ports.Reports, change{"reviewed_by": unknown}},
		{"a report with an unknown status", ports.Reports, change{"status": "lost"}},
		{"a copy of a message in no report", ports.ReportedMessages, change{"report_id": unknown}},
		{"a copy of a message from an unknown user", ports.ReportedMessages, change{"user_id": unknown}},
		{"a sanction of an unknown user", ports.Sanctions, change{"user_id": unknown}},
		{"a sanction by an unknown admin", ports.Sanctions, change{"created_by": unknown}},
		{"a sanction of an unknown kind", ports.Sanctions, change{"kind": "prison"}},
		{"a block of an unknown user", ports.Blocks, change{"blocked_user_id": unknown}},
		{"a block of oneself", ports.Blocks, change{"blocked_user_id": like("user_id")}},
		{"an act of an unknown user", ports.AuditRecords, change{"actor_id": unknown}},
		{"a position of 0", ports.Events, change{"position": int64(0)}},
		{"a subscription in no state", ports.Subscriptions, change{"state": "lost"}},
		{"attempts below zero", ports.Subscriptions, change{"attempts": int64(-1)}},
		{"an event that is set aside by nobody", ports.SetAside, change{"subscriber": "nobody"}},
		{"set aside without an event", ports.SetAside, change{"position": int64(1000)}},
		{"set aside in no state", ports.SetAside, change{"state": "lost"}},
		{"a preference of an unknown user", ports.NotificationPreferences, change{"user_id": unknown}},
		{"a preference without a channel", ports.NotificationPreferences, change{"channel": "pigeon"}},
		{"a presence of an unknown user", ports.Presences, change{"user_id": unknown}},
		{"a notice of an unknown user", ports.Notices, change{"user_id": unknown}},
		{"a notice with attempts below zero", ports.Notices, change{"attempts": int64(-1)}},
		{"details that are not texts", ports.AuditRecords, change{"details": `{"a":1}`}},
		{"details that are not canonical", ports.AuditRecords, change{"details": `{"b":"","a":""}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := f.first(c.table)
			target := f.copyOf(c.table)
			before := target.Keys()
			refused := slices.Clone(row)
			for i, column := range c.table.Columns {
				if value, changed := c.change[column.Name]; changed {
					refused[i] = value
				}
				if other, isLike := refused[i].(like); isLike {
					refused[i] = row[slices.IndexFunc(c.table.Columns, func(c ports.Column) bool { return c.Name == string(other) })]
				}
			}
			for _, bad := range []ports.Row{refused, row[1:]} {
				if err := write(target, c.table, bad); err == nil || errors.Is(err, fault.NotFound) {
					t.Errorf("got error %v for %v", err, bad)
				}
			}
			if after := target.Keys(); !maps.EqualFunc(before, after, slices.Equal) {
				t.Error("the store changed")
			}
			if err := write(target, c.table, row); err != nil {
				t.Errorf("the valid row: %v", err)
			}
			if err := write(target, c.table, row); err == nil {
				t.Error("got no error for a duplicate row")
			}
		})
	}
}

func (f *fixture) first(table *ports.Table) (row ports.Row) {
	f.Helper()
	f.view(func(ctx context.Context, tx ports.Tx) error {
		all, err := tx.Rows().Read(ctx, table, nil, 1)
		row = all[0]
		return err
	})
	return row
}

func write(s *memory.Store, table *ports.Table, row ports.Row) error {
	return s.Run(context.Background(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
		return tx.Rows().Write(ctx, table, []ports.Row{row})
	})
}

func TestInvalidTables(t *testing.T) {
	f := newFixture(t)
	unknown := &ports.Table{Name: "unknown", Key: 1, Columns: ports.Users.Columns}
	for name, call := range map[string]func(ctx context.Context, tx ports.Tx) error{
		"read a table that there is not": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Rows().Read(ctx, unknown, nil, 1)
			return err
		},
		"write a table that there is not": func(ctx context.Context, tx ports.Tx) error { return tx.Rows().Write(ctx, unknown, nil) },
		"read after half a key": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Rows().Read(ctx, ports.Blocks, []any{[16]byte{}}, 1)
			return err
		},
		"read after a key of another kind": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Rows().Read(ctx, ports.Users, []any{"a"}, 1)
			return err
		},
	} {
		if err := f.storage.Run(t.Context(), uow.Write, call); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
