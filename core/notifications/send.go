package notifications

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
)

const (
	takenAtOnce = 20
	takenFor    = 5 * time.Minute // after that, another process takes a notice that was not done
	mailedFor   = 4 * time.Minute // how long mail is sent that was taken at once

	failedInARow = 3                // after so many, the others that were taken wait
	inPlace      = 10               // attempts after which a mail does not go before others any more
	lateAgain    = 10 * time.Minute // the pause between later attempts

	minPause = 5 * time.Second // of Run, while no mail can be sent; it doubles
	maxPause = time.Minute
)

// Send sends the mail that is due, first what happened first, and returns how many it sent. What
// cannot be sent is tried again by a later call: the first ten times before other mail, so that what
// one recipient gets stays in order, and then every ten minutes. Several processes may run it concurrently: each takes
// other notices. A mail is sent at least once: twice if the process ends before it has stored that it
// was sent. Errors: those of the mails that were not sent, and users.ErrMailRefused for each that
// never will be.
func (s *Service) Send(ctx context.Context) (sent int, err error) {
	for {
		taken, err := s.take(ctx)
		if err != nil {
			return sent, fmt.Errorf("look for mail that is due: %w", err)
		}
		n, err := s.sendAll(ctx, taken)
		sent += n
		if err != nil || len(taken) < takenAtOnce {
			return sent, err
		}
	}
}

func (s *Service) take(ctx context.Context) (taken []Notice, err error) {
	err = s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) (err error) {
		now := s.deps.Clock.Now()
		taken, err = tx.Notifications().TakeNotices(ctx, now, now.Add(takenFor), takenAtOnce)
		return err
	})
	slices.SortStableFunc(taken, func(a, b Notice) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return taken, err
}

// sendAll does what notices say. It stops early if the mail server seems to be down, or the notices
// would soon be taken again. If a mail cannot be sent, later ones to its recipient wait.
func (s *Service) sendAll(ctx context.Context, taken []Notice) (sent int, err error) {
	ending, cancel := context.WithTimeout(ctx, mailedFor)
	defer cancel()
	var failed []error
	waits, row := map[id.User]bool{}, 0
	for _, n := range taken {
		if row == failedInARow || waits[n.UserID] || ending.Err() != nil {
			failed = append(failed, s.move(ctx, n, n.CreatedAt))
			continue
		}
		done, err := s.send(ending, n)
		switch {
		case done:
			sent, row = sent+1, 0
		case errors.Is(err, users.ErrMailRefused):
			failed = append(failed, fmt.Errorf("send mail about %s: %w", n.Kind, err))
		case err != nil:
			row++
			waits[n.UserID] = true
			failed = append(failed, fmt.Errorf("send mail about %s: %w", n.Kind, err), s.again(ctx, n))
		}
	}
	return sent, errors.Join(failed...)
}

// again makes a notice due again whose mail was not sent: in its place in the order in which things
// happened, or later if it was tried often, so that it holds up no others.
func (s *Service) again(ctx context.Context, n Notice) error {
	due := n.CreatedAt
	if n.Attempts >= inPlace {
		due = s.deps.Clock.Now().Add(lateAgain)
	}
	return s.move(ctx, n, due)
}

// send does what a notice says, and reports whether it sent a mail.
func (s *Service) send(ctx context.Context, n Notice) (sent bool, err error) {
	if n.Kind == remind {
		return false, s.remind(ctx, n)
	}
	m, due, err := s.compose(ctx, n)
	switch {
	case err != nil:
		return false, err
	case !due:
		return false, s.discard(ctx, n)
	}
	err = s.deps.Mailer.Send(ctx, m)
	if err != nil && !errors.Is(err, users.ErrMailRefused) {
		return false, err
	}
	return err == nil, errors.Join(err, s.finish(ctx, n))
}

// finish stores that a mail was sent or refused. One about new messages is then not sent again until
// its user comes here.
func (s *Service) finish(ctx context.Context, n Notice) error {
	if n.Kind == NewMessage {
		return s.move(ctx, n, time.Time{})
	}
	return s.drop(ctx, n)
}

// discard drops a notice of which there is nothing to tell. A message that came just before it was
// dropped has added no notice: then there is one again.
func (s *Service) discard(ctx context.Context, n Notice) error {
	if err := s.drop(ctx, n); err != nil || n.Kind != NewMessage {
		return err
	}
	if _, due, err := s.compose(ctx, n); err != nil || !due {
		return err
	}
	n.DueAt, n.Attempts = s.deps.Clock.Now().Add(s.deps.Policy.MessageDelay), 0
	return s.add(ctx, n)
}

// move makes a notice due at another time, also while ctx ends.
func (s *Service) move(ctx context.Context, n Notice, due time.Time) error {
	err := s.deps.Store.Do(context.WithoutCancel(ctx), func(ctx context.Context, tx Tx) error {
		_, err := tx.Notifications().MoveNotice(ctx, n, due) // false: it was taken again, or dropped
		return err
	})
	if err != nil {
		return fmt.Errorf("move a notice: %w", err)
	}
	return nil
}

// remind says that a reservation is near, once.
func (s *Service) remind(ctx context.Context, n Notice) error {
	return s.deps.Store.Do(events.WithoutRefusal(ctx), func(ctx context.Context, tx Tx) error {
		return reservations.Remind(ctx, tx, s.deps.IDs, id.Reservation(n.SubjectID), s.deps.Clock.Now(), func() (bool, error) {
			return tx.Notifications().MoveNotice(ctx, n, time.Time{})
		})
	})
}

// compose returns the mail of a notice. due is false if there is nothing to tell any more.
func (s *Service) compose(ctx context.Context, n Notice) (m users.Mail, due bool, err error) {
	err = s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) error {
		u, err := tx.Users().User(ctx, n.UserID)
		if err != nil {
			return fmt.Errorf("read a user: %w", err)
		}
		if u.Erased || !u.IsActive && n.Kind != Sanction {
			return nil
		}
		if due, err = wants(ctx, tx, n.UserID, n.Kind); err != nil || !due {
			return err
		}
		m = users.Mail{To: u.Email, Kind: users.MailKind(n.Kind), Locale: u.Locale}
		if n.Kind.Optional() {
			m.Unsubscribe = s.deps.Unsubscribe(n.UserID, n.Kind)
		}
		m.Data, err = dataOf(ctx, tx, n, s.deps.Clock.Now())
		due = m.Data != nil
		return err
	})
	return m, due && err == nil, err
}

// Run sends the mail that is due every Policy.SendEvery, until ctx ends, and then returns nil. While
// none can be sent, it tries less often, but every minute. It passes errors to report.
func (s *Service) Run(ctx context.Context, report func(error)) error {
	pause := s.deps.Policy.SendEvery
	for {
		sent, err := s.Send(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the end of ctx is no failure
		case sent > 0 || !errors.Is(err, fault.Unavailable):
			pause = s.deps.Policy.SendEvery
		default:
			pause = min(max(2*pause, minPause), maxPause)
		}
		if err != nil {
			report(err)
		}
		select {
		case <-time.After(pause): //nolint:forbidigo // a pause in real time
		case <-ctx.Done():
			return nil
		}
	}
}
