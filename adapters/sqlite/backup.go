package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Backup copies the store as it is at one moment into a new file, while units of work continue.
// When it returns nil, the copy is on the disk. If the file exists, Backup returns fs.ErrExist.
// Other errors are those of the file system, uow.ErrUnreachable and ctx.Err() (wrapped). If it
// fails, it leaves no file behind.
func (s *Store) Backup(ctx context.Context, path string) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if err := s.backup(ctx, path); err != nil {
		return fmt.Errorf("sqlite: back up to %s: %w", path, err)
	}
	return nil
}

// backup writes to a temporary file next to path, and renames it when it is complete.
func (s *Store) backup(ctx context.Context, path string) (err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return err
	}
	claim, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- the operator names it
	if err != nil {
		return err
	}
	partial := path + ".partial"
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(path), removeIfThere(partial))
		}
	}()
	if err := errors.Join(claim.Close(), removeIfThere(partial)); err != nil {
		return err
	}
	// SQLite fills the empty file, which therefore keeps its permissions: the owner's alone.
	if err := os.WriteFile(partial, nil, 0o600); err != nil {
		return err
	}
	if err := s.vacuumInto(ctx, partial); err != nil {
		return err
	}
	if err := flush(partial); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return err
	}
	return flushFolder(filepath.Dir(path))
}

func (s *Store) vacuumInto(ctx context.Context, path string) (err error) {
	c, err := connect(ctx, s.path, toCopy)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	_, err = c.exec(ctx, "VACUUM INTO ?", path)
	return err
}

// flush flushes a file to the disk.
func flush(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0) // #nosec G304 -- the operator names it
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// flushFolder flushes a folder, and with it a new name, on systems that can do so.
func flushFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(path) // #nosec G304 -- the operator names it
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func removeIfThere(path string) error {
	err := os.Remove(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
