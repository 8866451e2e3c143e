package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// late is how long a server may still act on a request to cancel after it accepted the request.
const late = 100 * time.Millisecond

// canceller asks the server to stop a statement when its context ends. Without it the statement
// would keep running on a connection that the pool has closed. Unlike pgx's own handler it never
// closes a cancel request that is under way: PgBouncer 1.18 (Debian 12) then crashes
// (github.com/pgbouncer/pgbouncer/issues/801).
type canceller struct {
	conn  *pgconn.PgConn
	asked chan struct{} // closed when the request has ended
	taken bool          // the server accepted the request
}

// HandleCancel is called once, while the connection waits for a response.
func (c *canceller) HandleCancel(ended context.Context) {
	c.asked = make(chan struct{})
	_ = c.conn.Conn().SetDeadline(time.Now().Add(grace)) // fails only on a closed connection, which nothing waits for
	go func() {
		defer close(c.asked)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ended), grace)
		defer cancel()
		err := c.conn.CancelRequest(ctx) // if it fails, the deadline ends the wait
		c.taken = err == nil && ctx.Err() == nil
		time.Sleep(late) // a late cancellation would end the connection's next statement
	}()
}

// HandleUnwatchAfterCancel is called when the response has arrived, or will not arrive.
func (c *canceller) HandleUnwatchAfterCancel() {
	<-c.asked
	if !c.taken { // the request may still arrive, and cancel the next statement
		_ = c.conn.Conn().Close()
		return
	}
	_ = c.conn.Conn().SetDeadline(time.Time{})
}
