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
)

// Options say where in a database the store is, and how it is talked to. The zero value is what a server wants.
type Options struct {
	// Schema is where the tables are; "" means DefaultSchema. The store touches nothing outside it.
	Schema string

	// MaxConns is how many connections are kept at most; 0 means what the DSN says (pool_max_conns), else four for
	// each processor. More are slower.
	MaxConns int

	// StatementTimeout ends a statement that runs longer; 0 means 10 s. A server that has not answered two seconds
	// after that is given up.
	StatementTimeout time.Duration

	// LockTimeout ends waiting for another unit of work, which is a uow.ErrConflict then; 0 means 5 s.
	LockTimeout time.Duration

	// IdleTimeout ends, on the server, a transaction whose program says nothing any more; 0 means 15 s.
	IdleTimeout time.Duration

	// AcquireTimeout is how long a unit waits for a connection while all are in use; 0 means 5 s.
	AcquireTimeout time.Duration

	// PgBouncer is for a pooler in transaction mode between here and the server. It gives up what belongs to a session:
	// statements are not prepared (each is parsed again), the server does not enforce the three timeouts above, and
	// Options.Exclusive does not see who uses the store this way. Migrate needs the server itself.
	PgBouncer bool

	// Exclusive opens the store for this process alone, as a copy needs it: ErrInUse where another has it open.
	Exclusive bool
}

// DefaultSchema is where the tables are made unless Options.Schema says otherwise.
const DefaultSchema = "cicerone"

const (
	grace    = time.Second     // what the server gets to tell of a timeout, and then of being cancelled, before it counts as dead
	undoTime = 2 * time.Second // for a rollback
	dialTime = 5 * time.Second // for a connection, where the DSN does not say (connect_timeout)
	longest  = 24 * time.Hour  // that a timeout may be
)

// withDefaults fills in what was left zero.
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
		return o, fmt.Errorf("MaxConns is %d: it cannot be below zero", o.MaxConns)
	case len(o.Schema) > 63:
		return o, errors.New("a schema's name has 63 bytes at most")
	case o.Exclusive && o.PgBouncer:
		return o, errors.New("a store cannot be opened exclusively through PgBouncer: use the server's own address")
	}
	if o.Schema == "" {
		o.Schema = DefaultSchema
	}
	return o, nil
}

// patience is how long an answer may take before the server is asked to cancel what it does.
func (o Options) patience() time.Duration { return o.StatementTimeout + grace }

// prefix stands before each table's name.
func (o Options) prefix() string { return pgx.Identifier{o.Schema}.Sanitize() + "." }

// Configure sets up a host's pool: how many connections it keeps, cancelling, and the note that the store is in use.
// Call it before pgxpool.NewWithConfig, and give the pool to New with the same options. It changes no setting of the
// sessions: each unit of work sets its timeouts for itself, and the host's own queries keep the host's.
func (o Options) Configure(config *pgxpool.Config) error {
	o, err := o.withDefaults()
	if err != nil {
		return fmt.Errorf("postgres: configure: %w", err)
	}
	o.configure(config)
	return nil
}

// settings are what the server keeps to during a unit of work.
var settings = []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "jit"}

// values are those of settings. To compile a wide search takes longer than it saves.
func (o Options) values() []any {
	ms := func(d time.Duration) any { return strconv.FormatInt(d.Milliseconds(), 10) }
	return []any{ms(o.StatementTimeout), ms(o.LockTimeout), ms(o.IdleTimeout), "off"}
}

// configureOwn sets up a pool that nobody else uses: its sessions have the settings of units.
func (o Options) configureOwn(config *pgxpool.Config) {
	o.configure(config)
	params := config.ConnConfig.RuntimeParams
	setUnlessSet(params, "application_name", "cicerone")
	if o.PgBouncer {
		return
	}
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
	config.MinConns = max(config.MinConns, 1) // an idle server is in use, too
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = dialTime
	}
	conn.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler { return &canceller{conn: c} }
	if o.PgBouncer {
		conn.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		return
	}
	if m := conn.DefaultQueryExecMode; m == pgx.QueryExecModeExec || m == pgx.QueryExecModeSimpleProtocol {
		conn.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement // those guess the types of what is sent, and not ours
	}
	if o.Exclusive {
		config.MaxConns, config.MinConns = 1, 1 // two would shut each other out
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

// announce holds a lock for as long as the connection lives: many may use the store at once, or one exclusively.
func (o Options) announce(ctx context.Context, c *pgx.Conn) error {
	try := "SELECT pg_try_advisory_lock_shared($1)"
	if o.Exclusive {
		try = "SELECT pg_try_advisory_lock($1)"
	}
	var held bool
	if err := c.QueryRow(ctx, try, lockNumber("store", o.Schema)).Scan(&held); err != nil {
		return fmt.Errorf("say that the store is in use: %w", err)
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
