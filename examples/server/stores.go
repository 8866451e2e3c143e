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

// store is one kind of store that the server can keep everything in.
type store struct {
	name string // how --store begins, up to what is no letter, digit, + or -
	form string // the whole of it, as help and errors show it
	demo bool   // an empty one is filled with demo data, unless told otherwise

	file func(address string) (string, error)                                     // of a store that is one file
	show func(address string) (string, error)                                     // of any other that has an address: without secrets
	open func(ctx context.Context, p place, c wiring.Config) (*wiring.App, error) // for a server

	// Of a store that outlives the server; nil where nothing does. from and into keep every server off the store until it
	// is closed, and fail where one is on it.
	look func(ctx context.Context, p place) (ports.Storage, error) // to read one that is there, beside a server
	from func(ctx context.Context, p place) (ports.Storage, error) // to copy one that is there, which is not changed
	into func(ctx context.Context, p place) (ports.Storage, error) // to copy into one, which is made where there is none

	migrate func(ctx context.Context, p place) error // nil where open does so itself
	backup  string                                   // the tool for what server backup does not do
}

// stores are all that there are. Another one is another line.
var stores = []store{
	{name: "sqlite", form: "sqlite[:PATH]", demo: true, file: sqliteFile, open: openSQLite, look: lookAtSQLite, from: copyFromSQLite, into: copyIntoSQLite},
	{name: "postgres", form: "postgres://USER@HOST/DATABASE", show: showPostgres, open: openPostgres, look: lookAtPostgres, from: takePostgres, into: copyIntoPostgres,
		migrate: migratePostgres, backup: "pg_dump"},
	{name: "mongodb", form: "mongodb://USER@HOST/DATABASE", show: showMongoDB, open: openMongoDB, look: lookAtMongoDB, from: takeMongoDB, into: copyIntoMongoDB,
		migrate: migrateMongoDB, backup: "mongodump"},
	{name: "memory", form: "memory", demo: true, open: openMemory},
}

// place is a store at an address.
type place struct {
	store
	flag    string // that named it, for errors
	address string
	path    string // of a store that is one file
	shown   string // the address for people, where there is one: the path, or what show makes of it
}

// String names a place for people. It does not repeat the address, which may hold a password.
func (p place) String() string {
	if p.shown != "" {
		return p.shown
	}
	return p.name
}

// same reports whether two places are known to be one. Where one store has several addresses, that it lets in
// only one of two who want it for themselves does the rest.
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
		return nil, fmt.Errorf("%s: memory takes no address", p.flag)
	}
	return memory.New(ctx, c)
}

// findStore tells which store an address names, that a flag holds. The error does not repeat the address.
func findStore(flag, address string) (place, error) {
	if address == ":memory:" || address == "sqlite::memory:" { // what SQLite calls a store without a file
		address = "memory"
	}
	if rest, ok := strings.CutPrefix(address, "postgresql:"); ok { // libpq takes both
		address = "postgres:" + rest
	}
	name := address
	if end := strings.IndexFunc(address, endsName); end >= 0 {
		name = address[:end]
	}
	name = strings.TrimSuffix(name, "+srv") // of MongoDB's addresses, one whose hosts are found in the DNS
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
	return place{}, fmt.Errorf("%s: %q is not a kind of store; there are %s", flag, name, storeForms())
}

// findDurable is findStore for commands that need what a server left, or leave something for one.
func findDurable(flag, address string) (place, error) {
	p, err := findStore(flag, address)
	if err == nil && p.look == nil {
		err = fmt.Errorf("%s %s: nothing in it outlives the process that made it, so this needs another store", flag, p.name)
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
