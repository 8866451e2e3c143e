package porttest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// values tests that stored values come back unchanged.
var values = []test{
	{"text comes back byte for byte", oddText},
	{"text at its limits comes back whole", longText},
	{"metadata comes back byte for byte", oddMetadata},
	{"times come back in UTC to the millisecond", exactTimes},
	{"absent values come back as the zero value", absentValues},
	{"numbers come back at their limits", largeNumbers},
	{"an image comes back byte for byte", largeImage},
}

// oddTexts lists texts that some databases change, cut or refuse.
var oddTexts = []string{
	"plain",
	"👩‍👩‍👧‍👦 🏳️‍🌈 🇫🇷",       // joiners and 4-byte characters
	"é e\u0301 ǰ ﬁ ß İı Σς", // composed and decomposed, and letters with special folding
	"שלום \u202eعالم\u202c", // right to left, with control characters
	"𝄞 \U0001F600 \U0010FFFF \uFFFF \uFEFF",
	"  blanks around\t\r\n ",
	`quotes ' " \ ; -- /* % _ $where {"a":1} ` + "`",
	"\u0001\u001f\u007f\u0085\u2028",
	"NULL", "null", "true", "0", "1e3", "0x10", "2031-03-01T12:00:00Z",
	"$set", "a.b", "$$ROOT",
}

func oddText(f *fixture) {
	for i, s := range oddTexts {
		f.keepsText(i, func(int) string { return s })
	}
}

func longText(f *fixture) {
	for i, r := range []string{"x", "é", "字", "🥾"} {
		f.keepsText(i, func(characters int) string { return strings.Repeat(r, characters) })
	}
}

// keepsText writes a text to every field that holds text, and reads it back. Names that must be
// unique start with number.
func (f *fixture) keepsText(number int, s func(characters int) string) {
	f.Helper()
	unique := func(characters int) string { return fmt.Sprintf("%02d", number) + s(characters-2) }
	ada := f.user(fmt.Sprintf("ada%d", number), func(u *users.User) {
		u.Name, u.Bio, u.Location = s(users.MaxName), s(users.MaxBio), s(users.MaxLocation)
		u.Email = unique(users.MaxEmail)
	})
	ben := f.user(fmt.Sprintf("ben%d", number))
	entry := f.newEntry(ada.ID, 1, tokens.Bonus)
	entry.Reason = s(tokens.MaxReason)
	interest := f.newInterest(unique(matching.MaxInterest))
	interest.Icon = s(matching.MaxIcon)
	profile := f.newProfile(ada)
	profile.FirstName, profile.LastName, profile.Biography = s(matching.MaxFirstName), s(matching.MaxLastName),
		s(matching.MaxBiography)
	profile.Country, profile.City, profile.ImageURL = s(matching.MaxCountry), s(matching.MaxCity),
		s(matching.MaxImageURL)
	talk := f.conversation(ada, ben)
	message := f.newMessage(talk, ada.ID, noon)
	message.Content = s(messaging.MaxContent)
	reservation := f.newReservation(talk, 0)
	reservation.Title = s(reservations.MaxTitle)
	report := f.newReport(ada.ID, ben.ID)
	report.Reason, report.Message, report.AdminNotes = s(moderation.MaxReason), s(moderation.MaxMessage),
		s(moderation.MaxNotes)
	audit := moderation.AuditRecord{
		ID: id.AuditRecord(f.ids.Next()), ActorID: ben.ID, Action: moderation.ActionUserChanged,
		SubjectID: id.Subject(ada.ID),
		Reason:    s(moderation.MaxReason), Details: moderation.Details{s(50): s(50), "": "", "a.b": "$set"},
		CreatedAt: noon,
	}
	answer, err := json.Marshal(s(100_000))
	if err != nil {
		f.Fatal(err)
	}
	record := idempotency.Record{
		Owner: "signup " + unique(users.MaxEmail), Key: idempotency.Key(strings.Repeat("~", 128)),
		Fingerprint: f.secret(),
		Answer:      answer, CreatedAt: noon,
	}
	mark := unique(50)
	f.do(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Matching().AddInterest(ctx, interest); err != nil {
			return err
		}
		if _, err := tx.Moderation().AddReport(ctx, report); err != nil {
			return err
		}
		return inOrder(
			func() error { return post(ctx, tx, entry) },
			func() error { return tx.Matching().SaveProfile(ctx, profile, []id.Interest{interest.ID}) },
			func() error { return tx.Messaging().AddMessage(ctx, message, nil) },
			func() error { return tx.Reservations().Add(ctx, reservation) },
			func() error { return tx.Moderation().AddAudit(ctx, audit) },
			func() error { return claimAndSave(ctx, tx, record) },
			func() error { return tx.Marks().Mark(ctx, mark, noon) },
		)
	})
	f.same("account", f.accountOf(ada.ID), ada)
	byEmail, _, _ := f.byEmail(ada.Email)
	f.same("account by its address", byEmail, ada)
	f.same("transaction", f.lastTransaction(ada.ID).Reason, entry.Reason)
	gotProfile, interests := f.profileOf(ada.ID)
	f.same("profile", gotProfile, profile)
	f.same("interests", interests, []matching.Interest{interest})
	f.same("message", f.messageOf(message.ID), message)
	f.same("reservation", f.reservationOf(reservation), reservation)
	f.same("report", f.reportOf(report.ID), report)
	f.same("audit record", f.auditsOf(audit.SubjectID), []moderation.AuditRecord{audit})
	_, marked := f.marked(mark)
	f.same("mark", marked, true)
	kept, _ := f.record(record.Owner, record.Key)
	f.same("idempotency record", kept, record)
}

// lastTransaction reads the last line of a ledger.
func (f *fixture) lastTransaction(user id.User) tokens.Transaction {
	f.Helper()
	last := read(f, func(ctx context.Context, tx ports.Tx) ([]tokens.Transaction, error) {
		return tx.Tokens().Transactions(ctx, user, nil, 1)
	})
	if len(last) != 1 {
		f.Fatalf("read %d lines of a ledger, want the last one", len(last))
	}
	return last[0]
}

// kept is same for a value that was read with an error, which must be nil.
func (f *fixture) kept(what string, got, want any, err error) {
	f.Helper()
	if err != nil {
		f.Errorf("%s: %v", what, err)
		return
	}
	f.same(what, got, want)
}

func oddMetadata(f *fixture) {
	ada := f.user("ada")
	long := `{"text":"` + strings.Repeat("字", 1361) + `xx"}` // tokens.MaxMetadataBytes
	for i, raw := range []string{
		`{}`, `{"":1}`, `{"$set":{"a.b":1},"$where":"x"}`, `{"a.b":{"c.d":[]}}`, `{"_id":"1","__proto__":null}`,
		`{"é":"e\u0301","字":"👩‍👩‍👧","\ud83e\udd7e":1}`, `{"z":1,"a":2,"A":3,"10":4,"9":5}`,
		`{"n":[0,-1,1.5,1e21,1e-7,9007199254740991,0.1]}`, `{"s":"\u0001\t\"\\/","nested":{"deep":[[[{}]]]}}`, long,
	} {
		m, err := tokens.ParseMetadata([]byte(raw))
		if err != nil {
			f.Fatalf("%s: %v", raw, err) // a defect of the kit
		}
		entry := f.newEntry(ada.ID, 1, tokens.Bonus)
		entry.Metadata = m
		f.do(func(ctx context.Context, tx ports.Tx) error { return post(ctx, tx, entry) })
		f.same("metadata", f.lastTransaction(ada.ID).Metadata.String(), m.String())
		stored := read(f, func(ctx context.Context, tx ports.Tx) ([]ports.Row, error) {
			return tx.Rows().Read(ctx, ports.TokenTransactions, []any{[16]byte(ada.ID), int64(i)}, 1)
		})
		if len(stored) != 1 {
			f.Fatalf("read %d rows of a ledger, want 1", len(stored))
		}
		f.same("metadata in a row", stored[0][6], m.String())
	}
}

func exactTimes(f *fixture) {
	for i, at := range []time.Time{
		noon, noon.Add(time.Millisecond), noon.Add(999 * time.Millisecond), noon.Add(-time.Millisecond),
		time.Date(1969, 12, 31, 23, 59, 59, 999e6, time.UTC), time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2032, 2, 29, 23, 59, 59, 1e6, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 998e6, time.UTC),
	} {
		ada := f.user(fmt.Sprintf("ada%d", i), func(u *users.User) { u.CreatedAt, u.UpdatedAt = at, at })
		talk := f.conversation(ada, f.user(fmt.Sprintf("ben%d", i)))
		r := f.newReservation(talk, 0)
		r.Date, r.EndDate, r.CreatedAt = at, at.Add(time.Millisecond), at
		f.addReservation(r)
		got, back := f.accountOf(ada.ID), f.reservationOf(r)
		for _, pair := range [][2]time.Time{
			{got.CreatedAt, at}, {got.UpdatedAt, at}, {back.Date, at}, {back.EndDate, r.EndDate}, {back.CreatedAt, at},
		} {
			if pair[0] != pair[1] { // equal means the same moment, in UTC
				f.Errorf("read the time %#v, want %#v", pair[0], pair[1])
			}
		}
	}
}

func absentValues(f *fixture) {
	bare := f.user("bare")
	f.do(func(ctx context.Context, tx ports.Tx) error {
		return tx.Users().SetPassword(ctx, bare.ID, users.PasswordHash{}, noon)
	})
	ben := f.user("ben")
	s, first := f.session(bare.ID)
	profile := f.saveProfile(matching.Profile{ID: id.Profile(f.ids.Next()), UserID: bare.ID})
	report := f.newReport(bare.ID, ben.ID)
	report.Message = ""
	f.report(report)
	audit := moderation.AuditRecord{
		ID: id.AuditRecord(f.ids.Next()), Action: moderation.ActionAdminAppointed, SubjectID: id.Subject(bare.ID),
		CreatedAt: noon,
	}
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Moderation().AddAudit(ctx, audit) })
	f.same("account", f.accountOf(bare.ID), bare)
	password := read(f, func(ctx context.Context, tx ports.Tx) (users.PasswordHash, error) {
		return tx.Users().Password(ctx, bare.ID)
	})
	f.same("password", password.Reveal(), "")
	f.same("session", f.sessionOf(s.ID), s)
	gotProfile, interests := f.profileOf(bare.ID)
	f.same("profile", gotProfile, profile)
	f.same("interests", len(interests), 0)
	f.same("report", f.reportOf(report.ID), report)
	f.same("audit record", f.auditsOf(audit.SubjectID), []moderation.AuditRecord{audit})
	used := write(f, func(ctx context.Context, tx ports.Tx) (users.RefreshToken, error) {
		return tx.Users().UseRefreshToken(ctx, first.Hash, noon)
	})
	f.same("refresh token", used, first)
}

func largeNumbers(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	receipt := f.post(ada.ID, tokens.MaxBalance, tokens.Purchase)
	f.same("the largest balance", receipt.Transaction.BalanceAfter, int64(tokens.MaxBalance))
	f.same("the largest balance, read", f.wallet(ada.ID).Balance, int64(tokens.MaxBalance))
	receipt = f.post(ada.ID, -tokens.MaxBalance, tokens.Withdrawal)
	f.same("the largest debit", receipt.Transaction, tokens.Transaction{
		ID: receipt.Transaction.ID, UserID: ada.ID, Seq: 2, Amount: -tokens.MaxBalance, Type: tokens.Withdrawal,
		BalanceBefore: tokens.MaxBalance, CreatedAt: noon,
	})
	talk := f.conversation(ada, ben)
	for i, p := range []string{"0.00", "0.01", "0.10", "12.30", "99999999.99"} {
		r := f.newReservation(talk, 2*i)
		r.Price, r.Tokens = price(p), tokens.MaxBalance-int64(i)
		f.addReservation(r)
		got := f.reservationOf(r)
		f.same("a reservation", got, r)
		f.same("its price", got.Price.String(), p)
	}
}

func largeImage(f *fixture) {
	talk := f.conversation(f.user("ada"), f.user("ben"))
	image := messaging.Attachment{MediaType: "image/webp", Bytes: make([]byte, messaging.MaxAttachment)}
	for i := range image.Bytes {
		image.Bytes[i] = byte(i * i >> 3)
	}
	m := f.newMessage(talk, talk.VoyagerID, noon)
	m.Content, m.Attachment = "", image.MediaType
	f.addMessage(m, &image)
	got := f.attachmentOf(m.ID)
	f.same("the media type", got.MediaType, image.MediaType)
	if string(got.Bytes) != string(image.Bytes) {
		f.Errorf("an image of %d bytes was read back as %d other bytes", len(image.Bytes), len(got.Bytes))
	}
}
