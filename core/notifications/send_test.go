package notifications_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

var errDown = users.ErrNotMailed.Wrap(errors.New("no route"))

// office is a mailer that records mail, and first answers as accept says.
type office struct {
	mu     sync.Mutex
	accept func(m users.Mail) error
	tries  int
	sent   []users.Mail
}

func (o *office) Send(_ context.Context, m users.Mail) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tries++
	if o.accept != nil {
		if err := o.accept(m); err != nil {
			return err
		}
	}
	o.sent = append(o.sent, m)
	return nil
}

func (o *office) to() (all []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.sent {
		name, _, _ := strings.Cut(m.To, "@")
		all = append(all, name)
	}
	return all
}

// notifier returns another service over the store of a world, with a mailer.
func notifier(t *testing.T, w *coretest.World, m users.Mailer) *notifications.Service {
	t.Helper()
	s, err := notifications.NewService(notifications.Deps{
		Store: ports.ForNotifications(w.Store), Mailer: m, Clock: w.Clock.Now, IDs: w.IDs, Policy: notifications.DefaultPolicy(),
		Unsubscribe: func(user id.User, kind notifications.Kind) string {
			return fmt.Sprintf("https://example.org/%s/%s", kind, user)
		},
	})
	coretest.Is(t, err, nil)
	return s
}

// crowd warns n people, one in each second, and returns their names in that order, which is not that
// of their accounts. The notifier has noted that each is to get a mail.
func crowd(t *testing.T, w *coretest.World, s *notifications.Service, n int) (names []string) {
	t.Helper()
	var people []id.User
	for i := range n {
		names = append(names, fmt.Sprintf("p%d", i))
		people = append(people, w.Person(names[i]))
	}
	slices.Reverse(names)
	slices.Reverse(people)
	for _, user := range people {
		w.Clock.Advance(time.Second)
		_, err := w.Moderation.Impose(w.Ctx, w.Admin(), user, moderation.SanctionInput{Kind: moderation.Warning, Reason: "spam"}, "")
		coretest.Is(t, err, nil)
	}
	happened, err := coretest.EventsAfter(w.Ctx, w.Store, 0)
	coretest.Is(t, err, nil)
	for _, e := range happened {
		if e.Type == events.TypeUserSanctioned {
			coretest.Is(t, coretest.Handle(w.Ctx, s.Subscriber(), e.Event), nil)
		}
	}
	return names
}

// newOffice returns a world, a mailer that answers as accept says, and a notifier with it.
func newOffice(t *testing.T, accept func(m users.Mail) error) (*coretest.World, *office, *notifications.Service) {
	w, o := coretest.NewWorld(t, memory.New()), &office{accept: accept}
	return w, o, notifier(t, w, o)
}

func down(users.Mail) error { return errDown }

// TestMailServerIsDownForHours tests that every mail is sent once after the mail server was down for
// four hours, soon after it is back, and that meanwhile it is tried every minute with a few mails.
func TestMailServerIsDownForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, o, s := newOffice(t, down)
		names := crowd(t, w, s, 50)
		ctx, stop := context.WithCancel(w.Ctx)
		ended := make(chan error)
		go func() { ended <- s.Run(ctx, func(err error) { coretest.Is(t, err, users.ErrNotMailed) }) }()
		pass := func(d time.Duration) {
			for range d / time.Second {
				time.Sleep(time.Second)
				w.Clock.Advance(time.Second)
				synctest.Wait()
			}
		}
		pass(4 * time.Hour)
		if o.tries < 4*60 || o.tries > 4*60*4 || len(o.sent) != 0 {
			t.Errorf("in 4 hours, there were %d tries and %d mails", o.tries, len(o.sent))
		}
		o.accept = nil
		pass(12 * time.Minute)
		got := o.to()
		slices.Sort(got)
		slices.Sort(names)
		if !slices.Equal(got, names) {
			t.Errorf("mailed %v, want %v", got, names)
		}
		stop()
		coretest.Is(t, <-ended, nil)
	})
}

// TestOrderAfterFailures tests that the mails are in the order in which things happened, after the mail
// server was down for a while.
func TestOrderAfterFailures(t *testing.T) {
	w, o, s := newOffice(t, down)
	names := crowd(t, w, s, 50)
	for range 9 {
		_, err := s.Send(w.Ctx)
		coretest.Is(t, err, users.ErrNotMailed)
		w.Clock.Advance(time.Minute)
	}
	o.accept = nil
	sent, err := s.Send(w.Ctx)
	coretest.Is(t, err, nil)
	if got := o.to(); sent != len(names) || !slices.Equal(got, names) {
		t.Errorf("mailed %v, want %v", got, names)
	}
}

// TestOneRecipientHoldsUpNoOther tests that three mails, which the mail server never takes, delay later
// mails only while they are tried for the first time.
func TestOneRecipientHoldsUpNoOther(t *testing.T) {
	var never []string
	w, o, s := newOffice(t, nil)
	names := crowd(t, w, s, 30)
	never = names[:3]
	o.accept = func(m users.Mail) error {
		if name, _, _ := strings.Cut(m.To, "@"); slices.Contains(never, name) {
			return errDown
		}
		return nil
	}
	for range 15 {
		_, _ = s.Send(w.Ctx)
		w.Clock.Advance(time.Minute)
	}
	if got := o.to(); !slices.Equal(got, names[3:]) {
		t.Errorf("mailed %v, want %v", got, names[3:])
	}
	before := o.tries
	for range 100 {
		_, _ = s.Send(w.Ctx)
		w.Clock.Advance(time.Minute)
	}
	if tries := o.tries - before; tries != 3*10 {
		t.Errorf("in 100 minutes, there were %d tries, want 30", tries)
	}
}

// TestRefusedMailIsNotTriedAgain tests that a recipient who is refused is reported once, and that the
// others get their mail.
func TestRefusedMailIsNotTriedAgain(t *testing.T) {
	w, o, s := newOffice(t, nil)
	names := crowd(t, w, s, 5)
	o.accept = func(m users.Mail) error {
		if m.To == coretest.Email(names[0]) {
			return users.ErrMailRefused.Wrap(errors.New("code 550"))
		}
		return nil
	}
	sent, err := s.Send(w.Ctx)
	coretest.Is(t, err, users.ErrMailRefused)
	if sent != 4 || strings.Contains(err.Error(), "@") {
		t.Errorf("sent %d, and the error %v", sent, err)
	}
	w.Clock.Advance(time.Hour)
	sent, err = s.Send(w.Ctx)
	if sent != 0 || err != nil || o.tries != 5 {
		t.Errorf("then sent %d, %v, in %d tries", sent, err, o.tries)
	}
}

// TestMailWithoutTemplateWaits tests that a mail of which no text can be made is sent when that is
// mended.
func TestMailWithoutTemplateWaits(t *testing.T) {
	broken := errors.New("no template")
	w, o, s := newOffice(t, nil)
	names := crowd(t, w, s, 2)
	o.accept = func(m users.Mail) error {
		if m.To == coretest.Email(names[0]) {
			return broken
		}
		return nil
	}
	for range 100 {
		_, err := s.Send(w.Ctx)
		if err != nil {
			coretest.Is(t, err, broken)
		}
		w.Clock.Advance(time.Minute)
	}
	o.accept = nil
	w.Clock.Advance(10 * time.Minute)
	_, err := s.Send(w.Ctx)
	coretest.Is(t, err, nil)
	if got := o.to(); !slices.Equal(got, []string{names[1], names[0]}) {
		t.Errorf("mailed %v, want %v", got, names)
	}
}

// TestServersShareTheMail tests that of several processes each sends other mails.
func TestServersShareTheMail(t *testing.T) {
	w, o, s := newOffice(t, nil)
	names := crowd(t, w, s, 200)
	all := []*notifications.Service{s, notifier(t, w, o), notifier(t, w, o), notifier(t, w, o)}
	for _, err := range coretest.AtOnce(len(all), func(i int) error {
		_, err := all[i].Send(w.Ctx)
		return err
	}) {
		coretest.Is(t, err, nil)
	}
	got := o.to()
	slices.Sort(got)
	slices.Sort(names)
	if !slices.Equal(got, names) {
		t.Errorf("%d mails were sent, want %d, one to each", len(got), len(names))
	}
}

// TestMailOfAProcessThatEnds tests that what a process has taken and not sent is sent by another:
// immediately if the process was stopped, and after five minutes if it was killed.
func TestMailOfAProcessThatEnds(t *testing.T) {
	w, o, s := newOffice(t, nil)
	names := crowd(t, w, s, 10)
	ctx, stop := context.WithCancel(w.Ctx)
	o.accept = func(users.Mail) error {
		if len(o.sent) == 3 {
			stop()
			return ctx.Err()
		}
		return nil
	}
	_, err := s.Send(ctx)
	coretest.Is(t, err, context.Canceled)
	o.accept = nil
	_, err = notifier(t, w, o).Send(w.Ctx)
	coretest.Is(t, err, nil)
	if got := o.to(); !slices.Equal(got, names) {
		t.Errorf("after a stop, mailed %v, want %v", got, names)
	}

	w, o, s = newOffice(t, nil)
	names = crowd(t, w, s, 10)
	err = w.Store.Do(w.Ctx, func(ctx context.Context, tx ports.Tx) error { // as a process that is killed then
		now := w.Clock.Now()
		_, err := tx.Notifications().TakeNotices(ctx, now, now.Add(5*time.Minute), 20)
		return err
	})
	coretest.Is(t, err, nil)
	sent, err := s.Send(w.Ctx)
	if sent != 0 || err != nil {
		t.Errorf("what another has taken: sent %d, %v", sent, err)
	}
	w.Clock.Advance(5 * time.Minute)
	_, err = s.Send(w.Ctx)
	coretest.Is(t, err, nil)
	if got := o.to(); !slices.Equal(got, names) {
		t.Errorf("after a kill, mailed %v, want %v", got, names)
	}
}

// TestMailHasLanguageAndAddress tests that a mail has the language of its recipient, and the address
// that switches off its kind, unless that cannot be.
func TestMailHasLanguageAndAddress(t *testing.T) {
	w := newTown(t)
	o := &office{}
	s := notifier(t, w.World, o)
	_, err := w.Users.ChangeMe(w.Ctx, w.ada, users.Change{Locale: new("fr-CH")})
	coretest.Is(t, err, nil)
	w.says(w.ben, w.toBen)
	_, err = w.Moderation.Impose(w.Ctx, w.Admin(), w.ada, moderation.SanctionInput{Kind: moderation.Warning, Reason: "spam"}, "")
	coretest.Is(t, err, nil)
	coretest.Is(t, w.Notify(), nil)
	w.unread()
	w.Clock.Advance(delay)
	_, err = w.Moderation.Impose(w.Ctx, w.Admin(), w.ada, moderation.SanctionInput{Kind: moderation.Warning, Reason: "spam"}, "")
	coretest.Is(t, err, nil)
	happened, err := coretest.EventsAfter(w.Ctx, w.Store, 0)
	coretest.Is(t, err, nil)
	coretest.Is(t, coretest.Handle(w.Ctx, s.Subscriber(), happened[len(happened)-1].Event), nil)
	_, err = s.Send(w.Ctx)
	coretest.Is(t, err, nil)
	want := map[users.MailKind]string{"new_message": "https://example.org/new_message/" + w.ada.String(), "sanction": ""}
	for _, m := range o.sent {
		if address, ok := want[m.Kind]; !ok || m.Unsubscribe != address || m.Locale != "fr-CH" || m.To != coretest.Email("Ada") {
			t.Errorf("got the mail %+v, want one of %v", m, want)
		}
		delete(want, m.Kind)
	}
	if len(want) > 0 {
		t.Errorf("no mail of %v", want)
	}
}

func TestPolicyIsChecked(t *testing.T) {
	_, err := notifications.NewService(notifications.Deps{Policy: notifications.DefaultPolicy()})
	coretest.Is(t, err, fault.Internal)
	w := coretest.NewWorld(t, memory.New())
	_, err = notifications.NewService(notifications.Deps{
		Store: ports.ForNotifications(w.Store), Mailer: w.Mailbox, Clock: w.Clock.Now, IDs: w.IDs,
	})
	coretest.Fields(t, err, "MessageDelay", "RemindBefore", "SendEvery")
}

// TestOrderForOneRecipient tests that a mail waits for an earlier one to its recipient that could not be
// sent, also if the mail server is back by then.
func TestOrderForOneRecipient(t *testing.T) {
	tries := 0
	w, o, s := newOffice(t, func(users.Mail) error {
		if tries++; tries == 1 {
			return errDown
		}
		return nil
	})
	ada := w.Person("Ada")
	for _, reason := range []string{"first", "second"} {
		w.Clock.Advance(time.Second)
		_, err := w.Moderation.Impose(w.Ctx, w.Admin(), ada, moderation.SanctionInput{Kind: moderation.Warning, Reason: reason}, "")
		coretest.Is(t, err, nil)
	}
	happened, err := coretest.EventsAfter(w.Ctx, w.Store, 0)
	coretest.Is(t, err, nil)
	for _, e := range happened {
		if e.Type == events.TypeUserSanctioned {
			coretest.Is(t, coretest.Handle(w.Ctx, s.Subscriber(), e.Event), nil)
		}
	}
	_, err = s.Send(w.Ctx)
	coretest.Is(t, err, users.ErrNotMailed)
	_, err = s.Send(w.Ctx)
	coretest.Is(t, err, nil)
	var got []string
	for _, m := range o.sent {
		got = append(got, m.Data.(notifications.SanctionMail).Reason)
	}
	if want := []string{"first", "second"}; !slices.Equal(got, want) {
		t.Errorf("mailed %q, want %q", got, want)
	}
}
