package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
)

// checkedAtOnce is how many sessions one statement looks at.
const checkedAtOnce = 1000

// checks ends the streams whose sessions have ended.
type checks struct {
	reader *reader
	woken  chan struct{}
	at     time.Time // when the last time began that all were checked

	mu       sync.Mutex
	suspects map[id.User]bool // whose accounts may not be active any more
}

func newChecks(r *reader) *checks {
	return &checks{reader: r, woken: make(chan struct{}, 1), at: time.Now(), suspects: map[id.User]bool{}}
}

// suspect makes the next check look at the account of a user, and begin immediately.
func (c *checks) suspect(user id.User) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.suspects[user] = true
	select {
	case c.woken <- struct{}{}:
	default: // it is awake
	}
}

// run checks all streams every Policy.CheckEvery, until the reader ends.
func (c *checks) run() {
	every := time.NewTicker(c.reader.service.deps.Policy.CheckEvery)
	defer every.Stop()
	for {
		select {
		case <-c.reader.ctx.Done():
			return
		case <-c.woken:
		case <-every.C:
		}
		c.reader.attempt(&c.at, c.check)
	}
}

// check looks at the sessions of all streams. A stream without a session, whose caller a host has
// admitted in its own way, ends when its account is not active any more.
func (c *checks) check(ctx context.Context) error {
	s := c.reader.service
	c.mu.Lock()
	suspects := c.suspects
	c.suspects = map[id.User]bool{}
	c.mu.Unlock()

	var sessions []id.Session
	var accounts []id.User
	s.mu.Lock()
	streams := s.all()
	s.mu.Unlock()
	for _, stream := range streams {
		switch of := stream.caller; {
		case !of.SessionID.IsZero():
			sessions = append(sessions, of.SessionID)
		case suspects[of.UserID]:
			accounts = append(accounts, of.UserID)
		}
	}
	open, active := map[id.Session]bool{}, map[id.User]bool{}
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) error {
		clear(open)
		clear(active)
		filter := s.deps.Users.OpenSessions(s.deps.Clock.Now())
		for some := range slices.Chunk(sessions, checkedAtOnce) {
			those, err := tx.Users().ActiveSessions(ctx, filter, some...)
			if err != nil {
				return fmt.Errorf("read sessions: %w", err)
			}
			for _, session := range those {
				open[session] = true
			}
		}
		for _, user := range accounts {
			u, err := tx.Users().User(ctx, user)
			if err != nil && !errors.Is(err, fault.NotFound) {
				return fmt.Errorf("read a user: %w", err)
			}
			active[user] = err == nil && u.IsActive
		}
		return nil
	})
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		maps.Copy(c.suspects, suspects)
		return fmt.Errorf("check the sessions of streams: %w", err)
	}
	for _, stream := range streams {
		switch of := stream.caller; {
		case !of.SessionID.IsZero():
			if !open[of.SessionID] {
				stream.end(users.ErrNotSignedIn)
			}
		case suspects[of.UserID] && !active[of.UserID]:
			stream.end(users.ErrNotSignedIn)
		}
	}
	return nil
}
