package porttest

import (
	"context"
	"fmt"
	"slices"
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

// keyed is a command that was done with a key, which is its name.
type keyed struct {
	name   string
	owner  id.User
	do     func() (any, error)
	answer any
	old    string // what an earlier version kept of the answer: all of it
}

// talkers are two users who do every command with a key. An admin posts to the wallet of the
// second.
type talkers struct {
	c                *community
	lucy, tom, admin users.User
	talk             id.Conversation
	done             []*keyed
}

// texts are parts of all texts in the commands of talkers, and in what their answers show. None of
// them is a part of an identifier.
var texts = []string{"lucy", "tom", "olga", "-of-", "example.org", "image"}

func (c *community) talkers() *talkers {
	c.Helper()
	t := &talkers{c: c, admin: c.admin("olga"), lucy: c.join("lucy"), tom: c.join("tom")}
	for _, u := range []users.User{t.lucy, t.tom} {
		p := matching.Profile{FirstName: "first-of-" + u.Name, ImageURL: "https://example.org/" + u.Name, IsSearchable: true}
		if _, err := c.matching.SaveProfile(c.ctx, u.ID, p, nil); err != nil {
			c.Fatal(err)
		}
	}
	c.talk(t.tom, t.lucy) // with the roles swapped, so that the users have two conversations

	opened := commanded(t, t.lucy.ID, "open", t.open, func(o opening) string {
		return fmt.Sprintf(`{"Overview":{"Conversation":{"ID":"%s","VoyagerID":"%s","LocalID":"%[3]s","CreatedAt":"2031-03-01T12:00:00Z"},`+
			`"Other":{"UserID":"%[3]s","FirstName":"first-of-tom","ImageURL":"https://example.org/tom"},"LastMessage":null,"Unread":0},"Created":true}`,
			o.Conversation.ID, t.lucy.ID, t.tom.ID)
	})
	t.talk = opened.Conversation.ID
	sent := commanded(t, t.tom.ID, "send", func(key idempotency.Key) (messaging.Message, error) {
		d := messaging.Draft{Content: "words-of-tom", Attachment: dataURL(png)}
		return c.messaging.Send(c.ctx, t.tom.ID, t.talk, d, key)
	}, func(m messaging.Message) string {
		return fmt.Sprintf(`{"ID":"%s","ConversationID":"%s","UserID":"%s","Content":"words-of-tom","Attachment":"image/png",`+
			`"Read":false,"CreatedAt":"2031-03-01T12:00:00Z"}`, m.ID, t.talk, t.tom.ID)
	})
	commanded(t, t.lucy.ID, "open again", t.open, func(o opening) string {
		return fmt.Sprintf(`{"Overview":{"Conversation":{"ID":"%s"},"Other":{"UserID":"%s","FirstName":"first-of-tom"},`+
			`"LastMessage":{"ID":"%s","Content":"words-of-tom"},"Unread":1},"Created":false}`, o.Conversation.ID, t.tom.ID, sent.ID)
	})
	commanded(t, t.lucy.ID, "read", func(key idempotency.Key) (int, error) {
		return c.messaging.Read(c.ctx, t.lucy.ID, t.talk, sent.ID, key)
	}, func(n int) string { return fmt.Sprint(n) })
	first, second := t.propose("propose", 0), t.propose("propose more", 100)
	t.move("accept", t.tom.ID, first, c.reservations.Accept)
	t.move("cancel", t.lucy.ID, first, c.reservations.Cancel)
	t.move("decline", t.tom.ID, second, c.reservations.Decline)
	commanded(t, t.lucy.ID, "report", func(key idempotency.Key) (moderation.Report, error) {
		in := moderation.ReportInput{ReportedUserID: t.tom.ID, Reason: "reason-of-lucy", Message: "words-of-lucy"}
		return c.moderation.Report(c.ctx, t.lucy.ID, in, key)
	}, func(r moderation.Report) string {
		return fmt.Sprintf(`{"ID":"%s","ReporterID":"%s","ReportedUserID":"%s","Reason":"reason-of-lucy","Message":"words-of-lucy",`+
			`"Status":"pending","ReviewedBy":"","AdminNotes":"","ReviewedAt":"0001-01-01T00:00:00Z","CreatedAt":"2031-03-01T12:00:00Z"}`,
			r.ID, t.lucy.ID, t.tom.ID)
	})
	commanded(t, t.admin.ID, "post", func(key idempotency.Key) (tokens.Transaction, error) {
		a := moderation.Adjustment{Type: tokens.Bonus, Amount: 7, Reason: "reason-of-olga"}
		return c.moderation.PostTokens(c.ctx, t.admin.ID, t.tom.ID, a, key)
	}, func(line tokens.Transaction) string {
		return fmt.Sprintf(`{"ID":"%s","UserID":"%s","Seq":%d,"Amount":7,"Type":"BONUS","Reason":"reason-of-olga","Metadata":{}}`,
			line.ID, t.tom.ID, line.Seq)
	})
	commanded(t, t.admin.ID, "interest", func(key idempotency.Key) (matching.Interest, error) {
		return c.matching.CreateInterest(c.ctx, t.admin.ID, matching.InterestChange{Name: ptr("walking-of-olga")}, key)
	}, func(i matching.Interest) string {
		return fmt.Sprintf(`{"ID":"%s","Name":"walking-of-olga","Icon":"","IsActive":true,"Twin":false}`, i.ID)
	})
	return t
}

// opening is messaging.OpenResult without pointers.
type opening struct {
	flat
	Created bool
}

func (t *talkers) open(key idempotency.Key) (opening, error) {
	o, err := t.c.messaging.Open(t.c.ctx, t.lucy.ID, t.tom.ID, key)
	return opening{flatten(o.Overview), o.Created}, err
}

func (t *talkers) propose(name string, minute int) reservations.View {
	return commanded(t, t.lucy.ID, name, func(key idempotency.Key) (reservations.View, error) {
		p := aWalk(20, minute)
		p.Title = "title-of-lucy"
		return t.c.reservations.Propose(t.c.ctx, t.lucy.ID, t.talk, p, key)
	}, oldReservation)
}

func (t *talkers) move(name string, by id.User, r reservations.View, move func(
	context.Context, id.User, id.Reservation, idempotency.Key,
) (reservations.View, error)) {
	commanded(t, by, name, func(key idempotency.Key) (reservations.View, error) {
		return move(t.c.ctx, by, r.ID, key)
	}, oldReservation)
}

func oldReservation(r reservations.View) string {
	return fmt.Sprintf(`{"ID":"%s","ConversationID":"%s","Title":"title-of-lucy","Price":"20.00","Tokens":20,"Status":"%s",`+
		`"UpdatedAt":"2031-03-01T12:00:00Z"}`, r.ID, r.ConversationID, r.Status)
}

// commanded does a command with its name as the key, and returns the answer.
func commanded[A any](t *talkers, owner id.User, name string, do func(idempotency.Key) (A, error), old func(A) string) A {
	t.c.Helper()
	key := idempotency.Key(strings.ReplaceAll(name, " ", "-"))
	answer, err := do(key)
	if err != nil {
		t.c.Fatalf("%s: %v", name, err)
	}
	t.done = append(t.done, &keyed{
		name: string(key), owner: owner, do: func() (any, error) { return do(key) }, answer: answer, old: old(answer),
	})
	return answer
}

// again fails the test if a command that its owner repeats changes a row, or has another answer
// than before, except for what change changes of Tom in it, and whether the conversation is closed.
func (t *talkers) again(when string, owners []users.User, change func(tom *matching.Person, closed *bool)) {
	t.c.Helper()
	before := t.c.dump()
	for _, k := range t.done {
		if !slices.ContainsFunc(owners, func(u users.User) bool { return u.ID == k.owner }) {
			continue
		}
		want := k.answer
		switch answer := want.(type) {
		case opening:
			change(&answer.Other, &answer.Closed)
			answer.LastMessage.Read = answer.LastMessage.ID != id.Message{} // since the command read
			want = answer
		case messaging.Message:
			answer.Read = true
			want = answer
		case reservations.View:
			if answer.Other.UserID == t.tom.ID {
				change(&answer.Other, new(bool))
			}
			want = answer
		}
		got, err := k.do()
		t.c.kept(k.name+" repeated "+when, got, want, err)
	}
	t.c.unchanged("commands repeated "+when, before)
}

func asBefore(*matching.Person, *bool) {}

// records returns all records of keys, or those of one owner.
func (f *fixture) records(owners ...id.User) (all []idempotency.Record) {
	f.Helper()
	rows := read(f, func(ctx context.Context, tx ports.Tx) ([]ports.Row, error) {
		return rowsOf(ctx, tx, ports.IdempotencyRecords, 100)
	})
	for _, row := range rows {
		r, err := ports.RecordLayout.Value(row)
		if err != nil {
			f.Fatal(err)
		}
		if len(owners) == 0 || r.Owner == owners[0].String() {
			all = append(all, r)
		}
	}
	return all
}

// small fails the test if a record has a text, or more than a few identifiers and facts.
func (t *talkers) small() {
	t.c.Helper()
	all := t.c.records()
	t.c.same("the number of records", len(all), len(t.done))
	for _, r := range all {
		for _, part := range texts {
			if strings.Contains(string(r.Answer), part) {
				t.c.Errorf("the answer that is kept under the key %s has a text: %s", r.Key, r.Answer)
			}
		}
		if len(r.Answer) > 200 {
			t.c.Errorf("the answer that is kept under the key %s has %d bytes", r.Key, len(r.Answer))
		}
	}
}

func answersReplayed(c *community) {
	t := c.talkers()
	all := []users.User{t.lucy, t.tom, t.admin}
	t.small()
	t.again("immediately", all, asBefore)

	// What others change later is in no answer, except for their names and images.
	for _, r := range read(c.fixture, func(ctx context.Context, tx ports.Tx) ([]moderation.Report, error) {
		return tx.Moderation().Reports(ctx, moderation.Pending, nil, 10)
	}) {
		change := moderation.ReportChange{Status: ptr(moderation.Resolved), Notes: ptr("seen")}
		if _, err := c.moderation.ChangeReport(c.ctx, t.admin.ID, r.ID, change); err != nil {
			c.Fatal(err)
		}
	}
	if _, err := c.messaging.Send(c.ctx, t.tom.ID, t.talk, messaging.Draft{Content: "and then"}, ""); err != nil {
		c.Fatal(err)
	}
	c.clock.set(noon.Add(time.Hour))
	if err := c.grant(t.admin, t.tom, tokens.Bonus, 3); err != nil {
		c.Fatal(err)
	}
	if _, err := c.matching.SaveProfile(c.ctx, t.tom.ID, matching.Profile{FirstName: "Thomas"}, nil); err != nil {
		c.Fatal(err)
	}
	t.again("later", all, func(tom *matching.Person, _ *bool) { tom.FirstName, tom.ImageURL = "Thomas", "" })
}

// oldAnswersReplayed replaces the records by those of a version that kept whole answers.
func oldAnswersReplayed(c *community) {
	t := c.talkers()
	records := t.c.records()
	for _, owner := range []users.User{t.lucy, t.tom, t.admin} {
		c.do(func(ctx context.Context, tx ports.Tx) error { return tx.Idempotency().Forget(ctx, owner.ID.String()) })
	}
	for _, r := range records {
		i := slices.IndexFunc(t.done, func(k *keyed) bool { return k.name == string(r.Key) })
		r.Answer = []byte(t.done[i].old)
		c.save(r)
	}
	t.again("after an update", []users.User{t.lucy, t.tom, t.admin}, asBefore)
}

func answersAfterErasure(c *community) {
	t := c.talkers()
	if err := c.privacy.Erase(c.ctx, t.tom.ID, password, users.Device{}); err != nil {
		c.Fatal(err)
	}
	t.done = slices.DeleteFunc(t.done, func(k *keyed) bool { return k.owner == t.tom.ID })
	t.small()
	t.again("after an erasure", []users.User{t.lucy, t.admin}, func(tom *matching.Person, closed *bool) {
		tom.FirstName, tom.ImageURL, *closed = users.DeletedName, "", true
	})
}
