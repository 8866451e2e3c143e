package mongodb

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/ports"
)

// Options configure a store. The zero value suits a server.
type Options struct {
	// Database holds the collections; "" means that of the URI, or DefaultDatabase if the URI has
	// none. The store changes nothing outside it.
	Database string

	// MaxConns is the maximum number of connections to each server; 0 means that of the URI
	// (maxPoolSize), or 100 if the URI has none.
	MaxConns int

	// CommandTimeout limits the duration of a command, including the search for a suitable server;
	// 0 means 10 s, and 2.5 s behind mongos, where one shard may be silent.
	CommandTimeout time.Duration

	// CommitTime limits how long a commit without a response is repeated before its outcome counts
	// as unknown; 0 means 5 s, and 1.5 s behind mongos.
	CommitTime time.Duration

	// QueueTime limits the wait for other units of this process that write the same document; 0
	// means 10 s. The unit then fails with uow.ErrConflict.
	QueueTime time.Duration

	// NoGroupCommit gives each message a transaction of its own. Otherwise messages that are sent while
	// another is being committed wait for it, at most a millisecond, or five while others share a
	// transaction. Up to 64 share the next one. Each is sent or refused for itself.
	NoGroupCommit bool

	// Exclusive opens the store for this process alone, as a copy needs it. Open returns ErrInUse
	// if another process has it open, or was killed in the last 15 s.
	Exclusive bool

	// Progress is called while Migrate fills in existing documents. It may be nil.
	Progress func(ports.Refolded)
}

// DefaultDatabase is the database if neither the URI nor Options.Database names one.
const DefaultDatabase = "cicerone"

// The default times. Behind mongos one shard may be silent while others respond. There a request
// takes at most 5 s: what it waited before, the time of a command, and that of giving up.
const (
	commandTime       = 10 * time.Second
	commandTimeMongos = 2500 * time.Millisecond
	commitTime        = 5 * time.Second
	commitTimeMongos  = 1500 * time.Millisecond
)

const (
	undoTime   = 2 * time.Second         // limit of aborting a transaction
	giveUpTime = 500 * time.Millisecond  // limit of aborting one in which a server was silent
	patience   = 1500 * time.Millisecond // of a unit that waits for others while a shard is silent
	silence    = 30 * time.Second        // how long a shard counts as silent, and its documents as locked
	pieceTime  = 5 * time.Second         // of a transaction of a snapshot behind mongos, before MongoDB 5.0
	closeTime  = 5 * time.Second         // limit of closing the connections
	findTime   = 5 * time.Second         // limit of finding a server, if the URI has no serverSelectionTimeoutMS
)

// withDefaults replaces zero values by the defaults, except those that depend on the server, and
// checks the rest. The URI's database is "" if it names none.
func (o Options) withDefaults(ofURI string) (Options, error) {
	if o.QueueTime == 0 {
		o.QueueTime = 10 * time.Second
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"CommandTimeout", o.CommandTimeout}, {"CommitTime", o.CommitTime}, {"QueueTime", o.QueueTime}} {
		if d.value != 0 && d.value < time.Millisecond {
			return o, fmt.Errorf("%s is %v: it must be a millisecond or more", d.name, d.value)
		}
	}
	if o.MaxConns < 0 {
		return o, fmt.Errorf("MaxConns is %d: it must not be negative", o.MaxConns)
	}
	if o.Database == "" {
		o.Database = ofURI
	}
	if o.Database == "" {
		o.Database = DefaultDatabase
	}
	if o.Progress == nil {
		o.Progress = func(ports.Refolded) {}
	}
	if len(o.Database) > 63 || strings.ContainsAny(o.Database, "/\\. \"$*<>:|?\x00") {
		return o, fmt.Errorf("%q cannot be the name of a database", o.Database)
	}
	return o, nil
}

// forServer sets the times that were left out, once it is known whether the server is a mongos.
func (o Options) forServer(sharded bool) Options {
	command, commit := commandTime, commitTime
	if sharded {
		command, commit = commandTimeMongos, commitTimeMongos
	}
	o.CommandTimeout, o.CommitTime = cmp.Or(o.CommandTimeout, command), cmp.Or(o.CommitTime, commit)
	return o
}
