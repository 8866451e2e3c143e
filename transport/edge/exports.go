package edge

import (
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
)

// The errors of Gate.BeginExport.
var (
	ErrExportRunning = &fault.Error{Kind: fault.TooManyRequests, Code: "export_running", RetryAfter: 10 * time.Second,
		Detail: "another export of yours is running: wait until it has ended"}
	ErrExportsBusy = &fault.Error{Kind: fault.Unavailable, Code: "exports_busy", RetryAfter: 30 * time.Second,
		Detail: "too many exports are running: try again later"}
)

// exports counts the exports that run.
type exports struct {
	limits ExportLimits

	mu     sync.Mutex
	all    int
	byUser map[id.User]int
}

// BeginExport admits an export of a user within the limits. The export counts as running until the
// caller calls end, which must be called once. Errors: ErrExportRunning, ErrExportsBusy.
func (g *Gate) BeginExport(user id.User) (end func(), err error) {
	e := &g.exports
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.limits.PerUser > 0 && e.byUser[user] >= e.limits.PerUser:
		return nil, ErrExportRunning
	case e.limits.AtOnce > 0 && e.all >= e.limits.AtOnce:
		return nil, ErrExportsBusy
	}
	e.all++
	e.byUser[user]++
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.all--
		if e.byUser[user]--; e.byUser[user] == 0 {
			delete(e.byUser, user)
		}
	}, nil
}
