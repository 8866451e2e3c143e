package messaging_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// scene is a world with a conversation between a voyager and a local, and with a third user.
type scene struct {
	*coretest.World
	voyager, local, stranger id.User
	talk                     id.Conversation
}

func newScene(t *testing.T, change ...func(*coretest.Policies)) scene {
	w := coretest.NewWorld(t, memory.New(), change...)
	s := scene{World: w, voyager: w.Person("Vera"), local: w.Local("Luca"), stranger: w.Local("Sam")}
	s.talk = w.Conversation(s.voyager, s.local)
	return s
}

func (s scene) send(t *testing.T, by id.User, content string) messaging.Message {
	t.Helper()
	m, err := s.Messaging.Send(s.Ctx, by, s.talk, messaging.Draft{Content: content}, "")
	coretest.Is(t, err, nil)
	return m
}

func dataURL(label string, picture []byte) string {
	return "data:" + label + ";base64," + base64.StdEncoding.EncodeToString(picture)
}

func attached(width, height int) messaging.DataURL {
	return messaging.ParseDataURL([]byte(dataURL("image/png", coretest.Picture("image/png", width, height))))
}

func TestOpen(t *testing.T) {
	t.Run("only a searchable user", func(t *testing.T) {
		for name, hide := range map[string]func(w *coretest.World, luca, ada id.User){
			"unknown":                nil,
			"not searchable":         nil,
			"inactive":               func(w *coretest.World, luca, _ id.User) { w.SetActive(luca, false) },
			"blocked by the local":   func(w *coretest.World, luca, ada id.User) { w.Block(luca, ada) },
			"blocked by the voyager": func(w *coretest.World, luca, ada id.User) { w.Block(ada, luca) },
		} {
			w := coretest.NewWorld(t, memory.New())
			ada := w.Person("Ada")
			w.Admin()
			var luca id.User
			switch name {
			case "unknown":
				luca = id.User(w.IDs.Next())
			case "not searchable":
				luca = w.Person("Luca")
			default:
				luca = w.Local("Luca")
				hide(w, luca, ada)
			}
			w.Unchanged(func() {
				_, err := w.Messaging.Open(w.Ctx, ada, luca, "")
				coretest.Is(t, err, messaging.ErrNobody)
			})
		}
	})
	t.Run("not the caller", func(t *testing.T) {
		s := newScene(t)
		_, err := s.Messaging.Open(s.Ctx, s.local, s.local, "")
		coretest.Fields(t, err, "local_id")
	})
	t.Run("again, after a block and a deactivation", func(t *testing.T) {
		s := newScene(t)
		s.Block(s.local, s.voyager)
		s.SetActive(s.local, false)
		s.Unchanged(func() {
			o, err := s.Messaging.Open(s.Ctx, s.voyager, s.local, "")
			coretest.Is(t, err, nil)
			if o.Created || o.Overview.Conversation.ID != s.talk {
				t.Errorf("got %+v, want the existing conversation", o)
			}
		})
	})
	t.Run("the roles swapped", func(t *testing.T) {
		w := coretest.NewWorld(t, memory.New())
		ada, luca := w.Local("Ada"), w.Local("Luca")
		if w.Conversation(ada, luca) == w.Conversation(luca, ada) {
			t.Error("got the same conversation for both orders, want two")
		}
	})
	t.Run("concurrently", func(t *testing.T) {
		w := coretest.NewWorld(t, memory.New())
		ada, luca := w.Person("Ada"), w.Local("Luca")
		created := make([]bool, 10)
		errs := coretest.AtOnce(len(created), func(i int) error {
			o, err := w.Messaging.Open(w.Ctx, ada, luca, "")
			created[i] = o.Created
			return err
		})
		n := 0
		for _, c := range created {
			if c {
				n++
			}
		}
		if coretest.Count(errs, nil) != 10 || n != 1 {
			t.Errorf("%d were created with the errors %v, want 1 and no errors", n, errs)
		}
	})
	t.Run("an inactive caller", func(t *testing.T) {
		s := newScene(t)
		s.SetActive(s.voyager, false)
		_, err := s.Messaging.Open(s.Ctx, s.voyager, s.stranger, "")
		coretest.Is(t, err, users.ErrNotSignedIn)
	})
}

func TestSend(t *testing.T) {
	t.Run("stores the message and debits its sender", func(t *testing.T) {
		s := newScene(t)
		m := s.send(t, s.local, "Ciao!")
		if m.UserID != s.local || m.ConversationID != s.talk || m.Read || m.CreatedAt != s.Clock.Now() {
			t.Errorf("the message is %+v", m)
		}
		if s.Balance(s.local) != 49 || s.Balance(s.voyager) != 50 {
			t.Errorf("balances are %d and %d, want 49 and 50", s.Balance(s.local), s.Balance(s.voyager))
		}
		ledger, err := s.Tokens.Transactions(s.Ctx, s.local, page.Request[int64]{})
		coretest.Is(t, err, nil)
		last := ledger.Items[0]
		if last.Type != tokens.MessageSent || last.Amount != -1 || last.Metadata.String() != fmt.Sprintf(`{"message_id":%q}`, m.ID) {
			t.Errorf("got the transaction %+v", last)
		}
	})
	t.Run("with too few tokens stores nothing", func(t *testing.T) {
		s := newScene(t, func(p *coretest.Policies) { p.Messaging.MessageCost = 26 })
		s.send(t, s.voyager, "one")
		s.Unchanged(func() {
			_, err := s.Messaging.Send(s.Ctx, s.voyager, s.talk, messaging.Draft{Content: "two"}, "key")
			coretest.Is(t, err, tokens.ErrTooFewTokens)
		})
	})
	t.Run("a free message", func(t *testing.T) {
		s := newScene(t, func(p *coretest.Policies) { p.Messaging.MessageCost = 0 })
		s.send(t, s.voyager, "one")
		if b := s.Balance(s.voyager); b != 50 {
			t.Errorf("the voyager has %d, want 50", b)
		}
	})
	t.Run("by other users", func(t *testing.T) {
		s := newScene(t)
		for _, who := range []id.User{s.stranger, s.Admin()} {
			_, err := s.Messaging.Send(s.Ctx, who, s.talk, messaging.Draft{Content: "Psst"}, "")
			coretest.Is(t, err, messaging.ErrNotFound)
		}
		_, err := s.Messaging.Send(s.Ctx, s.voyager, id.Conversation(s.IDs.Next()), messaging.Draft{Content: "Psst"}, "")
		coretest.Is(t, err, messaging.ErrNotFound)
	})
	t.Run("invalid content", func(t *testing.T) {
		s := newScene(t)
		for _, content := range []string{"", strings.Repeat("é", 5001), "\xff", "a\x00b"} {
			_, err := s.Messaging.Send(s.Ctx, s.voyager, s.talk, messaging.Draft{Content: content}, "")
			coretest.Fields(t, err, "content")
		}
		s.send(t, s.voyager, strings.Repeat("😀", 5000))
	})
	t.Run("after a block, and to an inactive user", func(t *testing.T) {
		s := newScene(t)
		s.Block(s.voyager, s.local)
		for _, who := range []id.User{s.voyager, s.local} {
			_, err := s.Messaging.Send(s.Ctx, who, s.talk, messaging.Draft{Content: "Hello?"}, "")
			coretest.Is(t, err, messaging.ErrClosed)
		}
		coretest.Is(t, s.Moderation.Unblock(s.Ctx, s.voyager, s.local), nil)
		s.send(t, s.local, "There you are")
		s.SetActive(s.local, false)
		_, err := s.Messaging.Send(s.Ctx, s.voyager, s.talk, messaging.Draft{Content: "Hello?"}, "")
		coretest.Is(t, err, messaging.ErrClosed)
		_, err = s.Messaging.Send(s.Ctx, s.local, s.talk, messaging.Draft{Content: "Hello?"}, "")
		coretest.Is(t, err, users.ErrNotSignedIn)
		list, err := s.Messaging.Messages(s.Ctx, s.voyager, s.talk, page.Request[page.Moment]{})
		coretest.Is(t, err, nil)
		if len(list.Items) != 1 {
			t.Errorf("the history has %d messages, want 1", len(list.Items))
		}
	})
}

func TestSendRepeat(t *testing.T) {
	s := newScene(t)
	draft := messaging.Draft{Content: "Once", Attachment: attached(10, 10)}
	first, err := s.Messaging.Send(s.Ctx, s.voyager, s.talk, draft, "key")
	coretest.Is(t, err, nil)
	s.Block(s.local, s.voyager) // a repeat does not check the state
	s.Unchanged(func() {
		again, err := s.Messaging.Send(s.Ctx, s.voyager, s.talk, draft, "key")
		coretest.Is(t, err, nil)
		if again != first {
			t.Errorf("the repeat returned %+v, want %+v", again, first)
		}
		for name, other := range map[string]messaging.Draft{
			"content": {Content: "Twice", Attachment: draft.Attachment},
			"image":   {Content: draft.Content, Attachment: attached(11, 10)},
			"without": {Content: draft.Content},
		} {
			if _, err := s.Messaging.Send(s.Ctx, s.voyager, s.talk, other, "key"); err == nil {
				t.Errorf("%s: a different draft was accepted with the same key", name)
			} else {
				coretest.Is(t, err, idempotency.ErrKeyReused)
			}
		}
	})
	if strings.Contains(s.Rows(), "base64") {
		t.Error("the store holds the data URL of the image")
	}
	s.SetActive(s.voyager, false)
	_, err = s.Messaging.Send(s.Ctx, s.voyager, s.talk, draft, "key")
	coretest.Is(t, err, users.ErrNotSignedIn)
	_, err = s.Messaging.Send(s.Ctx, s.local, s.talk, draft, "a key with a line break\n")
	coretest.Fields(t, err, "Idempotency-Key")
}

func TestConcurrentSends(t *testing.T) {
	s := newScene(t)
	s.send(t, s.local, "an answer")
	errs := coretest.AtOnce(200, func(i int) error {
		_, err := s.Messaging.Send(s.Ctx, s.voyager, s.talk, messaging.Draft{Content: fmt.Sprint(i)}, "")
		return err
	})
	if ok, refused := coretest.Count(errs, nil), coretest.Count(errs, tokens.ErrTooFewTokens); ok != 50 || refused != 150 {
		t.Errorf("%d succeeded and %d failed, want 50 and 150", ok, refused)
	}
	if b := s.Balance(s.voyager); b != 0 {
		t.Errorf("the balance is %d, want 0", b)
	}
}

// TestOldImages reads images from before images were cleaned.
func TestOldImages(t *testing.T) {
	s := newScene(t)
	s.send(t, s.local, "hello")
	keep := func(data []byte) id.Message {
		m := messaging.Message{
			ID: id.Message(s.IDs.Next()), ConversationID: s.talk, UserID: s.local, Attachment: "image/webp", CreatedAt: s.Clock.Now(),
		}
		coretest.Is(t, s.Store.Do(s.Ctx, func(ctx context.Context, tx ports.Tx) error {
			return tx.Messaging().AddMessage(ctx, m, &messaging.Attachment{MediaType: m.Attachment, Bytes: data})
		}), nil)
		return m.ID
	}
	kept := func(m id.Message) (a messaging.Attachment) {
		coretest.Is(t, s.Store.View(s.Ctx, func(ctx context.Context, tx ports.Tx) (err error) {
			a, err = tx.Messaging().Attachment(ctx, m)
			return err
		}), nil)
		return a
	}
	good, damaged := keep(coretest.Picture("image/jpeg", 9, 9)), keep([]byte("damaged"))
	for range 2 {
		a, err := s.Messaging.Attachment(s.Ctx, s.voyager, good)
		coretest.Is(t, err, nil)
		if !a.Cleaned || a.MediaType != "image/jpeg" || !reflect.DeepEqual(kept(good), a) {
			t.Errorf("got %+v, and the store has %+v", a, kept(good))
		}
		a, err = s.Messaging.Attachment(s.Ctx, s.voyager, damaged)
		coretest.Is(t, err, nil)
		if a.Cleaned || string(a.Bytes) != "damaged" || kept(damaged).Cleaned {
			t.Errorf("a damaged image became %+v", a)
		}
	}
}

func TestAttachments(t *testing.T) {
	s := newScene(t)
	big := make([]byte, messaging.MaxAttachment)
	copy(big, coretest.Picture("image/png", 1, 1))
	for name, c := range map[string]struct {
		attachment string
		valid      bool
	}{
		"png":             {dataURL("image/png", coretest.Picture("image/png", 10, 10)), true},
		"webp":            {dataURL("image/webp", coretest.Picture("image/webp", 10, 10)), true},
		"5 MiB":           {dataURL("image/png", big), true},
		"above 5 MiB":     {dataURL("image/png", append(big, 0)), false},
		"far above 5 MiB": {dataURL("image/png", make([]byte, 2*messaging.MaxAttachment)), false},
		"24 megapixels":   {dataURL("image/png", coretest.Picture("image/png", 6000, 4000)), true},
		"one pixel more":  {dataURL("image/png", coretest.Picture("image/png", 24_000_001, 1)), false},
		"another label":   {dataURL("image/png", coretest.Picture("image/gif", 10, 10)), false},
		"svg":             {dataURL("image/svg+xml", []byte("<svg/>")), false},
		"not an image":    {dataURL("image/png", []byte("hello")), false},
		"no label":        {base64.StdEncoding.EncodeToString(coretest.Picture("image/png", 10, 10)), false},
		"a parameter":     {strings.Replace(dataURL("image/png", coretest.Picture("image/png", 10, 10)), ";base64", ";x=y;base64", 1), false},
		"not base64":      {"data:image/png;base64,%%%%", false},
		"no padding":      {"data:image/png;base64," + base64.RawStdEncoding.EncodeToString(coretest.Picture("image/png", 10, 10)), false},
		"line breaks":     {dataURL("image/png", coretest.Picture("image/png", 10, 10)) + "\n", false},
		"an address":      {"https://example.org/x.png", false},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := s.Messaging.Send(s.Ctx, s.local, s.talk, messaging.Draft{Attachment: messaging.ParseDataURL([]byte(c.attachment))}, "")
			if !c.valid {
				coretest.Fields(t, err, "attachment")
				return
			}
			coretest.Is(t, err, nil)
			for _, who := range []id.User{s.voyager, s.local} {
				a, err := s.Messaging.Attachment(s.Ctx, who, m.ID)
				coretest.Is(t, err, nil)
				if a.DataURL() != c.attachment || a.MediaType != m.Attachment {
					t.Errorf("got a different image, %s", a.MediaType)
				}
			}
			for _, who := range []id.User{s.stranger, s.Admin()} {
				_, err := s.Messaging.Attachment(s.Ctx, who, m.ID)
				coretest.Is(t, err, messaging.ErrNoAttachment)
			}
		})
	}
	s.Fund(s.voyager, 50)
	_, err := s.Messaging.Attachment(s.Ctx, s.voyager, s.send(t, s.voyager, "no image").ID)
	coretest.Is(t, err, messaging.ErrNoAttachment)
	_, err = s.Messaging.Attachment(s.Ctx, s.voyager, id.Message(s.IDs.Next()))
	coretest.Is(t, err, messaging.ErrNoAttachment)
}

func TestRead(t *testing.T) {
	s := newScene(t)
	var fromLocal []messaging.Message
	for i := range 5 {
		fromLocal = append(fromLocal, s.send(t, s.local, fmt.Sprint(i)))
		if i == 2 {
			s.Clock.Advance(time.Millisecond) // the first three have the same time
		}
	}
	own := s.send(t, s.voyager, "mine")
	read := func(who id.User, upTo id.Message, want int) {
		t.Helper()
		n, err := s.Messaging.Read(s.Ctx, who, s.talk, upTo, "")
		coretest.Is(t, err, nil)
		if n != want {
			t.Errorf("marked %d messages, want %d", n, want)
		}
	}
	read(s.voyager, fromLocal[1].ID, 2)
	read(s.voyager, fromLocal[1].ID, 0)
	read(s.voyager, own.ID, 3)
	read(s.local, fromLocal[4].ID, 0) // the voyager's own message is later
	read(s.local, own.ID, 1)
	o, err := s.Messaging.Conversation(s.Ctx, s.voyager, s.talk)
	coretest.Is(t, err, nil)
	if o.Unread != 0 {
		t.Errorf("%d messages are unread, want 0", o.Unread)
	}

	elsewhere := s.Conversation(s.voyager, s.stranger)
	m, err := s.Messaging.Send(s.Ctx, s.voyager, elsewhere, messaging.Draft{Content: "Hi"}, "")
	coretest.Is(t, err, nil)
	for _, wrong := range []id.Message{m.ID, id.Message(s.IDs.Next())} {
		_, err := s.Messaging.Read(s.Ctx, s.voyager, s.talk, wrong, "")
		coretest.Fields(t, err, "up_to")
	}
	_, err = s.Messaging.Read(s.Ctx, s.stranger, s.talk, own.ID, "")
	coretest.Is(t, err, messaging.ErrNotFound)

	s.send(t, s.local, "again")
	last := s.send(t, s.local, "and again")
	n, err := s.Messaging.Read(s.Ctx, s.voyager, s.talk, last.ID, "read")
	coretest.Is(t, err, nil)
	again, err := s.Messaging.Read(s.Ctx, s.voyager, s.talk, last.ID, "read")
	coretest.Is(t, err, nil)
	if n != 2 || again != 2 {
		t.Errorf("marked %d messages, and the repeat returned %d, want 2 and 2", n, again)
	}
}

func TestConversations(t *testing.T) {
	s := newScene(t)
	s.Clock.Advance(time.Second)
	second := s.Conversation(s.voyager, s.stranger)
	list := func(who id.User) []messaging.Overview {
		t.Helper()
		p, err := s.Messaging.Conversations(s.Ctx, who, page.Request[page.Moment]{})
		coretest.Is(t, err, nil)
		return p.Items
	}
	if got := list(s.voyager); len(got) != 2 || got[0].Conversation.ID != second || got[0].LastMessage != nil {
		t.Fatalf("the list is %+v, want the newer conversation first", got)
	}
	s.Clock.Advance(time.Second)
	s.send(t, s.local, "one")
	last := s.send(t, s.local, "two")
	got := list(s.voyager)
	if got[0].Conversation.ID != s.talk || got[0].LastMessage == nil || *got[0].LastMessage != last || got[0].Unread != 2 {
		t.Errorf("the list is %+v, want the talk first, with two unread", got)
	}
	if want := (matching.Person{UserID: s.local, FirstName: "Luca"}); got[0].Other != want {
		t.Errorf("the other is %+v, want %+v", got[0].Other, want)
	}
	if theirs := list(s.local); len(theirs) != 1 || theirs[0].Unread != 0 || theirs[0].Other.FirstName != "Vera" {
		t.Errorf("the local sees %+v", theirs)
	}
	page1, err := s.Messaging.Conversations(s.Ctx, s.voyager, page.Request[page.Moment]{Limit: 1})
	coretest.Is(t, err, nil)
	page2, err := s.Messaging.Conversations(s.Ctx, s.voyager, page.Request[page.Moment]{Limit: 1, After: page1.Next})
	coretest.Is(t, err, nil)
	if page2.Items[0].Conversation.ID != second || page2.Next != nil {
		t.Errorf("the second page is %+v", page2)
	}
	for _, who := range []id.User{s.stranger, s.Admin()} {
		_, err := s.Messaging.Conversation(s.Ctx, who, s.talk)
		coretest.Is(t, err, messaging.ErrNotFound)
		_, err = s.Messaging.Messages(s.Ctx, who, s.talk, page.Request[page.Moment]{})
		coretest.Is(t, err, messaging.ErrNotFound)
	}
	_, err = s.Messaging.Conversations(s.Ctx, s.voyager, page.Request[page.Moment]{Limit: -1})
	coretest.Is(t, err, fault.Invalid)
}
