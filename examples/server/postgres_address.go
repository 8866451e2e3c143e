package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	adapter "github.com/cicerone-go/cicerone/adapters/postgres"
)

// postgresAddress is the parsed address of a PostgreSQL store.
type postgresAddress struct {
	dsn     string // for the adapter: the address without our parameters
	options adapter.Options
	shown   string // the address to print, without user and password
}

// postgresParameters are our parameters of an address. All others are for pgx, which passes those
// that it does not know to the server.
var postgresParameters = map[string]func(o *adapter.Options, value string) error{
	"schema":            func(o *adapter.Options, value string) error { o.Schema = value; return nil },
	"pgbouncer":         func(o *adapter.Options, value string) error { return readSwitch(&o.PgBouncer, true, value) },
	"group_commit":      func(o *adapter.Options, value string) error { return readSwitch(&o.NoGroupCommit, false, value) },
	"statement_timeout": func(o *adapter.Options, value string) error { return readTimeout(&o.StatementTimeout, value) },
	"lock_timeout":      func(o *adapter.Options, value string) error { return readTimeout(&o.LockTimeout, value) },
	"idle_in_transaction_session_timeout": func(o *adapter.Options, value string) error {
		return readTimeout(&o.IdleTimeout, value)
	},
}

// readSwitch parses true or false, and sets an option to whether that is on.
func readSwitch(option *bool, on bool, value string) error {
	parsed, err := strconv.ParseBool(value)
	if err != nil {
		return errors.New("must be true or false")
	}
	*option = parsed == on
	return nil
}

// readTimeout parses a duration like 5s or, as in PostgreSQL, a number of milliseconds.
func readTimeout(d *time.Duration, value string) (err error) {
	if _, notANumber := strconv.Atoi(value); notANumber == nil {
		value += "ms"
	}
	if *d, err = time.ParseDuration(value); err != nil || *d < time.Millisecond {
		return errors.New("must be a duration like 5s or a number of milliseconds, 1 or more")
	}
	return nil
}

// readPostgres parses postgres://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETERS. The environment
// (PGHOST, PGPASSWORD …) provides the parts that are left out. No error contains a text that may be
// a part of a password.
func readPostgres(address string) (postgresAddress, error) {
	if !strings.HasPrefix(address, "postgres://") {
		return postgresAddress{}, errors.New("a postgres store has an address like postgres://USER@HOST/DATABASE")
	}
	var a postgresAddress
	head, parameters := cutParameters(address)
	parameters, err := takeOurs(parameters, &a.options)
	if err != nil {
		return postgresAddress{}, err
	}
	a.dsn = head + "?" + strings.Join(parameters, "&")
	config, err := pgxpool.ParseConfig(a.dsn)
	if err != nil {
		return postgresAddress{}, unreadable(parameters)
	}
	if err := a.options.Configure(config); err != nil {
		return postgresAddress{}, err
	}
	a.shown = show(config.ConnConfig.Host, config.ConnConfig.Port, config.ConnConfig.Database, a.options.Schema)
	return a, nil
}

// showPostgres returns the form of an address to print.
func showPostgres(address string) (string, error) {
	a, err := readPostgres(address)
	return a.shown, err
}

// cutParameters splits an address before its parameters. Like libpq, it treats the text up to an @
// before the first / as user and password.
func cutParameters(address string) (head string, parameters []string) {
	const begin = len("postgres://")
	user := begin
	if at := strings.IndexAny(address[begin:], "@/"); at >= 0 && address[begin+at] == '@' {
		user += at
	}
	rest, query, _ := strings.Cut(address[user:], "?")
	if query != "" {
		parameters = strings.Split(query, "&")
	}
	return address[:user] + rest, parameters
}

// takeOurs sets the options from our parameters and returns the other ones.
func takeOurs(parameters []string, o *adapter.Options) (others []string, err error) {
	for _, p := range parameters {
		name, value, _ := strings.Cut(p, "=")
		set, ours := postgresParameters[name]
		if !ours {
			others = append(others, p)
			continue
		}
		if value, err = url.PathUnescape(value); err == nil {
			err = set(o, value)
		}
		if err != nil {
			return nil, fmt.Errorf("the parameter %s: %w", name, err)
		}
	}
	if o.PgBouncer && (o.LockTimeout > 0 || o.IdleTimeout > 0) {
		return nil, errors.New("lock_timeout and idle_in_transaction_session_timeout cannot be set through PgBouncer: set them with ALTER ROLE … SET")
	}
	return others, nil
}

// unreadable returns the error for an address that pgx cannot parse. It names the invalid parameter
// if it can do so without a part of a password.
func unreadable(parameters []string) error {
	harmless := slices.DeleteFunc(parameters, func(p string) bool { return strings.Contains(p, "password") })
	query := strings.Join(harmless, "&")
	if !strings.Contains(query, "@") { // otherwise the query may be the end of a password
		if _, err := pgxpool.ParseConfig("postgres://localhost?" + query); err != nil {
			return err
		}
	}
	return errors.New("the address must be like postgres://USER:PASSWORD@HOST:PORT/DATABASE; " +
		"in user and password, write : / ? # @ and % as %3A %2F %3F %23 %40 and %25")
}

// show returns the address of a store with its first host, its database and its schema only.
func show(host string, port uint16, database, schema string) string {
	u, q := url.URL{Scheme: "postgres", Path: "/" + database}, url.Values{}
	if strings.HasPrefix(host, "/") { // a socket
		q.Set("host", host)
	} else {
		u.Host = net.JoinHostPort(host, strconv.Itoa(int(port)))
	}
	if schema != "" && schema != adapter.DefaultSchema {
		q.Set("schema", schema)
	}
	u.RawQuery = q.Encode()
	return u.String()
}
