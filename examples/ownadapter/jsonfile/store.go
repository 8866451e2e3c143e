// Package jsonfile is an example of a store of one's own: everything is in one JSON file, for
// communities that are small enough to be written whole at each change, and for people who like to
// read their data. It lives outside Cicerone's adapters, as yours would, and passes the same kit.
//
// It shows two things: that a store may stand on another one (the reading, the rules and the rollback are
// those of adapters/memory), and what ports.Rows is for (rows come out and go in verbatim, so a store
// that only keeps them needs no word of the domain). A store that stands on a database of its own is written
// repository by repository, in the order that ports/porttest/README.md recommends.
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

// Store is a ports.Storage in one file. Only one Store may have a file at a time.
type Store struct {
	memory  *memory.Store
	path    string
	writing chan struct{} // held by the one unit that writes
	onDisk  []byte        // what the file holds; touched only while writing is held
}

var _ ports.Storage = (*Store)(nil)

// Open reads the store in a file, or begins a new one where there is none.
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

// Run implements uow.Runner. The file is written as the last step of a unit, so that what is
// acknowledged is on disk, and what is on disk was acknowledged or about to be.
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
	if err != nil && written { // cancelled at the very last: the file goes back, too
		err = errors.Join(err, s.replace(before))
	}
	return err
}

// replace puts new content in the file's place: a crash leaves the one or the other, whole.
func (s *Store) replace(content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*")
	if err != nil {
		return unreachable(err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it is gone once it was renamed
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(s.path)) // the rename itself has to last
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

// Ping implements ports.Storage: the folder must be there.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := os.Stat(filepath.Dir(s.path)); err != nil {
		return uow.ErrUnreachable.Wrap(err)
	}
	return s.memory.Ping(ctx)
}

// Close implements ports.Storage.
func (s *Store) Close(ctx context.Context) error { return s.memory.Close(ctx) }
