package edge

import (
	"sync"

	"github.com/cicerone-go/cicerone/core/id"
)

// ended remembers sessions that were presumed and did not hold. Further requests of theirs are
// checked first, so that they use nothing of what the user may use.
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
