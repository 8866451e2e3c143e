package messaging_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

// talkOf returns a conversation of two users with messages of both in turn.
func talkOf(t *testing.T, w *coretest.World, voyager, local id.User, n int) (sent []messaging.Message) {
	t.Helper()
	talk := w.Conversation(voyager, local)
	for i := range n {
		m, err := w.Messaging.Send(w.Ctx, []id.User{voyager, local}[i%2], talk, messaging.Draft{Content: strings.Repeat("x", i+1)}, "")
		coretest.Is(t, err, nil)
		sent = append(sent, m)
	}
	return sent
}

func about(user id.User, m id.Message) messaging.ReportInput {
	return messaging.ReportInput{ReportInput: moderation.ReportInput{ReportedUserID: user, Reason: "rude"}, MessageID: m}
}

func TestReportMessage(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	vera, luca := w.Person("Vera"), w.Local("Luca")
	sent := talkOf(t, w, vera, luca, 5)
	for name, test := range map[string]struct {
		by, of id.User
		at     int
		copied []messaging.Message
	}{
		"by the voyager, with two before it": {vera, luca, 3, sent[1:4]},
		"by the local, with one before it":   {luca, vera, 1, sent[:2]},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := w.Messaging.Report(w.Ctx, test.by, about(test.of, sent[test.at].ID), "")
			coretest.Is(t, err, nil)
			want := moderation.Report{
				ID: r.ID, ReporterID: test.by, ReportedUserID: test.of, Reason: "rude", MessageID: sent[test.at].ID,
				Status: moderation.Pending, CreatedAt: w.Clock.Now(),
			}
			if r != want {
				t.Errorf("got %+v, want %+v", r, want)
			}
			seen, err := w.Moderation.ReportByID(w.Ctx, w.Admin(), r.ID)
			coretest.Is(t, err, nil)
			var copied []moderation.ReportedMessage
			for _, m := range test.copied {
				copied = append(copied, moderation.ReportedMessage{MessageID: m.ID, UserID: m.UserID, Content: m.Content, CreatedAt: m.CreatedAt})
			}
			if seen.Report != r || !slices.Equal(seen.Messages, copied) {
				t.Errorf("the admin sees %+v, want %+v and %+v", seen, r, copied)
			}
			mine, err := w.Moderation.MyReports(w.Ctx, test.by, page.Request[page.Moment]{})
			if err != nil || !slices.Equal(mine.Items, []moderation.Report{r}) {
				t.Errorf("the reporter sees %+v with error %v", mine.Items, err)
			}
		})
	}
}

// A message can be reported when the conversation is closed, and has no other before it.
func TestReportFirstMessageAfterBlock(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	vera, luca := w.Person("Vera"), w.Local("Luca")
	sent := talkOf(t, w, vera, luca, 1)
	w.Block(luca, vera)
	w.SetActive(vera, false)
	r, err := w.Messaging.Report(w.Ctx, luca, about(vera, sent[0].ID), "")
	coretest.Is(t, err, nil)
	seen, err := w.Moderation.ReportByID(w.Ctx, w.Admin(), r.ID)
	if err != nil || len(seen.Messages) != 1 || seen.Messages[0].MessageID != sent[0].ID {
		t.Errorf("the admin sees %+v with error %v", seen.Messages, err)
	}
}

func TestReportMessageErrors(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	vera, luca, eve := w.Person("Vera"), w.Local("Luca"), w.Local("Eve")
	ours, theirs := talkOf(t, w, vera, luca, 2), talkOf(t, w, luca, eve, 2)
	file := func(by id.User, c messaging.ReportInput) error {
		_, err := w.Messaging.Report(w.Ctx, by, c, "k")
		return err
	}
	admin := w.Admin()
	w.Unchanged(func() {
		coretest.Fields(t, file(admin, about(luca, ours[1].ID)), "message_id")  // of two others
		coretest.Fields(t, file(vera, about(luca, theirs[1].ID)), "message_id") // of others
		coretest.Fields(t, file(vera, about(eve, ours[1].ID)), "message_id")    // of another conversation
		coretest.Fields(t, file(vera, about(eve, theirs[1].ID)), "message_id")
		coretest.Fields(t, file(vera, about(luca, id.Message(w.IDs.Next()))), "message_id")
		coretest.Fields(t, file(vera, about(vera, ours[1].ID)), "reported_user_id")
		coretest.Fields(t, file(vera, messaging.ReportInput{ReportInput: moderation.ReportInput{ReportedUserID: luca}}), "reason")
		coretest.Is(t, file(vera, about(id.User(w.IDs.Next()), theirs[1].ID)), users.ErrNotFound)
	})
}

func TestReportMessageRepeat(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	vera, luca := w.Person("Vera"), w.Local("Luca")
	sent := talkOf(t, w, vera, luca, 2)
	filed, err := w.Messaging.Report(w.Ctx, vera, about(luca, sent[1].ID), "k")
	coretest.Is(t, err, nil)
	_, err = w.Messaging.Report(w.Ctx, vera, about(luca, sent[1].ID), "")
	coretest.Is(t, err, moderation.ErrReportPending)
	w.Unchanged(func() {
		again, err := w.Messaging.Report(w.Ctx, vera, about(luca, sent[1].ID), "k")
		if err != nil || again != filed {
			t.Errorf("the repeat returned %+v with error %v, want %+v", again, err, filed)
		}
		_, err = w.Messaging.Report(w.Ctx, vera, about(luca, sent[0].ID), "k")
		coretest.Is(t, err, idempotency.ErrKeyReused)
		_, err = w.Moderation.Report(w.Ctx, vera, about(luca, sent[1].ID).ReportInput, "k")
		coretest.Is(t, err, idempotency.ErrKeyReused)
	})
	w.SetActive(vera, false)
	_, err = w.Messaging.Report(w.Ctx, vera, about(luca, sent[1].ID), "k")
	coretest.Is(t, err, users.ErrNotSignedIn)
}

func TestReportMessageCancelled(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	vera, luca := w.Person("Vera"), w.Local("Luca")
	sent := talkOf(t, w, vera, luca, 3)
	coretest.Is(t, w.Cancelled(func(ctx context.Context) error {
		_, err := w.Messaging.Report(ctx, vera, about(luca, sent[2].ID), "k")
		return err
	}), nil)
}
