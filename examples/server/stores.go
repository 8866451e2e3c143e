package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/memory"
)

// store describes a kind of store.
type store struct {
	name string // the beginning of --store: all letters, digits, + and -
	form string // the form of --store that help and errors show
	demo bool   // whether an empty store is filled with demo data by default

	file func(address string) (string, error)                                     // returns the path; nil unless the store is one file
	show func(address string) (string, error)                                     // returns the address to print, without secrets; nil if there is none
	open func(ctx context.Context, p place, c wiring.Config) (*wiring.App, error) // for a server

	// These are nil if the data ends with the process. from and into open a store for exclusive
	// use, and fail if a server has it open.
	look func(ctx context.Context, p place) (ports.Storage, error) // opens an existing store for reading; a server may have it open
	from func(ctx context.Context, p place) (ports.Storage, error) // opens an existing store to copy from, and does not change it
	into func(ctx context.Context, p place) (ports.Storage, error) // opens a store to copy into, and creates it if necessary

	migrate func(ctx context.Context, p place, progress func(ports.Refolded)) error
	backup  string // the tool to use instead of server backup
}

// stores are all kinds of stores.
var stores = []store{
	{name: "sqlite", form: "sqlite[:PATH]", demo: true, file: sqliteFile, open: openSQLite, look: lookAtSQLite, from: copyFromSQLite, into: copyIntoSQLite,
		migrate: migrateSQLite},
	{name: "postgres", form: "postgres://USER@HOST/DATABASE", show: showPostgres, open: openPostgres, look: lookAtPostgres, from: takePostgres, into: copyIntoPostgres,
		migrate: migratePostgres, backup: "pg_dump"},
	{name: "mongodb", form: "mongodb://USER@HOST/DATABASE", show: showMongoDB, open: openMongoDB, look: lookAtMongoDB, from: takeMongoDB, into: copyIntoMongoDB,
		migrate: migrateMongoDB, backup: "mongodump"},
	{name: "memory", form: "memory", demo: true, open: openMemory},
}

// defaultStore is the address of the store if none is given.
const defaultStore = "sqlite"

// place is a store at an address.
type place struct {
	store
	flag    string // the flag that holds the address, for errors
	address string
	path    string // empty unless the store is one file
	shown   string // the address to print: the path, the result of show, or empty
}

// String returns a name to print. It is not the address, which may hold a password.
func (p place) String() string {
	if p.shown != "" {
		return p.shown
	}
	return p.name
}

// same reports whether two places are known to be one store. It may miss a store with several
// addresses. A copy of such a store into itself then fails, because the store cannot be opened
// twice for exclusive use.
func (p place) same(other place) bool {
	if p.path == "" || other.path == "" {
		return p.String() == other.String()
	}
	if p.path == other.path {
		return true
	}
	a, err := os.Stat(p.path)
	if err != nil {
		return false
	}
	b, err := os.Stat(other.path)
	return err == nil && os.SameFile(a, b)
}

func openMemory(ctx context.Context, p place, c wiring.Config) (*wiring.App, error) {
	if p.address != "memory" {
		return nil, fmt.Errorf("%s: a memory store has no address", p.flag)
	}
	return memory.New(ctx, c)
}

// findStore returns the store that an address names. flag is the flag that holds the address.
// Errors do not contain the address.
func findStore(flag, address string) (place, error) {
	if address == ":memory:" || address == "sqlite::memory:" { // SQLite's names of a database without a file
		address = "memory"
	}
	if rest, ok := strings.CutPrefix(address, "postgresql:"); ok { // libpq accepts both
		address = "postgres:" + rest
	}
	name := address
	if end := strings.IndexFunc(address, endsName); end >= 0 {
		name = address[:end]
	}
	name = strings.TrimSuffix(name, "+srv") // a MongoDB address whose hosts are in the DNS
	for _, s := range stores {
		if s.name != name {
			continue
		}
		p := place{store: s, flag: flag, address: address}
		var err error
		switch {
		case s.file != nil:
			p.path, err = s.file(address)
			p.shown = p.path
		case s.show != nil:
			p.shown, err = s.show(address)
		}
		if err != nil {
			return place{}, fmt.Errorf("%s: %w", flag, err)
		}
		return p, nil
	}
	return place{}, fmt.Errorf("%s: %q is not a kind of store; the kinds are %s", flag, name, storeForms())
}

// findDurable returns the store of a flag, whose value or file is given, for the commands that need
// a store whose data outlives the process.
func findDurable(flag string, given *string, file string) (place, error) {
	address, err := secret(flag, given, file, defaultStore)
	if err != nil {
		return place{}, err
	}
	p, err := findStore(flag, address)
	if err == nil && p.look == nil {
		err = fmt.Errorf("%s %s: its data is lost when the process ends; this command needs another store", flag, p.name)
	}
	return p, err
}

func endsName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '+' || r == '-')
}

func storeForms() string {
	forms := make([]string, len(stores))
	for i, s := range stores {
		forms[i] = s.form
	}
	return strings.Join(forms, ", ")
}
