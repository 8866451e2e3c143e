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

// sqliteFile returns the path of the file of an address sqlite or sqlite:PATH.
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
		return "", errors.New("a sqlite store is sqlite or, with the path of a file, sqlite:PATH")
	}
	folder, err := dataFolder()
	if err != nil {
		return "", fmt.Errorf("find the user's data folder (sqlite:PATH needs none): %w", err)
	}
	return filepath.Join(folder, "cicerone", "cicerone.db"), nil
}

// dataFolder returns the folder in which the programs of a user keep their data.
func dataFolder() (string, error) {
	if named := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(named) { // the XDG specification ignores relative paths
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

// openSQLite opens the file, or creates it. It keeps the key of access tokens in a second file next
// to it, unless the operator has set --access-key.
func openSQLite(ctx context.Context, p place, c wiring.Config) (*wiring.App, error) {
	if err := makeFolder(p); err != nil {
		return nil, err
	}
	if file, err := os.Stat(p.path); err == nil && !file.IsDir() { // for other errors, see below
		if err := checkPrivate(p.path, file); err != nil {
			return nil, fmt.Errorf("%s: %w", p.flag, err)
		}
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
	if err := saveKey(keyFile, key); err != nil { // only after the store was opened: a path that is no store gets no key
		return nil, errors.Join(err, closeApp(app))
	}
	return app, nil
}

func newSQLite(ctx context.Context, p place, c wiring.Config) (*wiring.App, error) {
	app, err := sqlite.New(ctx, p.path, c)
	if errors.Is(err, adapter.ErrInUse) {
		err = fmt.Errorf("%w: stop that server first, or use another file with --store sqlite:PATH", err)
	}
	return app, err
}

// makeFolder creates the folder of the default file. The folder of a PATH must exist.
func makeFolder(p place) error {
	if p.address != "sqlite" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(p.path), 0o700); err != nil {
		return fmt.Errorf("%s: create the folder of the store: %w", p.flag, err)
	}
	return nil
}

// migrateSQLite updates the tables of an existing file, which a server would do when it opens it.
func migrateSQLite(ctx context.Context, p place, progress func(ports.Refolded)) error {
	if _, err := os.Stat(p.path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: the store does not exist yet, and a server makes it: %w", p.flag, err)
	}
	s, err := adapter.Open(ctx, p.path, adapter.Options{Progress: progress})
	if errors.Is(err, adapter.ErrInUse) {
		err = fmt.Errorf("%w: that server has updated it", err)
	}
	if err != nil {
		return err
	}
	return s.Close(context.WithoutCancel(ctx))
}

// lookAtSQLite opens an existing file for reading. A server may have it open.
func lookAtSQLite(ctx context.Context, p place) (ports.Storage, error) {
	s, err := adapter.Open(ctx, p.path, adapter.Options{ReadOnly: true})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: the store does not exist yet: %w", p.flag, err)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// copyFromSQLite opens an existing file for exclusive use. It opens the file for reading first,
// which fails if the schema has another version: opening it for writing would update it.
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

// copyIntoSQLite opens a file for exclusive use, or creates it.
func copyIntoSQLite(ctx context.Context, p place) (ports.Storage, error) {
	if err := makeFolder(p); err != nil {
		return nil, err
	}
	return takeSQLite(ctx, p)
}

func takeSQLite(ctx context.Context, p place) (ports.Storage, error) {
	s, err := adapter.Open(ctx, p.path, adapter.Options{})
	if errors.Is(err, adapter.ErrInUse) {
		return nil, fmt.Errorf("%s: %w: stop that server first", p.flag, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.flag, err)
	}
	return s, nil
}
