package postgres

import (
	"context"
	"errors"
	"time"
)

// wait is the context of a wait for the server. It ends with another context, or too late: after a
// time, and with a cause. The waits of a unit come one after the other, and share one, because to
// make a context with a time for each takes long beside the rest of a short unit.
type wait struct {
	context.Context // nil before the first wait
	end             context.CancelCauseFunc
	timer           *time.Timer
	latest          time.Time // when the present wait ends
	cause           error     // with which it ends then
	isLate          bool      // a wait has ended so, and no other can follow
	isOnly          bool      // no other follows
}

// begins returns the context of a wait that begins now, and that the caller must end by over. It is
// that of the unit if ctx is the context that the unit's function got, as it nearly always is.
func (c *conn) begins(ctx context.Context, d time.Duration, cause error) *wait {
	w := &c.wait
	if in, ok := ctx.(*inside); !ok || in.unit.conn != c || w.isLate {
		w = &wait{isOnly: true}
	}
	w.latest, w.cause = time.Now().Add(d), cause
	if w.Context == nil {
		w.Context, w.end = context.WithCancelCause(ctx)
		w.timer = time.AfterFunc(d, func() { w.end(w.cause) })
	} else {
		w.timer.Reset(d)
	}
	return w
}

// over ends the present wait.
func (w *wait) over() {
	w.isLate = !w.timer.Stop()
	if w.isOnly {
		w.end(nil)
	}
}

// close ends the context of all waits, if there were any.
func (w *wait) close() {
	if w.Context != nil {
		w.end(nil)
	}
}

// Err returns context.DeadlineExceeded if a wait has ended too late, as if its time were a deadline,
// and not context.Canceled, which says that the caller has left.
func (w *wait) Err() error {
	err := w.Context.Err()
	if err != nil && errors.Is(context.Cause(w.Context), w.cause) {
		return context.DeadlineExceeded
	}
	return err
}

// Deadline returns when the present wait ends at the latest. Beyond it, pgxpool does not ask an idle
// connection whether it is alive.
func (w *wait) Deadline() (time.Time, bool) {
	if of, ok := w.Context.Deadline(); ok && of.Before(w.latest) {
		return of, true
	}
	return w.latest, true
}
