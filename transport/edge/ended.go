package edge

import (
	"sync"

	"github.com/cicerone-go/cicerone/core/id"
)

// ended remembers the sessions that were presumed and had ended. Gate.Presumed checks their further
// requests immediately, so that these do not use up the rate of the user.
type ended struct {
	mu       sync.Mutex
	sessions map[id.Session]struct{}
}

// maxEnded bounds the sessions that are remembered. Beyond it, all are forgotten.
const maxEnded = 10_000

func (e *ended) has(s id.Session) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, found := e.sessions[s]
	return found
}

func (e *ended) add(s id.Session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sessions == nil || len(e.sessions) >= maxEnded {
		e.sessions = map[id.Session]struct{}{}
	}
	e.sessions[s] = struct{}{}
}
