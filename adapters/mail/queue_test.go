package mail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/cicerone-go/cicerone/adapters/mail"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/users"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mailer records the messages passed to it, and when. It returns the result of reply, or nil if
// reply is nil.
type mailer struct {
	reply func(ctx context.Context, try int, m users.Mail) error

	mu    sync.Mutex
	given []users.Mail
	at    []time.Time
}

func (f *mailer) Send(ctx context.Context, m users.Mail) error {
	f.mu.Lock()
	f.given = append(f.given, m)
	f.at = append(f.at, time.Now())
	try := len(f.given)
	f.mu.Unlock()
	if f.reply == nil {
		return nil
	}
	return f.reply(ctx, try, m)
}

func (f *mailer) subjects() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var s []string
	for _, m := range f.given {
		s = append(s, m.Data.(letterMail).Subject)
	}
	return s
}

var errDown = errors.New("the server is down")

func subject(n int) users.Mail {
	return users.Mail{To: "ada@example.net", Kind: "letter", Data: letterMail{fmt.Sprint("mail ", n), "s3cret"}}
}

func newQueue(t *testing.T, m users.Mailer, c mail.QueueConfig) *mail.Queue {
	t.Helper()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	q, err := mail.NewQueue(m, c)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func send(t *testing.T, q *mail.Queue, messages ...users.Mail) {
	t.Helper()
	for _, m := range messages {
		if err := q.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNewQueue(t *testing.T) {
	for _, c := range []mail.QueueConfig{{Size: -1}, {Pause: -1}} {
		if _, err := mail.NewQueue(&mailer{}, c); err == nil {
			t.Errorf("NewQueue(%+v) returned no error", c)
		}
	}
}

func TestQueueSendsInOrder(t *testing.T) {
	f := &mailer{}
	q := newQueue(t, f, mail.QueueConfig{})
	send(t, q, subject(1), subject(2), subject(3))
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := f.subjects(), []string{"mail 1", "mail 2", "mail 3"}; !slices.Equal(got, want) {
		t.Errorf("sent %v; want %v", got, want)
	}
}

// TestQueueLater checks that a message is written when its turn comes, again after an error, and once
// for all attempts to send it; and that one without a recipient is not sent.
func TestQueueLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &mailer{reply: func(_ context.Context, try int, _ users.Mail) error {
			if try == 1 {
				return errDown
			}
			return nil
		}}
		q := newQueue(t, f, mail.QueueConfig{Size: 2, Pause: time.Second})
		written := 0
		release := make(chan struct{})
		for i, write := range []func(context.Context) (users.Mail, error){
			func(ctx context.Context) (users.Mail, error) {
				<-release
				if written++; written == 1 {
					return users.Mail{}, errDown
				}
				return subject(1), ctx.Err()
			},
			func(context.Context) (users.Mail, error) { return users.Mail{}, nil },
			func(context.Context) (users.Mail, error) { return subject(3), nil },
		} {
			ctx, cancel := context.WithCancel(t.Context())
			if err := q.Later(ctx, write); err != nil {
				t.Fatal(err)
			}
			cancel()
			if i == 0 {
				synctest.Wait() // until the worker has the first message
			}
		}
		if err := q.Later(t.Context(), nil); !errors.Is(err, mail.ErrQueueFull) {
			t.Errorf("Later with a full queue: %v; want ErrQueueFull", err)
		}
		close(release)
		if err := q.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := f.subjects(), []string{"mail 1", "mail 1", "mail 3"}; !slices.Equal(got, want) || written != 2 {
			t.Errorf("sent %v, and wrote the first %d times; want %v and 2", got, written, want)
		}
	})
}

// TestQueueSendDoesNotWait checks that Send returns while the mailer blocks, and that the end of
// its context afterwards does not reach the mailer.
func TestQueueSendDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var cancelled bool
		f := &mailer{reply: func(ctx context.Context, _ int, _ users.Mail) error {
			<-release
			cancelled = ctx.Err() != nil
			return nil
		}}
		q := newQueue(t, f, mail.QueueConfig{Size: 2})

		ctx, cancel := context.WithCancel(t.Context())
		if err := q.Send(ctx, subject(1)); err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait() // until the worker is blocked in the first message
		send(t, q, subject(2), subject(3))
		err := q.Send(t.Context(), subject(4))
		if !errors.Is(err, mail.ErrQueueFull) || !errors.Is(err, fault.Unavailable) {
			t.Errorf("Send to a full queue: %v; want ErrQueueFull", err)
		}

		close(release)
		if err := q.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if cancelled {
			t.Error("the caller's context reached the mailer")
		}
		if got, want := f.subjects(), []string{"mail 1", "mail 2", "mail 3"}; !slices.Equal(got, want) {
			t.Errorf("sent %v; want %v", got, want)
		}
	})
}

func TestQueueRetries(t *testing.T) {
	tests := []struct {
		name  string
		reply func(ctx context.Context, try int, m users.Mail) error
		at    []time.Duration // of each attempt
		log   []string        // level and kind of each line
	}{
		{
			name: "third attempt succeeds",
			reply: func(_ context.Context, try int, _ users.Mail) error {
				if try < 3 {
					return errDown
				}
				return nil
			},
			at:  []time.Duration{0, time.Second, 3 * time.Second, 3 * time.Second},
			log: []string{"WARN letter", "WARN letter"},
		},
		{
			name:  "all attempts fail",
			reply: func(context.Context, int, users.Mail) error { return errDown },
			at: []time.Duration{
				0, time.Second, 3 * time.Second,
				3 * time.Second, 4 * time.Second, 6 * time.Second,
			},
			log: []string{"WARN letter", "WARN letter", "ERROR letter", "WARN letter", "WARN letter", "ERROR letter"},
		},
		{
			name: "invalid message",
			reply: func(context.Context, int, users.Mail) error {
				return fmt.Errorf("compose: %w", fault.InvalidField("to", "must be an address"))
			},
			at:  []time.Duration{0, 0},
			log: []string{"ERROR letter", "ERROR letter"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				f := &mailer{reply: tt.reply}
				q := newQueue(t, f, mail.QueueConfig{Pause: time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil))})
				start := time.Now()
				send(t, q, subject(1), subject(2))
				if err := q.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				var at []time.Duration
				for _, when := range f.at {
					at = append(at, when.Sub(start))
				}
				if !slices.Equal(at, tt.at) {
					t.Errorf("attempts at %v; want %v", at, tt.at)
				}
				checkLog(t, log.String(), tt.log)
			})
		})
	}
}

// checkLog compares the levels and kinds of a log, and checks that it contains no text of a
// message.
func checkLog(t *testing.T, log string, want []string) {
	t.Helper()
	lines := slices.Collect(strings.Lines(log))
	if len(lines) != len(want) {
		t.Fatalf("logged %d lines; want %d:\n%s", len(lines), len(want), log)
	}
	for i, line := range lines {
		level, kind, _ := strings.Cut(want[i], " ")
		if !strings.Contains(line, "level="+level) || !strings.Contains(line, "kind="+kind) {
			t.Errorf("logged %s; want %s", line, want[i])
		}
	}
	if strings.Contains(log, "s3cret") {
		t.Errorf("the log contains the text of a message:\n%s", log)
	}
}

func TestQueueClosed(t *testing.T) {
	q := newQueue(t, &mailer{}, mail.QueueConfig{})
	for range 2 {
		if err := q.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	err := q.Send(t.Context(), subject(1))
	if !errors.Is(err, mail.ErrQueueClosed) || !errors.Is(err, fault.Unavailable) {
		t.Errorf("Send: %v; want ErrQueueClosed", err)
	}
}

// TestQueueCloseDuringPause closes a queue with a context of one second, while its worker pauses
// for a minute between attempts. The messages are dropped.
func TestQueueCloseDuringPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &mailer{reply: func(context.Context, int, users.Mail) error { return errDown }}
		q := newQueue(t, f, mail.QueueConfig{Pause: time.Minute})
		send(t, q, subject(1), subject(2), subject(3))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		for range 2 { // the second call returns the same error
			err := q.Close(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "3") {
				t.Errorf("Close: %v; want context.DeadlineExceeded and the 3 messages", err)
			}
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("Close took %v; want 1s", took)
		}
		if got, want := f.subjects(), []string{"mail 1"}; !slices.Equal(got, want) {
			t.Errorf("attempted %v; want %v", got, want)
		}
	})
}

// TestQueueCloseCancelsTheMailer checks that Close ends the mailer's context when its own ends,
// also during the last attempt.
func TestQueueCloseCancelsTheMailer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &mailer{reply: func(ctx context.Context, try int, _ users.Mail) error {
			if try < 3 {
				return errDown
			}
			<-ctx.Done()
			return ctx.Err()
		}}
		q := newQueue(t, f, mail.QueueConfig{Pause: time.Second})
		send(t, q, subject(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := q.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v; want context.DeadlineExceeded", err)
		}
	})
}

func TestQueueSendCancelled(t *testing.T) {
	f := &mailer{}
	q := newQueue(t, f, mail.QueueConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.Send(ctx, subject(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Send: %v; want context.Canceled", err)
	}
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.subjects(); len(got) != 0 {
		t.Errorf("sent %v; want no message", got)
	}
}

// TestQueueSendWhileClosing checks that a message that Send accepts while the queue closes is sent.
func TestQueueSendWhileClosing(t *testing.T) {
	f := &mailer{}
	q := newQueue(t, f, mail.QueueConfig{Size: 1000})
	var senders sync.WaitGroup
	var mu sync.Mutex
	accepted := 0
	for n := range 50 {
		senders.Go(func() {
			switch err := q.Send(t.Context(), subject(n)); {
			case err == nil:
				mu.Lock()
				accepted++
				mu.Unlock()
			case !errors.Is(err, mail.ErrQueueClosed):
				t.Errorf("Send: %v", err)
			}
		})
	}
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	senders.Wait()
	if sent := len(f.subjects()); sent != accepted {
		t.Errorf("%d accepted, %d sent", accepted, sent)
	}
}
