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

// The errors of Queue.Send.
var (
	ErrQueueFull   = fault.New(fault.Unavailable, "mail_queue_full", "too much mail is waiting to be sent: try again later")
	ErrQueueClosed = fault.New(fault.Unavailable, "mail_queue_closed", "no more mail is sent: the server is shutting down")
)

// The defaults of QueueConfig.
const (
	DefaultQueueSize  = 256
	DefaultQueuePause = 5 * time.Second
)

// tries is the maximum number of attempts to send a message.
const tries = 3

// QueueConfig is the configuration of a Queue.
type QueueConfig struct {
	Size   int           // how many messages may wait; 0 means DefaultQueueSize
	Pause  time.Duration // before the second attempt, doubled before the third; 0 means DefaultQueuePause
	Logger *slog.Logger  // nil means slog.Default()
}

// writer writes a message; one without a recipient is not sent.
type writer = func(ctx context.Context) (users.Mail, error)

var _ users.MailQueue = (*Queue)(nil)

// Queue sends messages through another mailer, one by one, in the background. It is a
// users.MailQueue: Send and Later return immediately, so that their duration does not reveal whether
// there was a message to send. In return, failures appear only in the log, and waiting messages are
// lost if the process dies. A full queue refuses messages, and drops none that it took.
//
// A message is attempted up to three times, to write it and to send it, while the next ones wait, but
// only once if the error is fault.Invalid. The log contains the kind and no data.
//
// The creator of a Queue must call Close. A Queue is safe for concurrent use.
type Queue struct {
	mailer users.Mailer
	pause  time.Duration
	logger *slog.Logger

	mu      sync.Mutex // guards closed, and prevents a send to waiting after its close
	closed  bool
	waiting chan writer

	ctx    context.Context // of the worker; does not end with the contexts of callers
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when the worker has ended
	unsent int           // messages dropped because of Close; read after done is closed
}

// NewQueue returns a Queue that sends with mailer, and starts its worker. The mailer must honour
// its context. NewQueue returns an error if the size or the pause is negative.
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
		waiting: make(chan writer, c.Size),
		ctx:     ctx,
		cancel:  cancel,
		done:    make(chan struct{}),
	}
	go q.work()
	return q, nil
}

// Send puts the message into the queue and never waits for the mailer. It returns ErrQueueFull,
// ErrQueueClosed, or ctx.Err() (wrapped) if ctx has ended.
func (q *Queue) Send(ctx context.Context, m users.Mail) error {
	return q.Later(ctx, func(context.Context) (users.Mail, error) { return m, nil })
}

// Later is like Send for a message that write returns when its turn comes, if it has a recipient.
// The context of write ends only if that of Close does. Later is part of users.MailQueue.
func (q *Queue) Later(ctx context.Context, write func(ctx context.Context) (users.Mail, error)) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("mail: queue a message: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrQueueClosed
	}
	select {
	case q.waiting <- write:
		return nil
	default:
		return ErrQueueFull
	}
}

// Len returns the number of messages that wait to be sent.
func (q *Queue) Len() int { return len(q.waiting) }

// Close accepts no more messages, waits until those in the queue are sent or have failed, and stops
// the worker. If ctx ends first, it drops the remaining messages and returns an error with their
// number and the cause of ctx. It may be called more than once.
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
	defer q.cancel(nil) // frees the context; keeps a cause that Close has set
	for write := range q.waiting {
		if !q.deliver(write) {
			q.unsent++
		}
	}
}

// deliver attempts to write and to send a message until it is sent, or has failed, or is none. It
// returns false if Close interrupted it.
func (q *Queue) deliver(write writer) bool {
	pause := q.pause
	var m users.Mail
	written := false
	for try := 1; ; try++ {
		err := q.ctx.Err()
		if err == nil && !written {
			m, err = write(q.ctx)
			written = err == nil
		}
		if written && m.To == "" {
			return true
		}
		if err == nil {
			err = q.mailer.Send(q.ctx, m)
		}
		switch {
		case err == nil:
			return true
		case q.ctx.Err() != nil:
			return false
		}
		attrs := []any{slog.String("kind", string(m.Kind)), slog.Int("try", try), slog.Any("error", err)}
		if try == tries || errors.Is(err, fault.Invalid) {
			q.logger.ErrorContext(q.ctx, "mail not sent, giving up", attrs...)
			return true
		}
		q.logger.WarnContext(q.ctx, "mail not sent, will retry", attrs...)
		select {
		case <-time.After(pause):
			pause *= 2
		case <-q.ctx.Done():
		}
	}
}
