package main

import (
	"context"
	"errors"
	"fmt"
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
	open func(ctx context.Context, p place, c wiring.Config) (*wiring.App, error) // for the one server
	look func(ctx context.Context, p place) (ports.Storage, error)                // to read beside a server; nil where nothing outlives it
}

// stores are all that there are. Another one is another line.
var stores = []store{
	{name: "sqlite", form: "sqlite[:PATH]", demo: true, file: sqliteFile, open: openSQLite, look: lookAtSQLite},
	{name: "memory", form: "memory", demo: true, open: openMemory},
}

// place is a store at an address.
type place struct {
	store
	address string
	path    string // of a store that is one file
}

// String names a place for people. It does not repeat the address, which may hold a password.
func (p place) String() string {
	if p.path != "" {
		return p.path
	}
	return p.name
}

func openMemory(ctx context.Context, p place, c wiring.Config) (*wiring.App, error) {
	if p.address != "memory" {
		return nil, errors.New("--store: memory takes no address")
	}
	return memory.New(ctx, c)
}

// findStore tells which store an address names. The error does not repeat the address.
func findStore(address string) (place, error) {
	if address == ":memory:" || address == "sqlite::memory:" { // what SQLite calls a store without a file
		address = "memory"
	}
	name := address
	if end := strings.IndexFunc(address, endsName); end >= 0 {
		name = address[:end]
	}
	for _, s := range stores {
		if s.name != name {
			continue
		}
		p := place{store: s, address: address}
		if s.file == nil {
			return p, nil
		}
		path, err := s.file(address)
		p.path = path
		return p, err
	}
	return place{}, fmt.Errorf("--store: %q is not a kind of store; there are %s", name, storeForms())
}

// findDurable is findStore for commands that need what a server left, or leave something for one.
func findDurable(address string) (place, error) {
	p, err := findStore(address)
	if err == nil && p.look == nil {
		err = fmt.Errorf("--store %s: nothing in it outlives the process that made it, so this needs another store", p.name)
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
