package postgres

import (
	"context"
	"errors"
	"time"
)

// wait is the context of a wait for the server. It ends with its parent, or with cause when its
// time is over. The waits of a unit follow each other and share one wait, because making a context
// with a timeout for each takes long beside a short unit.
type wait struct {
	context.Context // nil before the first wait
	end             context.CancelCauseFunc
	timer           *time.Timer
	deadline        time.Time // of the present wait
	cause           error     // with which it ends then
	isLate          bool      // a wait took too long, so the context has ended
	isSingle        bool      // it is not shared
}

// startWait returns a context that ends after d with cause. The caller must call stop. It is the
// wait of the unit if ctx is the context that the unit's function got, as it nearly always is, and
// otherwise a new one.
func (c *conn) startWait(ctx context.Context, d time.Duration, cause error) *wait {
	w := &c.wait
	if in, ok := ctx.(*inside); !ok || in.unit.conn != c || w.isLate {
		w = &wait{isSingle: true}
	}
	w.deadline, w.cause = time.Now().Add(d), cause
	if w.Context == nil {
		w.Context, w.end = context.WithCancelCause(ctx)
		w.timer = time.AfterFunc(d, func() { w.end(w.cause) })
	} else {
		w.timer.Reset(d)
	}
	return w
}

// stop ends the present wait.
func (w *wait) stop() {
	w.isLate = !w.timer.Stop()
	if w.isSingle {
		w.end(nil)
	}
}

// close ends the context of all waits, if there were any.
func (w *wait) close() {
	if w.Context != nil {
		w.end(nil)
	}
}

// Err returns context.DeadlineExceeded if the time of a wait is over, and not context.Canceled,
// which says that the caller has left.
func (w *wait) Err() error {
	err := w.Context.Err()
	if err != nil && errors.Is(context.Cause(w.Context), w.cause) {
		return context.DeadlineExceeded
	}
	return err
}

// Deadline returns the deadline of the parent, or of the present wait if that is earlier. At this
// time pgxpool ends its ping of an idle connection.
func (w *wait) Deadline() (time.Time, bool) {
	if of, ok := w.Context.Deadline(); ok && of.Before(w.deadline) {
		return of, true
	}
	return w.deadline, true
}
