package notifications

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
)

// attendances are those of the users whom a batch of events is about. They were read after all its
// events were committed. So if a user has come here since they were read, and no event of the batch
// says so, this was after the messages of the batch, which need no notice then.
type attendances map[id.User]Attendance

// attenders returns the users whose attendances a batch needs, each once.
func attenders(batch []events.Event) (all []id.User) {
	named := map[id.User]bool{}
	for _, e := range batch {
		var user id.User
		switch d := e.Data.(type) {
		case events.MessageSent:
			user = d.RecipientID
		case events.MessageRead:
			user = d.ReaderID
		default:
			continue
		}
		if !named[user] {
			named[user] = true
			all = append(all, user)
		}
	}
	return all
}

// attendances reads the attendances of users. It asks the store once, and not at all for no users.
func (s *Service) attendances(ctx context.Context, users ...id.User) (of attendances, err error) {
	if len(users) == 0 {
		return nil, nil
	}
	err = s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		of, err = tx.Notifications().Attendances(ctx, users...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read when users were here: %w", err)
	}
	return of, nil
}

// messageSent adds the notice about new messages, which is mailed after a while, unless the
// recipient has been here since the message, or has that notice, as for nearly all messages. A
// notice that was mailed remains until its user comes here.
func (s *Service) messageSent(ctx context.Context, d events.MessageSent, at time.Time, of attendances) error {
	known := of[d.RecipientID]
	if known.Noticed || !known.SeenAt.Before(at) {
		return nil
	}
	n := NoticeOfMessages(d.RecipientID)
	n.DueAt, n.CreatedAt = at.Add(s.deps.Policy.MessageDelay), at
	err := s.addUnless(ctx, n, func(ctx context.Context, tx Tx) (bool, error) {
		now, err := tx.Notifications().Attendances(ctx, d.RecipientID)
		known = now[d.RecipientID] // they may have come here since the batch was read
		needless := known.Noticed || !known.SeenAt.Before(at)
		known.Noticed = known.Noticed || !needless
		return needless, err
	})
	if err == nil {
		of[d.RecipientID] = known
	}
	return err
}

// seenEvery is how often at most it is stored that a user is here.
const seenEvery = time.Minute

// Seen notes that a user is here: mail about new messages is not sent then. It stores that at most
// once a minute. If the user is erased or does not exist, it does nothing.
func (s *Service) Seen(ctx context.Context, user id.User) error {
	at := s.deps.Clock.Now()
	of, err := s.attendances(ctx, user)
	if err != nil {
		return err
	}
	return s.attended(ctx, user, at, of)
}

// attended notes that a user was here at a time.
func (s *Service) attended(ctx context.Context, user id.User, at time.Time, of attendances) error {
	if at.Sub(of[user].SeenAt) < seenEvery {
		return nil
	}
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		u, err := pin(ctx, tx, user)
		switch {
		case errors.Is(err, fault.NotFound) || err == nil && u.Erased:
			return nil
		case err != nil:
			return err
		}
		return tx.Notifications().Seen(ctx, user, at)
	})
	if err != nil {
		return fmt.Errorf("note that a user is here: %w", err)
	}
	of[user] = Attendance{SeenAt: at}
	return nil
}
