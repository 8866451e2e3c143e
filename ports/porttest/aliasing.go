package porttest

import (
	"context"
	"maps"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// aliasing tests that slices and maps in arguments and results belong to the caller, who may change
// them.
var aliasing = []test{
	{"changing an argument after the call changes no row", changedInput},
	{"changing a result changes no row", changedOutput},
	{"arguments are not modified", inputLeftAlone},
}

// changedInput changes all arguments between the call and the commit, when the store may not have
// sent them yet.
func changedInput(f *fixture) {
	w := f.town()
	chess, bridge := f.interest("chess"), f.interest("bridge")
	image := messaging.Attachment{MediaType: "image/gif", Bytes: []byte("GIF89a")}
	m := f.newMessage(w.talk, w.ada.ID, noon)
	m.Attachment = image.MediaType
	kept := f.newAudit(id.User{}, id.Subject(w.ben.ID))
	profile := f.newProfile(w.cleo)
	f.do(func(ctx context.Context, tx ports.Tx) error {
		image, audit := messaging.Attachment{MediaType: image.MediaType, Bytes: slices.Clone(image.Bytes)}, kept
		audit.Details = maps.Clone(kept.Details)
		record := idempotency.Record{Owner: "ben", Key: "key", Answer: []byte(`{"n":1}`), CreatedAt: noon}
		interests := []id.Interest{chess.ID}
		rows := []ports.Row{{"a", noon}, {"b", noon}}
		err := inOrder(
			func() error { return tx.Messaging().AddMessage(ctx, m, &image) },
			func() error { return tx.Moderation().AddAudit(ctx, audit) },
			func() error { return claimAndSave(ctx, tx, record) },
			func() error { return tx.Matching().SaveProfile(ctx, profile, interests) },
			func() error { return tx.Rows().Write(ctx, ports.StoreMarks, rows) },
		)
		image.Bytes[0], record.Answer[5], interests[0] = 'X', '2', bridge.ID
		image.MediaType = "image/png"
		audit.Details["name"], audit.Details["role"] = "after", "x"
		rows[0][0], rows[1] = "c", ports.Row{"d", noon}
		return err
	})
	f.same("an image", f.attachmentOf(m.ID), messaging.Attachment{MediaType: "image/gif", Bytes: []byte("GIF89a")})
	f.same("an audit record", f.auditsOf(kept.SubjectID), []moderation.AuditRecord{kept})
	_, picked := f.profileOf(w.cleo.ID)
	f.same("the interests of a profile", picked, []matching.Interest{chess})
	for name, want := range map[string]bool{"a": true, "b": true, "c": false, "d": false} {
		_, marked := f.marked(name)
		f.same("the mark "+name, marked, want)
	}
	answer, _ := f.record("ben", "key")
	f.same("an answer", string(answer.Answer), `{"n":1}`)
}

// changedOutput changes all results that a unit got, and reads them again in the same unit and in a
// later one.
func changedOutput(f *fixture) {
	w := f.town()
	before := f.dump()
	spoil := func(ctx context.Context, tx ports.Tx) error {
		record, err := tx.Idempotency().Claim(ctx, w.record.Owner, w.record.Key)
		if err == nil {
			clear(record.Answer)
		}
		image, err2 := tx.Messaging().Attachment(ctx, w.picture.ID)
		if err2 == nil {
			clear(image.Bytes)
		}
		audits, err3 := tx.Moderation().Audits(ctx, id.Subject{}, nil, 10)
		if err3 == nil && len(audits) > 0 {
			audits[0].Details["name"] = "spoiled"
			clear(audits)
		}
		_, interests, err4 := tx.Matching().Profile(ctx, w.ada.ID)
		clear(interests)
		matches, err5 := tx.Matching().Search(ctx, matching.Query{Viewer: w.ada.ID}, nil, 10)
		if err5 == nil && len(matches) > 0 {
			clear(matches[0].Shared)
			clear(matches)
		}
		overviews, err6 := tx.Messaging().Overviews(ctx, w.ada.ID, nil, 10)
		if err6 == nil && len(overviews) > 0 && overviews[0].LastMessage != nil {
			overviews[0].LastMessage.Content = "spoiled"
			clear(overviews)
		}
		all, err7 := tx.Users().List(ctx, users.Filter{}, nil, 10)
		clear(all)
		_, talk, err8 := tx.Messaging().History(ctx, w.talk.ID, w.ada.ID, nil, 10)
		clear(talk)
		ledger, err9 := tx.Tokens().Transactions(ctx, w.ada.ID, nil, 10)
		clear(ledger)
		return inOrder(func() error { return err }, func() error { return err2 }, func() error { return err3 },
			func() error { return err4 }, func() error { return err5 }, func() error { return err6 },
			func() error { return err7 }, func() error { return err8 }, func() error { return err9 },
			func() error { return spoilRows(ctx, tx) })
	}
	var seen outputs
	f.do(func(ctx context.Context, tx ports.Tx) (err error) {
		if err := spoil(ctx, tx); err != nil {
			return err
		}
		seen, err = look(ctx, tx, w)
		return err
	})
	want := outputs{w.image, w.audit, []matching.Interest{w.hiking}, w.picture, w.record}
	f.same("the results of a second read in the unit", seen, want)
	again := write(f, func(ctx context.Context, tx ports.Tx) (outputs, error) { return look(ctx, tx, w) })
	f.same("the results in a later unit", again, want)
	f.unchanged("changing results", before)
}

// outputs holds some results of reading a town.
type outputs struct {
	image  messaging.Attachment
	audit  moderation.AuditRecord
	shared []matching.Interest
	last   messaging.Message
	record idempotency.Record
}

func look(ctx context.Context, tx ports.Tx, w *town) (o outputs, err error) {
	if o.image, err = tx.Messaging().Attachment(ctx, w.picture.ID); err != nil {
		return o, err
	}
	audits, err := tx.Moderation().Audits(ctx, id.Subject{}, nil, 10)
	if err != nil {
		return o, err
	}
	matches, err := tx.Matching().Search(ctx, matching.Query{Viewer: w.ada.ID}, nil, 10)
	if err != nil {
		return o, err
	}
	overview, err := tx.Messaging().Overview(ctx, w.talk.ID, w.ada.ID)
	if err != nil {
		return o, err
	}
	if len(audits) == 1 && len(matches) > 0 && overview.LastMessage != nil {
		o.audit, o.shared, o.last = audits[0], matches[0].Shared, *overview.LastMessage
	}
	o.record, err = tx.Idempotency().Claim(ctx, w.record.Owner, w.record.Key)
	return o, err
}

func spoilRows(ctx context.Context, tx ports.Tx) error {
	for _, table := range ports.Tables {
		got, err := tx.Rows().Read(ctx, table, nil, 100)
		if err != nil {
			return err
		}
		for _, row := range got {
			for i, v := range row {
				if b, ok := v.([]byte); ok {
					clear(b)
				}
				row[i] = "spoiled"
			}
		}
		clear(got)
	}
	return nil
}

func inputLeftAlone(f *fixture) {
	w := f.town()
	entries := []tokens.Entry{
		f.newEntry(w.eve.ID, 1, tokens.Bonus), f.newEntry(w.ada.ID, 2, tokens.Bonus),
		f.newEntry(w.ben.ID, 3, tokens.Bonus), f.newEntry(w.ada.ID, 4, tokens.Bonus),
	}
	people := []id.User{w.eve.ID, w.ada.ID, w.ben.ID}
	interests := []id.Interest{w.fishing.ID, w.hiking.ID}
	profile := f.newProfile(w.cleo)
	entriesBefore, peopleBefore, interestsBefore := slices.Clone(entries), slices.Clone(people), slices.Clone(interests)
	f.do(func(ctx context.Context, tx ports.Tx) error {
		_, errPin := tx.Users().Pin(ctx, people...)
		_, errInterests := tx.Matching().Interests(ctx, interests...)
		return inOrder(
			func() error { return errPin }, func() error { return errInterests },
			func() error { return post(ctx, tx, entries...) },
			func() error { return tx.Matching().SaveProfile(ctx, profile, interests) },
		)
	})
	f.same("the entries passed to Post", entries, entriesBefore)
	f.same("the accounts passed to Pin", people, peopleBefore)
	f.same("the interests passed to SaveProfile", interests, interestsBefore)
}
