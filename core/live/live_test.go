package live_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/live"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

func TestStreamTellsBothParticipants(t *testing.T) {
	inStreet(t, func(s *street) {
		ada, luca := s.Person("Ada"), s.Local("Luca")
		s.Person("Mia")
		of := s.process(s.relay())
		a, l, m := s.open(of, s.caller("Ada")), s.open(of, s.caller("Luca")), s.open(of, s.caller("Mia"))
		talk := s.Conversation(ada, luca)
		sent := s.send(ada, talk)
		if _, err := s.Messaging.Read(s.Ctx, luca, talk, sent.ID, ""); err != nil {
			t.Fatal(err)
		}
		all := []events.Type{events.TypeConversationOpened, events.TypeMessageSent, events.TypeMessageRead}
		s.want(a, all...)
		s.want(l, all...)
		s.want(m)
		last := s.send(luca, talk)
		for _, i := range s.items(l) {
			if d, ok := i.Event.Data.(events.MessageSent); ok && d.MessageID != last.ID {
				t.Errorf("told of the message %v, want %v", d.MessageID, last.ID)
			}
		}
	})
}

func TestEveryTypeThatStreamsTell(t *testing.T) {
	told := live.Types()
	if !slices.IsSorted(told) {
		t.Errorf("not in order: %q", told)
	}
	for _, of := range events.Types() {
		domain, _, _ := strings.Cut(string(of), ".")
		want := domain == "message" || domain == "reservation" || domain == "wallet" || of == events.TypeConversationOpened
		if slices.Contains(told, of) != want {
			t.Errorf("streams tell %s: %v", of, !want)
		}
	}
}

func TestMessageOfABlockedUserIsNotTold(t *testing.T) {
	inStreet(t, func(s *street) {
		ada, luca := s.Person("Ada"), s.Local("Luca")
		talk := s.Conversation(ada, luca)
		of := s.process(nil) // so that it is told only after the block
		begun := s.open(of, s.caller("Luca"))
		first := s.open(of, s.caller("Ada"))
		s.send(ada, talk)
		s.Block(luca, ada)
		s.relay()
		s.want(begun, events.TypeConversationOpened)
		s.want(first, events.TypeConversationOpened, events.TypeMessageSent)

		// A stream that resumes asks again.
		resumed := s.open(of, s.caller("Luca"), 0)
		s.want(resumed, events.TypeConversationOpened)
		if err := s.Moderation.Unblock(s.Ctx, luca, ada); err != nil {
			t.Fatal(err)
		}
		s.want(s.open(of, s.caller("Luca"), 0), events.TypeConversationOpened, events.TypeMessageSent)
	})
}

// What a user did themselves is told also if they are blocked, and so is what their lists show.
func TestBlockHidesMessagesOnly(t *testing.T) {
	inStreet(t, func(s *street) {
		ada, luca := s.Person("Ada"), s.Local("Luca")
		of := s.process(s.relay())
		talk := s.Conversation(ada, luca)
		sent := s.send(ada, talk)
		s.Block(ada, luca)
		a := s.open(of, s.caller("Ada"))
		s.items(a)
		if _, err := s.Messaging.Read(s.Ctx, luca, talk, sent.ID, ""); err != nil {
			t.Fatal(err)
		}
		s.want(a, events.TypeMessageRead)
	})
}

func TestStreamResumesInAnotherProcess(t *testing.T) {
	inStreet(t, func(s *street) {
		ada, luca := s.Person("Ada"), s.Local("Luca")
		relay := s.relay()
		one, two := s.process(relay), s.process(nil)
		talk := s.Conversation(ada, luca)
		l := s.open(one, s.caller("Luca"))
		var positions []int64
		for range 5 {
			s.send(ada, talk)
		}
		for _, i := range s.items(l) {
			if i.Event.Type == events.TypeMessageSent {
				positions = append(positions, i.Position)
			}
		}
		if len(positions) != 5 || !slices.IsSorted(positions) {
			t.Fatalf("told at %v", positions)
		}
		l.Close()
		s.send(ada, talk)
		for n, after := range positions {
			for _, of := range []*live.Service{one, two} {
				again := s.open(of, s.caller("Luca"), after)
				if got := len(s.types(again)); got != 5-n {
					t.Errorf("after %d of 6 messages, a stream tells %d, want %d", n+1, got, 5-n)
				}
				again.Close()
			}
		}
	})
}

// A stream that resumes in a process that has not yet read as far is not told anything again.
func TestStreamResumesInAProcessThatIsBehind(t *testing.T) {
	inStreet(t, func(s *street) {
		ada, luca := s.Person("Ada"), s.Local("Luca")
		ahead := s.process(s.relay())
		s.policy.LookEvery = 4 * time.Second
		behind := s.process(nil)
		talk := s.Conversation(ada, luca)
		s.open(behind, s.caller("Ada"))
		l := s.open(ahead, s.caller("Luca"))
		s.send(ada, talk)
		items := s.items(l)
		last := items[len(items)-1].Position
		again := s.open(behind, s.caller("Luca"), last)
		time.Sleep(4 * time.Second)
		s.send(ada, talk)
		time.Sleep(4 * time.Second)
		s.want(again, events.TypeMessageSent)
	})
}

func TestStreamIsResetIfEventsMayBeMissing(t *testing.T) {
	inStreet(t, func(s *street) {
		ada, luca := s.Person("Ada"), s.Local("Luca")
		s.policy.Recent = 10
		relay := s.relay()
		of := s.process(relay)
		talk := s.Conversation(ada, luca)
		l := s.open(of, s.caller("Luca"))
		for range 12 {
			s.send(ada, talk)
			s.send(luca, talk)
		}
		items := s.items(l)
		s.want(s.open(of, s.caller("Luca"), items[0].Position), "reset")
		last := items[len(items)-1].Position
		s.want(s.open(of, s.caller("Luca"), last))
		s.want(s.open(of, s.caller("Luca"), last+1000), "reset") // a position of another store
	})
}

// Events that the relay has removed are not taken for told, by a process that begins to read.
func TestStreamIsResetAfterEventsWereRemoved(t *testing.T) {
	inStreet(t, func(s *street) {
		ada, luca := s.Person("Ada"), s.Local("Luca")
		relay := s.relay()
		talk := s.Conversation(ada, luca)
		l := s.open(s.process(relay), s.caller("Luca"))
		s.send(ada, talk)
		s.send(ada, talk)
		items := s.items(l)
		first := items[0].Position
		s.Clock.Advance(2 * time.Hour)
		time.Sleep(2 * time.Minute)
		s.send(ada, talk)
		time.Sleep(time.Second)
		fresh := s.process(relay)
		s.want(s.open(fresh, s.caller("Luca"), first), "reset")
		for _, i := range s.items(l) {
			if i.Event.Type == events.TypeMessageSent {
				s.want(s.open(fresh, s.caller("Luca"), i.Position))
			}
		}
	})
}

func TestSlowStreamEndsAndResumes(t *testing.T) {
	inStreet(t, func(s *street) {
		ada, luca := s.Person("Ada"), s.Local("Luca")
		s.policy.Buffer = 4
		of := s.process(s.relay())
		talk := s.Conversation(ada, luca)
		slow := s.open(of, s.caller("Luca"))
		time.Sleep(time.Second)
		_, last, _ := slow.Next(s.Ctx, 0)
		for range 5 {
			s.send(ada, talk)
		}
		time.Sleep(time.Second)
		if err := s.ends(slow); !errors.Is(err, live.ErrSlow) {
			t.Fatalf("the stream ended with %v", err)
		}
		slow.Close()
		if got := of.Stats(); got.Dropped != 1 || got.Open != 0 {
			t.Errorf("the load is %+v", got)
		}
		again := s.open(of, s.caller("Luca"), last) // what it has missed may be more than the buffer
		s.send(ada, talk)
		s.want(again, slices.Repeat([]events.Type{events.TypeMessageSent}, 6)...)
	})
}

func TestStreamEndsWithItsSession(t *testing.T) {
	for name, end := range map[string]func(s *street, luca id.User, in users.SignedIn, c users.Caller) error{
		"a sign-out": func(s *street, _ id.User, in users.SignedIn, _ users.Caller) error {
			return s.Users.SignOut(s.Ctx, in.RefreshToken)
		},
		"the end of a session": func(s *street, luca id.User, _ users.SignedIn, c users.Caller) error {
			return s.Users.EndSession(s.Ctx, luca, c.SessionID)
		},
		"a deactivation": func(s *street, luca id.User, _ users.SignedIn, _ users.Caller) error {
			s.SetActive(luca, false)
			return nil
		},
		"a suspension": func(s *street, luca id.User, _ users.SignedIn, _ users.Caller) error {
			_, err := s.Moderation.Impose(s.Ctx, s.Admin(), luca, moderation.SanctionInput{Kind: moderation.Suspension, Reason: "rude"}, "")
			return err
		},
		"an erasure": func(s *street, luca id.User, _ users.SignedIn, _ users.Caller) error {
			return s.Privacy.Erase(s.Ctx, luca, coretest.Password, users.Device{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			inStreet(t, func(s *street) {
				luca := s.Local("Luca")
				s.Person("Ada")
				of := s.process(s.relay())
				in := s.SignIn("Luca")
				c, err := s.Users.Authenticate(s.Ctx, in.AccessToken)
				if err != nil {
					t.Fatal(err)
				}
				other, stream := s.open(of, s.caller("Ada")), s.open(of, c)
				s.items(stream)
				if err := end(s, luca, in, c); err != nil {
					t.Fatal(err)
				}
				if err := s.ends(stream); !errors.Is(err, users.ErrNotSignedIn) {
					t.Errorf("the stream ended with %v", err)
				}
				s.items(other)
			})
		})
	}
}

func TestStreamEndsWithTheAgeOfItsSession(t *testing.T) {
	inStreet(t, func(s *street) {
		s.Person("Ada")
		a := s.open(s.process(nil), s.caller("Ada"))
		s.Clock.Advance(users.DefaultPolicy().RefreshLifetime - time.Second)
		s.items(a)
		s.Clock.Advance(time.Second)
		if err := s.ends(a); !errors.Is(err, users.ErrNotSignedIn) {
			t.Errorf("the stream ended with %v", err)
		}
	})
}

// A host admits callers without sessions.
func TestStreamWithoutASessionEndsWithItsAccount(t *testing.T) {
	inStreet(t, func(s *street) {
		luca, ada := s.Local("Luca"), s.Person("Ada")
		of := s.process(s.relay())
		l, a := s.open(of, users.Caller{UserID: luca}), s.open(of, users.Caller{UserID: ada})
		s.items(l)
		s.SetActive(luca, false)
		if err := s.ends(l); !errors.Is(err, users.ErrNotSignedIn) {
			t.Errorf("the stream ended with %v", err)
		}
		s.items(a)
	})
}

func TestStreamsEndIfTheStoreIsUnreachable(t *testing.T) {
	inStreet(t, func(s *street) {
		s.Person("Ada")
		of := s.process(s.relay())
		caller := s.caller("Ada")
		a := s.open(of, caller)
		s.faults.down.Store(true)
		time.Sleep(2 * time.Second)
		s.faults.down.Store(false)
		s.items(a)
		s.faults.down.Store(true)
		time.Sleep(s.policy.Patience + time.Second)
		if err := s.ends(a); !errors.Is(err, fault.Unavailable) {
			t.Errorf("the stream ended with %v", err)
		}
		if _, err := of.Open(s.Ctx, caller, nil); !errors.Is(err, fault.Unavailable) {
			t.Errorf("another stream: %v", err)
		}
		a.Close()
		s.faults.down.Store(false)
		s.items(s.open(of, caller))
	})
}

func TestCloseEndsAllStreams(t *testing.T) {
	inStreet(t, func(s *street) {
		s.Person("Ada")
		of := s.process(s.relay())
		caller := s.caller("Ada")
		a := s.open(of, caller)
		of.Close()
		of.Close()
		if err := s.ends(a); !errors.Is(err, live.ErrClosed) {
			t.Errorf("the stream ended with %v", err)
		}
		_, err := of.Open(s.Ctx, caller, nil)
		coretest.Is(t, err, live.ErrClosed)
	})
}

// Without streams a process does not read the store.
func TestNoStreamsNoReads(t *testing.T) {
	inStreet(t, func(s *street) {
		s.Person("Ada")
		of := s.process(nil)
		a := s.open(of, s.caller("Ada"))
		position := int64(0)
		for range 3 {
			_, position, _ = a.Next(s.Ctx, time.Second)
		}
		a.Close()
		a.Close()
		time.Sleep(2 * time.Minute)
		if got := of.Stats().Open; got != 0 {
			t.Errorf("%d streams are open", got)
		}
		s.faults.down.Store(true) // would end a stream that is open
		time.Sleep(time.Hour)
		s.faults.down.Store(false)
		s.want(s.open(of, s.caller("Ada"), position))
	})
}

func TestSeenIsCalledWhileAStreamIsRead(t *testing.T) {
	inStreet(t, func(s *street) {
		ada := s.Person("Ada")
		a := s.open(s.process(nil), s.caller("Ada"))
		for range 150 {
			s.items(a)
		}
		if want := []id.User{ada, ada, ada}; !slices.Equal(s.seen, want) {
			t.Errorf("in 150 s, seen %d times, want %d", len(s.seen), len(want))
		}
		time.Sleep(time.Minute)
		s.unseen = fault.Unavailable
		s.items(a)
		s.items(a)
		s.unseen = nil
		s.items(a)
		s.items(a)
		if want := 6; len(s.seen) != want {
			t.Errorf("after two errors, seen %d times, want %d", len(s.seen), want)
		}
	})
}

func TestPolicyIsChecked(t *testing.T) {
	_, err := live.NewService(live.Deps{Policy: live.DefaultPolicy()})
	coretest.Is(t, err, fault.Internal)
	store := ports.ForModeration(ports.NewStore(memory.New(), uow.Policy{}))
	_, err = live.NewService(live.Deps{Store: store})
	coretest.Fields(t, err, "Recent", "Buffer", "LookEvery", "CheckEvery", "Patience", "Keep")
}
