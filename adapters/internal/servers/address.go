package servers

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"go.mongodb.org/mongo-driver/x/mongo/driver/connstring"
)

// parseDSN parses the address of a PostgreSQL server.
func parseDSN(dsn string) (*url.URL, error) {
	u, err := url.Parse(dsn)
	switch {
	case err != nil:
		err = errors.Unwrap(err) // the outer error contains the password
	case u.Scheme != "postgres" && u.Scheme != "postgresql", u.Hostname() == "":
		err = errors.New("it is not of the form postgres://user:password@host:port/database")
	}
	if err != nil {
		return nil, fmt.Errorf("address of a PostgreSQL server: %w", err)
	}
	if u.Port() == "" {
		u.Host += ":5432"
	}
	return u, nil
}

// ofDatabase returns the address of another database on the same server.
func ofDatabase(dsn, name string) (string, error) {
	u, err := parseDSN(dsn)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	q := u.Query()
	q.Del("dbname")
	q.Del("database")
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// ofMongoDatabase returns the URI of another database. It does not use net/url, because a URI may
// have several hosts.
func ofMongoDatabase(uri, name string) (string, error) {
	parsed, err := connstring.ParseAndValidate(uri)
	if err != nil {
		return "", err
	}
	uri, query, _ := strings.Cut(uri, "?")
	scheme, hosts, _ := strings.Cut(uri, "://")
	hosts, _, _ = strings.Cut(hosts, "/")
	if parsed.UsernameSet && !parsed.AuthSourceSet {
		// Without authSource, the server looks for the user in the database of the URI.
		query = strings.TrimPrefix(query+"&authSource="+url.QueryEscape(parsed.AuthSource), "&")
	}
	if query != "" {
		query = "?" + query
	}
	return scheme + "://" + hosts + "/" + name + query, nil
}

// ofMongoHost returns the URI with its hosts replaced by one.
func ofMongoHost(uri, host string) string {
	scheme, rest, _ := strings.Cut(uri, "://")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	user := rest[:strings.LastIndexByte(rest[:end], '@')+1]
	return scheme + "://" + user + host + rest[end:]
}

// mongoURI returns the address of a replica set.
func mongoURI(addrs ...string) string {
	return "mongodb://" + strings.Join(addrs, ",") + "/?replicaSet=" + replicaSet
}

// directURI returns the address of one node, for a connection that does not depend on its replica
// set.
func directURI(addr string) string { return "mongodb://" + addr + "/?directConnection=true" }
