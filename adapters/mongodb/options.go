package mongodb

import (
	"fmt"
	"strings"
	"time"
)

// Options say which database the store is in, and how it is talked to. The zero value is what a server wants.
type Options struct {
	// Database holds the collections; "" means the one that the URI names, or DefaultDatabase. The store touches nothing
	// outside it.
	Database string

	// MaxConns is how many connections are kept to each server at most; 0 means what the URI says (maxPoolSize), else 100.
	MaxConns int

	// CommandTimeout is how long one command may take, the search for a server that can do it included; 0 means 10 s.
	CommandTimeout time.Duration

	// CommitTime is how long a commit whose answer was lost is repeated, before its outcome counts as unknown; 0 means 5 s.
	CommitTime time.Duration

	// QueueTime is how long a unit waits for others of this process that write the same document, before it is a
	// uow.ErrConflict; 0 means 10 s.
	QueueTime time.Duration

	// Exclusive opens the store for this process alone, as a copy needs it: ErrInUse where another has it open, until 15 s
	// after that one was killed.
	Exclusive bool
}

// DefaultDatabase is where the collections are made unless the URI or Options.Database say otherwise.
const DefaultDatabase = "cicerone"

const (
	undoTime  = 2 * time.Second // for the abort of a transaction
	closeTime = 5 * time.Second // for letting go of the connections
	findTime  = 5 * time.Second // for finding a server, where the URI does not say (serverSelectionTimeoutMS)
)

// withDefaults fills in what was left zero; the URI's database is "" where it names none.
func (o Options) withDefaults(ofURI string) (Options, error) {
	for _, d := range []struct {
		name    string
		value   *time.Duration
		usually time.Duration
	}{
		{"CommandTimeout", &o.CommandTimeout, 10 * time.Second},
		{"CommitTime", &o.CommitTime, 5 * time.Second},
		{"QueueTime", &o.QueueTime, 10 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.usually
		}
		if *d.value < time.Millisecond {
			return o, fmt.Errorf("%s is %v: it must be a millisecond or more", d.name, *d.value)
		}
	}
	if o.MaxConns < 0 {
		return o, fmt.Errorf("MaxConns is %d: it cannot be below zero", o.MaxConns)
	}
	if o.Database == "" {
		o.Database = ofURI
	}
	if o.Database == "" {
		o.Database = DefaultDatabase
	}
	if len(o.Database) > 63 || strings.ContainsAny(o.Database, "/\\. \"$*<>:|?\x00") {
		return o, fmt.Errorf("%q cannot be the name of a database", o.Database)
	}
	return o, nil
}
