package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/memory"
)

// store is one kind of store that the server can keep everything in.
type store struct {
	name    string // how --store begins, up to what is no letter, digit, + or -
	form    string // the whole of it, as help and errors show it
	open    func(ctx context.Context, address string, c wiring.Config) (*wiring.App, error)
	demo    bool // an empty one is filled with demo data, unless told otherwise
	durable bool // it outlives the process
}

// stores are all that there are. Another one is another line.
var stores = []store{
	{name: "memory", form: "memory", open: openMemory, demo: true},
}

func openMemory(ctx context.Context, address string, c wiring.Config) (*wiring.App, error) {
	if address != "memory" {
		return nil, errors.New("--store: memory takes no address")
	}
	return memory.New(ctx, c)
}

// findStore tells which kind of store an address names. The error does not repeat the address, which may
// hold a password.
func findStore(address string) (store, error) {
	name := address
	if end := strings.IndexFunc(address, endsName); end >= 0 {
		name = address[:end]
	}
	for _, s := range stores {
		if s.name == name {
			return s, nil
		}
	}
	return store{}, fmt.Errorf("--store: %q is not a kind of store; there are %s", name, storeForms())
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
