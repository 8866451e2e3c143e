package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/ports"
)

// Options configure a store. The zero value suits a server.
type Options struct {
	// Schema holds the store's tables; "" means DefaultSchema. The store changes nothing outside
	// it.
	Schema string

	// MaxConns is the maximum number of connections; 0 means that of the DSN (pool_max_conns), or
	// four for each processor if the DSN has none. More than that make the store slower. A relay
	// (events.Relay) listens for notifications on one more.
	MaxConns int

	// StatementTimeout limits the duration of a statement; 0 means 10 s. The connection to a server
	// that has not responded two seconds after that is given up.
	StatementTimeout time.Duration

	// LockTimeout limits the wait for a lock of another unit of work; 0 means 5 s. The unit then
	// fails with uow.ErrConflict.
	LockTimeout time.Duration

	// IdleTimeout limits the time that the server keeps an idle transaction open; 0 means 15 s.
	IdleTimeout time.Duration

	// AcquireTimeout limits the wait for a connection when all are in use; 0 means 5 s.
	AcquireTimeout time.Duration

	// PgBouncer must be set if there is a pooler in transaction mode between the program and the
	// server. The store then does without session state: statements are not prepared but parsed
	// each time, the server does not enforce the three timeouts above, Options.Exclusive does not
	// detect the users of the pooler, and the commits of other processes do not wake a relay, which
	// finds events after events.Policy.LookEvery. Migrate needs the server itself.
	PgBouncer bool

	// NoGroupCommit gives each unit of work a transaction of its own. Otherwise messages that are
	// sent or marked as read, and reservations that are proposed, accepted or cancelled, while
	// another of them is being committed wait for it, at most a millisecond, or five while others
	// share a transaction. Up to 64 share the next one. Each is done or refused for itself.
	NoGroupCommit bool

	// Exclusive opens the store for this process alone, as a copy needs it. Open returns ErrInUse
	// if another process has it open.
	Exclusive bool

	// Progress is called while Migrate makes texts of existing rows again, which only the first
	// Migrate after an update of the program does. It may be nil.
	Progress func(ports.Refolded)
}

// DefaultSchema is the schema of the tables if Options.Schema is empty.
const DefaultSchema = "cicerone"

const (
	grace    = time.Second     // for the server to report a timeout, and then a cancellation, before it counts as dead
	undoTime = 2 * time.Second // limit of a rollback
	dialTime = 5 * time.Second // limit of connecting, if the DSN has no connect_timeout
	longest  = 24 * time.Hour  // the longest allowed timeout
)

// withDefaults replaces zero values by the defaults, and checks the rest.
func (o Options) withDefaults() (Options, error) {
	for _, d := range []struct {
		name    string
		value   *time.Duration
		usually time.Duration
	}{
		{"StatementTimeout", &o.StatementTimeout, 10 * time.Second},
		{"LockTimeout", &o.LockTimeout, 5 * time.Second},
		{"IdleTimeout", &o.IdleTimeout, 15 * time.Second},
		{"AcquireTimeout", &o.AcquireTimeout, 5 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.usually
		}
		if *d.value < time.Millisecond || *d.value > longest {
			return o, fmt.Errorf("%s is %v: it must be between a millisecond and %v", d.name, *d.value, longest)
		}
	}
	switch {
	case o.MaxConns < 0:
		return o, fmt.Errorf("MaxConns is %d: it must not be negative", o.MaxConns)
	case len(o.Schema) > 63:
		return o, errors.New("a schema's name must not exceed 63 bytes")
	case o.Exclusive && o.PgBouncer:
		return o, errors.New("a store cannot be opened exclusively through PgBouncer: use the server's own address")
	}
	if o.Schema == "" {
		o.Schema = DefaultSchema
	}
	if o.Progress == nil {
		o.Progress = func(ports.Refolded) {}
	}
	return o, nil
}

// patience is how long a response may take before the server is asked to cancel the statement.
func (o Options) patience() time.Duration { return o.StatementTimeout + grace }

// prefix is the part of each table's full name before the table.
func (o Options) prefix() string { return pgx.Identifier{o.Schema}.Sanitize() + "." }

// Configure sets up a host's pool: the number of connections, the handling of cancelled contexts,
// and the lock that marks the store as in use. Call it before pgxpool.NewWithConfig, and pass the
// pool to New with the same options. It changes no setting of the sessions: each unit of work sets
// its timeouts itself, and the host's own queries keep the host's.
func (o Options) Configure(config *pgxpool.Config) error {
	o, err := o.withDefaults()
	if err != nil {
		return fmt.Errorf("postgres: configure: %w", err)
	}
	o.configure(config)
	return nil
}

// settings are the parameters that the server applies during a unit of work.
var settings = []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "jit"}

// isolation is the level of statements that are units of their own. A unit that proposes counts what
// others committed while it waited.
const isolation = "read committed"

// values returns the values of settings. JIT is off: to compile a wide search takes longer than it
// saves.
func (o Options) values() []any {
	ms := func(d time.Duration) any { return strconv.FormatInt(d.Milliseconds(), 10) }
	return []any{ms(o.StatementTimeout), ms(o.LockTimeout), ms(o.IdleTimeout), "off"}
}

// configureOwn sets up a pool that only the store uses: its sessions have the settings of units.
func (o Options) configureOwn(config *pgxpool.Config) {
	o.configure(config)
	params := config.ConnConfig.RuntimeParams
	setUnlessSet(params, "application_name", "cicerone")
	if o.PgBouncer {
		return
	}
	params["default_transaction_isolation"] = isolation
	for i, value := range o.values() {
		if name := settings[i]; name == "jit" {
			setUnlessSet(params, name, value.(string))
		} else {
			params[name] = value.(string)
		}
	}
}

func (o Options) configure(config *pgxpool.Config) {
	conn := config.ConnConfig
	if o.MaxConns > 0 {
		config.MaxConns = int32(min(o.MaxConns, 1<<20)) // #nosec G115 -- it is in range
	}
	config.MinConns = max(config.MinConns, 1) // an idle server counts as using the store, too
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = dialTime
	}
	conn.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler { return &canceller{conn: c} }
	if o.PgBouncer {
		conn.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		return
	}
	if m := conn.DefaultQueryExecMode; m == pgx.QueryExecModeExec || m == pgx.QueryExecModeSimpleProtocol {
		// The other modes guess the types of arguments, and guess some of the store's wrong.
		conn.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	}
	if o.Exclusive {
		config.MaxConns, config.MinConns = 1, 1 // two connections would exclude each other
	}
	next := config.AfterConnect
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		if next != nil {
			if err := next(ctx, c); err != nil {
				return err
			}
		}
		return o.announce(ctx, c)
	}
}

// announce holds an advisory lock while the connection is open: shared, or exclusive for
// Options.Exclusive.
func (o Options) announce(ctx context.Context, c *pgx.Conn) error {
	try := "SELECT pg_try_advisory_lock_shared($1)"
	if o.Exclusive {
		try = "SELECT pg_try_advisory_lock($1)"
	}
	var held bool
	if err := c.QueryRow(ctx, try, lockNumber("store", o.Schema)).Scan(&held); err != nil {
		return fmt.Errorf("mark the store as in use: %w", err)
	}
	if !held {
		return ErrInUse
	}
	return nil
}

func setUnlessSet(params map[string]string, name, value string) {
	if params[name] == "" {
		params[name] = value
	}
}
