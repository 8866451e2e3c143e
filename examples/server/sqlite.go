package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	adapter "github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/sqlite"
)

// sqliteFile is the file that an address of the embedded store names.
func sqliteFile(address string) (string, error) {
	path, named := strings.CutPrefix(address, "sqlite:")
	switch {
	case named && path != "":
		file, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		return file, nil
	case address != "sqlite":
		return "", errors.New("sqlite takes the path of a file, like sqlite:PATH")
	}
	folder, err := dataFolder()
	if err != nil {
		return "", fmt.Errorf("find the user's data folder (sqlite:PATH goes without): %w", err)
	}
	return filepath.Join(folder, "cicerone", "cicerone.db"), nil
}

// dataFolder is where the programs of a user keep their data.
func dataFolder() (string, error) {
	if named := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(named) { // others are to be ignored
		return named, nil
	}
	if runtime.GOOS == "windows" {
		return os.UserCacheDir() // %LocalAppData%, which holds more than caches
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support"), nil
	}
	return filepath.Join(home, ".local", "share"), nil
}

// openSQLite opens the file, and makes it where there is none. What signs access tokens is kept beside it,
// unless the operator says what does.
func openSQLite(ctx context.Context, p place, c wiring.Config) (*wiring.App, error) {
	if err := makeFolder(p); err != nil {
		return nil, err
	}
	if len(c.Access.Keys) > 0 {
		return newSQLite(ctx, p, c)
	}
	keyFile := p.path + ".key"
	key, found, err := readKey(keyFile)
	if err != nil {
		return nil, err
	}
	c.Access.Keys = [][]byte{key}
	app, err := newSQLite(ctx, p, c)
	if err != nil || found {
		return app, err
	}
	if err := saveKey(keyFile, key); err != nil { // now that the store is known to be ours
		return nil, errors.Join(err, closeApp(app))
	}
	return app, nil
}

func newSQLite(ctx context.Context, p place, c wiring.Config) (*wiring.App, error) {
	app, err := sqlite.New(ctx, p.path, c)
	if errors.Is(err, adapter.ErrInUse) {
		err = fmt.Errorf("%w: stop that one first, or take another file with --store sqlite:PATH", err)
	}
	return app, err
}

// makeFolder makes the folder of the file that nobody named: another one is its owner's to make.
func makeFolder(p place) error {
	if p.address != "sqlite" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(p.path), 0o700); err != nil {
		return fmt.Errorf("%s: make the folder of the store: %w", p.flag, err)
	}
	return nil
}

// lookAtSQLite opens a file that is there, which a server may have open.
func lookAtSQLite(ctx context.Context, p place) (ports.Storage, error) {
	s, err := adapter.Open(ctx, p.path, adapter.Options{ReadOnly: true})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no store yet: %w", p.flag, err)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// copyFromSQLite opens a file that is there, and that this version of the program made: opening it as a server does
// would change another one. What it does do as a server does is to keep servers off.
func copyFromSQLite(ctx context.Context, p place) (ports.Storage, error) {
	s, err := lookAtSQLite(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := s.Close(ctx); err != nil {
		return nil, err
	}
	return takeSQLite(ctx, p)
}

// copyIntoSQLite opens a file, and makes it where there is none.
func copyIntoSQLite(ctx context.Context, p place) (ports.Storage, error) {
	if err := makeFolder(p); err != nil {
		return nil, err
	}
	return takeSQLite(ctx, p)
}

func takeSQLite(ctx context.Context, p place) (ports.Storage, error) {
	s, err := adapter.Open(ctx, p.path, adapter.Options{})
	if errors.Is(err, adapter.ErrInUse) {
		return nil, fmt.Errorf("%s: %w: stop that one first", p.flag, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.flag, err)
	}
	return s, nil
}
