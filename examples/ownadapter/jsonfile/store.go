// Package jsonfile is an example of a store outside of this module's adapters. It keeps its data in
// one JSON file, which it writes as a whole at each change, so it is for small communities. It
// passes the conformance kit that the adapters pass.
//
// It shows two things. A store can be built on another one: reads, rules and rollback are those of
// adapters/memory. And ports.Rows reads and writes the rows of all tables, so that a store that
// only keeps rows needs no code for each entity. A store over another database implements one
// repository after the other, in the order that ports/porttest/README.md recommends.
package jsonfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// Store is a ports.Storage in one file. Only one Store may use a file at a time.
type Store struct {
	memory  *memory.Store
	path    string
	writing chan struct{} // held by the one unit that writes
	onDisk  []byte        // the content of the file; used only while writing is held
}

var _ ports.Storage = (*Store)(nil)

// Open reads the store in a file. If the file does not exist, the store is empty, and the first
// write creates the file.
func Open(ctx context.Context, path string) (*Store, error) {
	s := &Store{memory: memory.New(), path: path, writing: make(chan struct{}, 1)}
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return nil, fmt.Errorf("open a store: %w", err)
	}
	err = s.memory.Run(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error {
		return decode(ctx, content, tx.Rows())
	})
	if err != nil {
		return nil, fmt.Errorf("read the store in %s: %w", path, err)
	}
	s.onDisk = content
	return s, nil
}

// Run implements uow.Runner. The last step of a unit that writes is to write the file, so that
// every acknowledged change is on disk.
func (s *Store) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	if mode != uow.Write {
		return s.memory.Run(ctx, mode, fn)
	}
	select {
	case s.writing <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for another unit: %w", ctx.Err())
	}
	defer func() { <-s.writing }()

	before, written := s.onDisk, false
	err := s.memory.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		content, err := encode(ctx, tx.Rows())
		if err != nil {
			return err
		}
		written = true
		return s.replace(content)
	})
	if err != nil && written { // the unit failed after the file was written: restore it
		err = errors.Join(err, s.replace(before))
	}
	return err
}

// replace replaces the content of the file. After a crash the file has the old content or the new
// one.
func (s *Store) replace(content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*")
	if err != nil {
		return unreachable(err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // fails if the file was renamed
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(s.path)) // make the rename durable
	}
	if err != nil {
		return unreachable(err)
	}
	s.onDisk = content
	return nil
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func unreachable(err error) error {
	return fmt.Errorf("write the store's file: %w", uow.ErrUnreachable.Wrap(err))
}

// Ping implements ports.Storage. It returns uow.ErrUnreachable if the folder does not exist.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := os.Stat(filepath.Dir(s.path)); err != nil {
		return uow.ErrUnreachable.Wrap(err)
	}
	return s.memory.Ping(ctx)
}

// Close implements ports.Storage.
func (s *Store) Close(ctx context.Context) error { return s.memory.Close(ctx) }
