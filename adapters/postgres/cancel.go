package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// late is how long after it took a request to cancel a server may still act on it.
const late = 100 * time.Millisecond

// canceller asks the server to stop what a context has ended, instead of leaving it at work on a connection that is
// thrown away. Unlike pgx's own it never hangs up on a request to cancel that is under way: PgBouncer 1.18,
// which is Debian 12's, ends with all its connections then (github.com/pgbouncer/pgbouncer/issues/801).
type canceller struct {
	conn  *pgconn.PgConn
	asked chan struct{} // closed when the request is over
	taken bool          // by the server: it has nothing more to do for it
}

// HandleCancel is called while the connection waits for an answer, once.
func (c *canceller) HandleCancel(ended context.Context) {
	c.asked = make(chan struct{})
	_ = c.conn.Conn().SetDeadline(time.Now().Add(grace)) // which fails where the connection is closed: nobody waits then
	go func() {
		defer close(c.asked)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ended), grace)
		defer cancel()
		err := c.conn.CancelRequest(ctx) // where it fails, the deadline ends the waiting
		c.taken = err == nil && ctx.Err() == nil
		time.Sleep(late) // or it would end the connection's next statement
	}()
}

// HandleUnwatchAfterCancel is called when the answer is there, or will not come.
func (c *canceller) HandleUnwatchAfterCancel() {
	<-c.asked
	if !c.taken { // it may be on its way, and end whatever comes next
		_ = c.conn.Conn().Close()
		return
	}
	_ = c.conn.Conn().SetDeadline(time.Time{})
}
