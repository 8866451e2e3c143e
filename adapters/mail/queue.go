package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/users"
)

// What a Queue refuses.
var (
	ErrQueueFull   = fault.New(fault.Unavailable, "mail_queue_full", "too much mail is waiting to be sent: try again later")
	ErrQueueClosed = fault.New(fault.Unavailable, "mail_queue_closed", "no more mail is sent: the server is shutting down")
)

// What a QueueConfig means by zero.
const (
	DefaultQueueSize  = 256
	DefaultQueuePause = 5 * time.Second
)

// tries is how often a message is tried before it is given up.
const tries = 3

// QueueConfig is how a Queue works.
type QueueConfig struct {
	Size   int           // how many messages may wait; 0 means DefaultQueueSize
	Pause  time.Duration // between the first try and the second, twice as long until the third; 0 means DefaultQueuePause
	Logger *slog.Logger  // nil means slog.Default()
}

// Queue hands messages on to another mailer one by one, behind the caller's back: Send returns at
// once, so that how long it takes does not tell whether there was something to send. The price is
// that nobody but the log learns of a failure, and that what waits is lost when the process dies.
//
// A message that could not be sent is tried again, three times in all, while the next ones wait; one
// that is fault.Invalid is not. The log names the subject, never the text.
//
// Whoever makes a Queue calls Close. It is safe for concurrent use.
type Queue struct {
	mailer users.Mailer
	pause  time.Duration
	logger *slog.Logger

	mu      sync.Mutex // guards closed, and messages against a send after its close
	closed  bool
	waiting chan users.Mail

	ctx    context.Context // the worker's: it outlives those of the callers
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when the worker has ended
	unsent int           // given up because of Close; to be read when done is closed
}

// NewQueue makes a Queue in front of a mailer, which must honour its context, and starts its worker. A
// negative size or pause is an error.
func NewQueue(mailer users.Mailer, c QueueConfig) (*Queue, error) {
	if c.Size < 0 || c.Pause < 0 {
		return nil, fmt.Errorf("mail: queue of size %d with pause %v: neither may be negative", c.Size, c.Pause)
	}
	if c.Size == 0 {
		c.Size = DefaultQueueSize
	}
	if c.Pause == 0 {
		c.Pause = DefaultQueuePause
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	q := &Queue{
		mailer:  mailer,
		pause:   c.Pause,
		logger:  orDefault(c.Logger),
		waiting: make(chan users.Mail, c.Size),
		ctx:     ctx,
		cancel:  cancel,
		done:    make(chan struct{}),
	}
	go q.work()
	return q, nil
}

// Send puts the message into the queue, or returns ErrQueueFull, ErrQueueClosed, or the error of a
// context that has ended. It never waits for the mailer.
func (q *Queue) Send(ctx context.Context, m users.Mail) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("mail: queue a message: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrQueueClosed
	}
	select {
	case q.waiting <- m:
		return nil
	default:
		return ErrQueueFull
	}
}

// Close takes no more messages, waits until those in the queue are sent or given up, and stops the
// worker. When ctx ends before, the rest is dropped, and the error says how many were. It may be
// called more than once.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.waiting)
	}
	q.mu.Unlock()

	select {
	case <-q.done:
	case <-ctx.Done():
		q.cancel(context.Cause(ctx))
		<-q.done
	}
	if q.unsent > 0 {
		return fmt.Errorf("mail: close the queue: messages dropped: %d: %w", q.unsent, context.Cause(q.ctx))
	}
	return nil
}

func (q *Queue) work() {
	defer close(q.done)
	defer q.cancel(nil) // frees the context; a cause that Close gave before stays
	for m := range q.waiting {
		if !q.deliver(m) {
			q.unsent++
		}
	}
}

// deliver tries to send a message until it is sent or given up; false means that Close cut it short.
func (q *Queue) deliver(m users.Mail) bool {
	pause := q.pause
	for try := 1; ; try++ {
		err := q.ctx.Err()
		if err == nil {
			err = q.mailer.Send(q.ctx, m)
		}
		switch {
		case err == nil:
			return true
		case q.ctx.Err() != nil:
			return false
		}
		attrs := []any{slog.String("subject", m.Subject), slog.Int("try", try), slog.Any("error", err)}
		if try == tries || errors.Is(err, fault.Invalid) {
			q.logger.ErrorContext(q.ctx, "mail not sent, given up", attrs...)
			return true
		}
		q.logger.WarnContext(q.ctx, "mail not sent, to be tried again", attrs...)
		select {
		case <-time.After(pause):
			pause *= 2
		case <-q.ctx.Done():
		}
	}
}
