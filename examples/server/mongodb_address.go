package main

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/x/mongo/driver/connstring"

	adapter "github.com/cicerone-go/cicerone/adapters/mongodb"
)

// mongoDBAddress is the parsed address of a MongoDB store.
type mongoDBAddress struct {
	uri     string // for the adapter: the address without our parameters
	options adapter.Options
	shown   string // the address to print, without user, password and parameters
}

// mongoDBParameters are our parameters of an address, by their names in lower case. All others are
// the driver's. As in every MongoDB address, a time is a number of milliseconds, and the case of a
// name does not matter.
var mongoDBParameters = map[string]func(o *adapter.Options, value string) error{
	"commandtimeoutms": func(o *adapter.Options, value string) error { return readMilliseconds(&o.CommandTimeout, value) },
	"committimeoutms":  func(o *adapter.Options, value string) error { return readMilliseconds(&o.CommitTime, value) },
	"queuetimeoutms":   func(o *adapter.Options, value string) error { return readMilliseconds(&o.QueueTime, value) },
	"groupcommit":      func(o *adapter.Options, value string) error { return readSwitch(&o.NoGroupCommit, false, value) },
}

func readMilliseconds(d *time.Duration, value string) error {
	ms, err := strconv.ParseUint(value, 10, 31)
	if err != nil || ms == 0 {
		return errors.New("must be a number of milliseconds, 1 or more")
	}
	*d = time.Duration(ms) * time.Millisecond // #nosec G115 -- it has 31 bits
	return nil
}

const (
	mongoDBScheme    = connstring.SchemeMongoDB + "://"
	mongoDBSRVScheme = connstring.SchemeMongoDBSRV + "://"
)

// readMongoDB parses mongodb://USER:PASSWORD@HOST:PORT,…/DATABASE?PARAMETERS, or mongodb+srv://…,
// whose DNS records it does not look up. No error contains a text that may be a part of a password.
func readMongoDB(address string) (mongoDBAddress, error) {
	scheme := mongoDBScheme
	rest, found := strings.CutPrefix(address, scheme)
	if !found {
		scheme = mongoDBSRVScheme
		if rest, found = strings.CutPrefix(address, scheme); !found {
			return mongoDBAddress{}, errors.New("a mongodb store has an address like mongodb://USER:PASSWORD@HOST/DATABASE")
		}
	}
	var a mongoDBAddress
	head, parameters := cutMongoDB(rest)
	if strings.Contains(strings.Join(parameters, ""), "@") { // the parameters may be the end of a password
		return mongoDBAddress{}, errMongoDBAddress
	}
	parameters, err := takeMongoDBOurs(parameters, &a.options)
	if err != nil {
		return mongoDBAddress{}, err
	}
	a.uri = withParameters(scheme+head, parameters)
	if scheme == mongoDBSRVScheme { // read as mongodb://, which has no srv parameters, so that no DNS is asked
		parameters = slices.DeleteFunc(slices.Clone(parameters), func(p string) bool { return strings.HasPrefix(strings.ToLower(p), "srv") })
	}
	read, err := connstring.ParseAndValidate(withParameters(mongoDBScheme+head, parameters))
	if err != nil {
		return mongoDBAddress{}, unreadableMongoDB(parameters)
	}
	if unknown := slices.Sorted(maps.Keys(read.UnknownOptions)); len(unknown) > 0 {
		return mongoDBAddress{}, fmt.Errorf("unknown parameter %s", unknown[0])
	}
	a.shown = showMongoDBHosts(scheme, read)
	return a, nil
}

// showMongoDB returns the form of an address to print.
func showMongoDB(address string) (string, error) {
	a, err := readMongoDB(address)
	return a.shown, err
}

// cutMongoDB splits an address before its parameters. Like the driver, it treats the text up to the
// first @ as user and password.
func cutMongoDB(address string) (head string, parameters []string) {
	user := strings.Index(address, "@") + 1
	rest, query, _ := strings.Cut(address[user:], "?")
	parameters = strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' })
	return address[:user] + rest, parameters
}

func withParameters(address string, parameters []string) string {
	if len(parameters) == 0 {
		return address
	}
	return address + "?" + strings.Join(parameters, "&")
}

// takeMongoDBOurs sets the options from our parameters and returns the other ones.
func takeMongoDBOurs(parameters []string, o *adapter.Options) (others []string, err error) {
	for _, p := range parameters {
		name, value, _ := strings.Cut(p, "=")
		read, ours := mongoDBParameters[strings.ToLower(name)]
		if !ours {
			others = append(others, p)
			continue
		}
		if err := read(o, value); err != nil {
			return nil, fmt.Errorf("the parameter %s: %w", name, err)
		}
	}
	return others, nil
}

// unreadableMongoDB returns the error for an address that the driver cannot parse. It names the
// invalid parameter if it can do so without a part of a password.
func unreadableMongoDB(parameters []string) error {
	harmless := slices.DeleteFunc(slices.Clone(parameters), func(p string) bool {
		name, _, _ := strings.Cut(strings.ToLower(p), "=")
		return strings.Contains(name, "password") || name == "authmechanismproperties"
	})
	if _, err := connstring.ParseAndValidate(withParameters(mongoDBScheme+"localhost/", harmless)); err != nil {
		return err
	}
	return errMongoDBAddress
}

var errMongoDBAddress = errors.New("the address must be like mongodb://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETERS, with the / before the ?; " +
	"in user, password and parameters, write : / ? # @ and % as %3A %2F %3F %23 %40 and %25")

// showMongoDBHosts returns the address of a store with its hosts and database only. The hosts are
// sorted, so that two addresses that differ only in their order have one form.
func showMongoDBHosts(scheme string, read *connstring.ConnString) string {
	hosts := make([]string, len(read.RawHosts))
	for i, host := range read.RawHosts {
		hosts[i] = strings.ToLower(host)
		switch {
		case strings.Contains(host, "/"): // a socket
			hosts[i] = url.PathEscape(host)
		case scheme == mongoDBScheme && !strings.Contains(host[strings.LastIndex(host, "]")+1:], ":"):
			hosts[i] += ":27017"
		}
	}
	slices.Sort(hosts)
	database := read.Database
	if database == "" {
		database = adapter.DefaultDatabase
	}
	return scheme + strings.Join(hosts, ",") + "/" + database
}
