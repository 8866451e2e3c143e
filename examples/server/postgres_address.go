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

// postgresAddress is what the address of a PostgreSQL store says.
type postgresAddress struct {
	dsn     string // for the adapter: the address without our parameters
	options adapter.Options
	shown   string // for people: without user and password
}

// postgresParameters are the parameters of an address that are ours. All others are pgx's, which hands to the server what
// it does not know itself.
var postgresParameters = map[string]func(o *adapter.Options, value string) error{
	"schema": func(o *adapter.Options, value string) error { o.Schema = value; return nil },
	"pgbouncer": func(o *adapter.Options, value string) (err error) {
		if o.PgBouncer, err = strconv.ParseBool(value); err != nil {
			err = errors.New("it is true or false")
		}
		return err
	},
	"statement_timeout": func(o *adapter.Options, value string) error { return readTimeout(&o.StatementTimeout, value) },
	"lock_timeout":      func(o *adapter.Options, value string) error { return readTimeout(&o.LockTimeout, value) },
	"idle_in_transaction_session_timeout": func(o *adapter.Options, value string) error {
		return readTimeout(&o.IdleTimeout, value)
	},
}

// readTimeout reads a duration like 5s or, as PostgreSQL has it, a number of milliseconds.
func readTimeout(d *time.Duration, value string) (err error) {
	if _, notANumber := strconv.Atoi(value); notANumber == nil {
		value += "ms"
	}
	if *d, err = time.ParseDuration(value); err != nil || *d < time.Millisecond {
		return errors.New("it is a time like 5s, or a number of milliseconds, from 1 on")
	}
	return nil
}

// readPostgres reads postgres://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETERS, of which everything may be left out that the
// environment says (PGHOST, PGPASSWORD …). No error repeats what may be a part of a password.
func readPostgres(address string) (postgresAddress, error) {
	if !strings.HasPrefix(address, "postgres://") {
		return postgresAddress{}, errors.New("postgres takes an address like postgres://USER@HOST/DATABASE")
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

// showPostgres is an address for people.
func showPostgres(address string) (string, error) {
	a, err := readPostgres(address)
	return a.shown, err
}

// cutParameters cuts an address where its parameters begin. Like libpq, it takes all up to an @ before the first / for user
// and password.
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

// takeOurs takes our parameters out of those of an address.
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
		return nil, errors.New("lock_timeout and idle_in_transaction_session_timeout do not get through PgBouncer: set them with ALTER ROLE … SET")
	}
	return others, nil
}

// unreadable says what is wrong with an address that pgx cannot read: a parameter, where that can be told without
// telling a password, too.
func unreadable(parameters []string) error {
	harmless := slices.DeleteFunc(parameters, func(p string) bool { return strings.Contains(p, "password") })
	query := strings.Join(harmless, "&")
	if !strings.Contains(query, "@") { // else this may be the end of a password
		if _, err := pgxpool.ParseConfig("postgres://localhost?" + query); err != nil {
			return err
		}
	}
	return errors.New("this is no address like postgres://USER:PASSWORD@HOST:PORT/DATABASE; " +
		"in user and password, : / ? # @ and % are written as %3A %2F %3F %23 %40 and %25")
}

// show is the address of a store without what concerns only how it is reached.
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
