package porttest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// messagingTests tests conversations and messages.
var messagingTests = []test{
	{"a pair has one conversation in each order", conversationOpened},
	{"concurrent opens of a conversation create one", conversationRace},
	{"the n-th newest conversation that a voyager opened is found", nthOpened},
	{"a standing reports who is active, and a block by either", conversationStanding},
	{"holding a conversation reports its standing and latest message", conversationHeld},
	{"holding a conversation reports that messages have no answer", unansweredHeld},
	{"an image is kept apart from its message", attachmentApart},
	{"an image is replaced by a cleaned one once", attachmentCleaned},
	{"pages of messages hold each once, newest first", messagePages},
	{"the participants of a conversation read its messages, and nobody else does", messagesAccessed},
	{"reading marks the other's messages up to a moment", messagesRead},
	{"concurrent reads count each message once", readRace},
	{"an overview names the other and the last message", overviewRead},
	{"the other's first name is that of the profile, or of the account", overviewNames},
	{"pages of conversations hold each once, newest activity first", overviewPages},
}

func conversationOpened(f *fixture) {
	ada, ben, cleo := f.user("ada"), f.user("ben"), f.user("cleo")
	first, back := f.conversation(ada, ben), f.conversation(ben, ada)
	f.conversation(ada, cleo)
	before := f.dump()
	again := f.newConversation(ada.ID, ben.ID)
	again.CreatedAt = noon.Add(time.Hour)
	there, created := f.openConversation(again)
	f.same("the conversation opened again", there, first)
	f.same("created", created, false)
	f.unchanged("opening a conversation again", before)
	of := func(voyager, local id.User) (c messaging.Conversation, err error) {
		err = f.in(f.ctx, uow.Read, func(ctx context.Context, tx ports.Tx) (err error) {
			c, err = tx.Messaging().ConversationOf(ctx, voyager, local)
			return err
		})
		return c, err
	}
	got, err := of(ada.ID, ben.ID)
	f.kept("the conversation of Ada as voyager", got, first, err)
	got, err = of(ben.ID, ada.ID)
	f.kept("the conversation of Ben as voyager", got, back, err)
	if _, err = of(cleo.ID, ada.ID); !errors.Is(err, fault.NotFound) {
		f.Errorf("reading a conversation that was not opened returned %v, want not found", err)
	}
}

func conversationRace(f *fixture) {
	ben := f.user("ben")
	for i := range rounds(3, 200) {
		ada := f.user(fmt.Sprintf("ada%d", i))
		created, there := make([]bool, 10), make([]messaging.Conversation, 10)
		f.allConcurrently(len(created), func(i int) error {
			c := f.newConversation(ada.ID, ben.ID)
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				there[i], created[i], err = tx.Messaging().OpenConversation(ctx, c)
				return err
			})
		})
		f.same("the number of units that created the conversation",
			len(filter(created, func(b bool) bool { return b })), 1)
		for _, c := range there {
			f.same("the conversation", c, there[0])
		}
	}
	f.rowCount(ports.Conversations, rounds(3, 200))
}

func (f *fixture) standing(c messaging.Conversation) messaging.Standing {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) (messaging.Standing, error) {
		return tx.Messaging().Standing(ctx, c.ID)
	})
}

func conversationStanding(f *fixture) {
	ada, ben, cleo := f.user("ada"), f.user("ben"), f.user("cleo")
	talk := f.conversation(ada, ben)
	want := messaging.Standing{Conversation: talk, VoyagerActive: true, LocalActive: true}
	f.block(cleo.ID, ada.ID)
	f.same("the standing", f.standing(talk), want)
	for _, pair := range [][2]id.User{{ada.ID, ben.ID}, {ben.ID, ada.ID}} {
		f.block(pair[0], pair[1])
		want.Blocked = true
		f.same("the standing after a block", f.standing(talk), want)
		f.unblock(pair[0], pair[1], true)
		want.Blocked = false
		f.same("the standing after unblocking", f.standing(talk), want)
	}
	ben.IsActive = false
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().Save(ctx, ben) })
	want.LocalActive = false
	f.same("the standing with an inactive local", f.standing(talk), want)
	f.do(f.erase(ada.ID))
	want.VoyagerActive = false
	f.same("the standing with an erased voyager", f.standing(talk), want)
}

func conversationHeld(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	talk, back := f.conversation(ada, ben), f.conversation(ben, ada)
	f.message(back, ada, noon.Add(time.Hour))
	hold := func(doing string, want time.Time, before ...messaging.Message) {
		f.Helper()
		f.do(func(ctx context.Context, tx ports.Tx) error {
			for _, m := range before {
				if err := tx.Messaging().AddMessage(ctx, m, nil); err != nil {
					return err
				}
			}
			held, err := tx.Messaging().HoldConversation(ctx, talk.ID, ada.ID, 10)
			if err != nil {
				return err
			}
			f.same("what is held "+doing, held, messaging.Held{
				Standing: messaging.Standing{Conversation: talk, VoyagerActive: true, LocalActive: true}, Latest: want,
			})
			return nil
		})
	}
	hold("without a message", time.Time{})
	f.message(talk, ben, noon.Add(time.Millisecond))
	f.message(talk, ada, noon)
	hold("with two messages", noon.Add(time.Millisecond))
	hold("after a message of the same unit", noon.Add(time.Minute), f.newMessage(talk, ada.ID, noon.Add(time.Minute)))
}

func (f *fixture) messageOf(message id.Message) messaging.Message {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) (messaging.Message, error) {
		return tx.Messaging().Message(ctx, message)
	})
}

func (f *fixture) attachmentOf(message id.Message) messaging.Attachment {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) (messaging.Attachment, error) {
		return tx.Messaging().Attachment(ctx, message)
	})
}

func attachmentApart(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	talk := f.conversation(ada, ben)
	plain := f.message(talk, ada, noon)
	want := map[id.Message]messaging.Attachment{}
	messages := []messaging.Message{plain}
	for i, kind := range []string{"image/png", "image/jpeg", "image/gif", "image/webp"} {
		m := f.newMessage(talk, ben.ID, noon.Add(time.Duration(i+1)*time.Second))
		m.Content, m.Attachment = "", kind
		a := messaging.Attachment{MediaType: kind, Bytes: []byte{0, 255, byte(i), '\n', 0}}
		f.addMessage(m, &a)
		want[m.ID], messages = a, append(messages, m)
	}
	for _, m := range messages {
		f.same("the message", f.messageOf(m.ID), m)
		var image messaging.Attachment
		err := f.in(f.ctx, uow.Read, func(ctx context.Context, tx ports.Tx) (err error) {
			image, err = tx.Messaging().Attachment(ctx, m.ID)
			return err
		})
		if err == nil {
			f.same("its image", image, want[m.ID])
		}
		if there := m.Attachment != ""; there != (err == nil) || !there && !errors.Is(err, fault.NotFound) {
			f.Errorf("reading the image of a message with the media type %q returned %v", m.Attachment, err)
		}
	}
}

func attachmentCleaned(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	talk := f.conversation(ada, ben)
	add := func(a messaging.Attachment) messaging.Message {
		m := f.newMessage(talk, ben.ID, noon)
		m.Content, m.Attachment = "", a.MediaType
		f.addMessage(m, &a)
		return m
	}
	raw := messaging.Attachment{MediaType: "image/webp", Bytes: []byte("raw")}
	made := messaging.Attachment{MediaType: "image/png", Bytes: []byte("made"), Cleaned: true}
	m, other, cleaned := add(raw), add(raw), add(made)
	clean := func(of id.Message, a messaging.Attachment) (replaced bool) {
		f.do(func(ctx context.Context, tx ports.Tx) (err error) {
			replaced, err = tx.Messaging().CleanAttachment(ctx, of, a)
			return err
		})
		return replaced
	}

	replaced, by := make([]bool, 4), make([]messaging.Attachment, 4)
	f.allConcurrently(len(by), func(i int) error {
		by[i] = messaging.Attachment{MediaType: "image/jpeg", Bytes: []byte{byte(i)}, Cleaned: true}
		return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
			replaced[i], err = tx.Messaging().CleanAttachment(ctx, m.ID, by[i])
			return err
		})
	})
	winners := 0
	for i := range by {
		if replaced[i] {
			winners++
			f.same("the image", f.attachmentOf(m.ID), by[i])
		}
	}
	f.same("the number of concurrent units that replaced an image", winners, 1)
	f.same("its message", f.messageOf(m.ID), m)
	f.same("another image", f.attachmentOf(other.ID), raw)

	before := f.dump()
	again := messaging.Attachment{MediaType: "image/jpeg", Bytes: []byte("again"), Cleaned: true}
	f.same("replaced a cleaned image", clean(m.ID, again), false)
	f.same("replaced an image that was added cleaned", clean(cleaned.ID, again), false)
	f.same("replaced an image that does not exist", clean(f.newMessage(talk, ben.ID, noon).ID, again), false)
	f.unchanged("cleaning images that are clean, or do not exist", before)
}

func byTime(m messaging.Message) time.Time   { return m.CreatedAt }
func byID(m messaging.Message) id.Message    { return m.ID }
func moment(m messaging.Message) page.Moment { return messaging.PlaceOfMessage(m) }

func messagePages(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	talk, other := f.conversation(ada, ben), f.conversation(ben, ada)
	var all []messaging.Message
	for i := range paged {
		m := f.newMessage(talk, []id.User{ada.ID, ben.ID}[i%2], tie(i))
		m.Content = fmt.Sprint("no. ", i)
		f.addMessage(m, nil)
		all = append(all, m)
	}
	f.message(other, ada, noon)
	pages(f, "messages", newestFirst(all, byTime, byID), moment,
		func(ctx context.Context, tx ports.Tx, after *page.Moment, limit int) ([]messaging.Message, error) {
			_, messages, err := tx.Messaging().History(ctx, talk.ID, ada.ID, after, limit)
			return messages, err
		})
}

func messagesRead(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	talk, other := f.conversation(ada, ben), f.conversation(ben, ada)
	var all []messaging.Message
	for i := range 12 {
		all = append(all, f.message(talk, []users.User{ada, ben}[i%2], tie(i)))
	}
	elsewhere := f.message(other, ben, noon)
	all = oldestFirst(all, byTime, byID)
	mark := func(reader users.User, upTo messaging.Message) int {
		return write(f, func(ctx context.Context, tx ports.Tx) (int, error) {
			return tx.Messaging().MarkRead(ctx, talk.ID, reader.ID, moment(upTo))
		})
	}
	for _, upTo := range []int{0, 4, 4, 2, 11} {
		want := 0
		for i := range all[:upTo+1] {
			if all[i].UserID == ben.ID && !all[i].Read {
				all[i].Read = true
				want++
			}
		}
		f.same(fmt.Sprintf("the number of unread messages up to message %d", upTo), mark(ada, all[upTo]), want)
		got := read(f, func(ctx context.Context, tx ports.Tx) ([]messaging.Message, error) {
			_, messages, err := tx.Messaging().History(ctx, talk.ID, ada.ID, nil, 100)
			return messages, err
		})
		sameList(f, fmt.Sprintf("the messages after reading up to %d", upTo), got, newestFirst(all, byTime, byID))
	}
	f.same("the number of messages that Ben has not read", mark(ben, all[11]), 6)
	f.same("a message elsewhere", f.messageOf(elsewhere.ID), elsewhere)
}

func readRace(f *fixture) {
	ada := f.user("ada")
	for i := range rounds(2, 100) {
		talk := f.conversation(ada, f.user(fmt.Sprintf("local%d", i)))
		for range 10 {
			f.addMessage(f.newMessage(talk, talk.LocalID, noon), nil)
		}
		counted := make([]int, 8)
		f.allConcurrently(len(counted), func(i int) error {
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				counted[i], err = tx.Messaging().MarkRead(ctx, talk.ID, ada.ID, page.Moment{At: noon.Add(time.Hour)})
				return err
			})
		})
		sum := 0
		for _, n := range counted {
			sum += n
		}
		f.same("the sum of the messages that concurrent readers marked", sum, 10)
	}
}

func (f *fixture) overview(c messaging.Conversation, viewer users.User) messaging.Overview {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) (messaging.Overview, error) {
		return tx.Messaging().Overview(ctx, c.ID, viewer.ID)
	})
}

// flat is an overview without pointers, so that it can be printed and compared.
type flat struct {
	Conversation messaging.Conversation
	Other        matching.Person
	LastMessage  messaging.Message // zero if there is no message
	Unread       int
	Closed       bool
}

func flatten(o messaging.Overview) flat {
	out := flat{Conversation: o.Conversation, Other: o.Other, Unread: o.Unread, Closed: o.Closed}
	if o.LastMessage != nil {
		out.LastMessage = *o.LastMessage
	}
	return out
}

func overviewRead(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	profile := f.profile(ben)
	talk := f.conversation(ada, ben)
	toAda := matching.Person{UserID: ben.ID, FirstName: "ben", ImageURL: profile.ImageURL}
	toBen := matching.Person{UserID: ada.ID, FirstName: "ada"}
	f.same("an overview without messages", flatten(f.overview(talk, ada)), flat{Conversation: talk, Other: toAda})
	f.message(talk, ada, noon.Add(time.Minute))
	first := f.message(talk, ben, noon.Add(2*time.Minute))
	f.message(talk, ben, noon.Add(time.Second)) // added last, with an earlier time
	f.same("the voyager's overview", flatten(f.overview(talk, ada)), flat{talk, toAda, first, 2, false})
	f.same("the local's overview", flatten(f.overview(talk, ben)), flat{talk, toBen, first, 1, false})
	second := f.message(talk, ada, noon.Add(2*time.Minute)) // at the same time, with a higher id
	f.same("an overview with two last messages", flatten(f.overview(talk, ben)), flat{talk, toBen, second, 2, false})
	f.do(func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Messaging().MarkRead(ctx, talk.ID, ben.ID, moment(first))
		return err
	})
	f.same("an overview after reading", flatten(f.overview(talk, ben)), flat{talk, toBen, second, 1, false})
	f.same("the unread messages in the other's overview after that", f.overview(talk, ada).Unread, 2)
}

func overviewNames(f *fixture) {
	viewer := f.user("viewer")
	for i, c := range []struct{ name, profile, want string }{
		{"Ada Lovelace", "", "Ada"}, {"Ada Lovelace", "Countess", "Countess"}, {"  Ada", "", "Ada"}, {"字", "", "字"},
	} {
		u := f.user(fmt.Sprint("user", i), func(u *users.User) { u.Name = c.name })
		talk := f.conversation(viewer, u)
		f.same("the name of a person without a profile", f.overview(talk, viewer).Other.FirstName, u.FirstName())
		p := f.newProfile(u)
		p.FirstName = c.profile
		f.saveProfile(p)
		f.same("the name of a person with a profile", f.overview(talk, viewer).Other,
			matching.Person{UserID: u.ID, FirstName: c.want, ImageURL: p.ImageURL})
	}
	gone := f.user("gone")
	talk := f.conversation(viewer, gone)
	f.do(f.erase(gone.ID))
	f.same("the name of an erased person", f.overview(talk, viewer).Other.FirstName, users.DeletedName)
}

func overviewPages(f *fixture) {
	ada := f.user("ada")
	var want []flat
	for i := range paged {
		other := f.user(fmt.Sprint("user", i))
		voyager, local := ada, other
		if i%2 == 0 {
			voyager, local = other, ada
		}
		talk := f.newConversation(voyager.ID, local.ID)
		talk.CreatedAt = tie(i)
		f.openConversation(talk)
		line := flat{Conversation: talk, Other: matching.Person{UserID: other.ID, FirstName: other.Name}}
		if i%5 != 0 { // the others have the time of their conversation
			f.message(talk, ada, talk.CreatedAt)
			line.LastMessage, line.Unread = f.message(talk, other, tie(i+1).Add(time.Minute)), 1
		}
		want = append(want, line)
	}
	cleo := f.user("cleo")
	f.message(f.conversation(cleo, f.user("dora")), cleo, noon)
	f.block(ada.ID, want[0].Other.UserID) // a block hides no conversation from the list
	want[0].Closed = true
	want = newestFirst(want, func(o flat) time.Time {
		if o.LastMessage.ID.IsZero() {
			return o.Conversation.CreatedAt
		}
		return o.LastMessage.CreatedAt
	}, func(o flat) id.Conversation { return o.Conversation.ID })
	place := func(o flat) page.Moment {
		full := messaging.Overview{Conversation: o.Conversation}
		if !o.LastMessage.ID.IsZero() {
			full.LastMessage = &o.LastMessage
		}
		return messaging.PlaceOfOverview(full)
	}
	pages(f, "conversations", want, place, func(
		ctx context.Context, tx ports.Tx, after *page.Moment, limit int,
	) ([]flat, error) {
		list, err := tx.Messaging().Overviews(ctx, ada.ID, after, limit)
		var lines []flat
		for _, o := range list {
			lines = append(lines, flatten(o))
		}
		return lines, err
	})
}
