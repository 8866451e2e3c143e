package postgres

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// leastVersion is the first version of PostgreSQL in which the owner of a database may install the
// extensions.
const leastVersion = 130000

// Open connects to the store that the DSN names: a URL like postgres://user@host/database, or
// key=value pairs, as in libpq. The tables must exist: see Migrate.
//
// Open returns ErrOutdated, ErrNewer, ErrUnfit, ErrInUse, uow.ErrRefused if the server rejects the
// user, the password or the database, and uow.ErrUnreachable if no connection can be made. Any
// other error means an invalid DSN or invalid options.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	s, err := open(ctx, dsn, o)
	if err != nil {
		return nil, fmt.Errorf("postgres: open: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, dsn string, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	config, err := parse(dsn)
	if err != nil {
		return nil, err
	}
	o.configureOwn(config)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("make a pool: %w", err)
	}
	s := newStore(pool, o, pool.Close)
	if err := s.check(ctx); err != nil {
		if failed, ok := errors.AsType[*pgconn.PgError](err); ok && failed.Code == pgerrcode.ProtocolViolation && !o.PgBouncer {
			err = fmt.Errorf("%w (for a pooler, set Options.PgBouncer)", err) // a pooler rejects unknown settings
		}
		return nil, errors.Join(err, s.Close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// parse reads a DSN. If it does not limit the number of connections, the limit is four for each
// processor.
func parse(dsn string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the DSN: %w", err)
	}
	written, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the DSN: %w", err)
	}
	if _, said := written.RuntimeParams["pool_max_conns"]; !said {
		config.MaxConns = int32(min(4*runtime.GOMAXPROCS(0), 1<<20)) // #nosec G115 -- it is in range
	}
	return config, nil
}

// New makes a store on a host's pool, which the host closes. The host should have set up the pool
// with Options.Configure. Every unit of work sets its timeouts itself, without an additional round
// trip. New returns the errors of Open, and ErrUnfit if the default_transaction_isolation of the
// pool's connections is not "read committed".
func New(ctx context.Context, pool *pgxpool.Pool, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err == nil && o.Exclusive {
		err = errors.New("a host's pool cannot be exclusive: use Open")
	}
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	s := newStore(pool, o, func() {})
	s.hosts = true
	if err := s.check(ctx); err != nil {
		return nil, fmt.Errorf("postgres: %w", errors.Join(err, s.Close(context.WithoutCancel(ctx))))
	}
	return s, nil
}

// check returns an error if the server could lose data, or if the tables are not those of this
// program.
func (s *Store) check(ctx context.Context) error {
	c := &conn{store: s}
	defer c.leave(ctx)
	if err := c.acquire(ctx); err != nil {
		return err
	}
	refusals, err := list(ctx, c, value((*row).text), `
		SELECT 'it is PostgreSQL ' || current_setting('server_version') || ', and 13 or later is needed'
			WHERE current_setting('server_version_num')::int < $1
		UNION ALL SELECT name || ' is off: what was committed could be lost'
			FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'
		UNION ALL SELECT 'it is in recovery: it can only be read, connect to the primary' WHERE pg_is_in_recovery()
		UNION ALL SELECT 'its encoding is ' || current_setting('server_encoding') || ', and UTF8 is needed'
			WHERE current_setting('server_encoding') <> 'UTF8'
		UNION ALL SELECT 'default_transaction_isolation is ' || current_setting('default_transaction_isolation') || ', and '
				|| $2::text || ' is needed'
			WHERE current_setting('default_transaction_isolation') <> $2`, leastVersion, isolation)
	if err != nil {
		return fmt.Errorf("check the server: %w", err)
	}
	if len(refusals) > 0 {
		return fmt.Errorf("%w: %s", ErrUnfit, refusals[0])
	}
	return s.checkVersion(ctx, c)
}
