package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	codes "modernc.org/sqlite/lib"

	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// Options configure a store. The zero value suits a server.
type Options struct {
	// ReadOnly opens an existing file, which a server may have open, to inspect or copy it. Units
	// that write return uow.ErrReadOnly, and Open runs no migration.
	ReadOnly bool

	// Readers is the number of units that can read concurrently; 0 means four for each processor.
	Readers int

	// Progress is called while Open makes texts of existing rows again, which only the first Open
	// after an update of the program does. It may be nil.
	Progress func(ports.Refolded)
}

// applicationID is in the header of every file of this package: "CICE".
const applicationID = 0x43494345

// leastVersion is the first version of SQLite that does not lose committed data when the WAL is
// reset.
const leastVersion = "3.51.3"

// Open opens the store in a file, creates the file if it does not exist, and brings its tables up
// to date. It may be interrupted and run again. The folder must exist.
//
// Open returns ErrInUse if another server has the store open, ErrForeign, ErrNewer, ErrNotWritable,
// with Options.ReadOnly ErrOutdated, and fs.ErrNotExist if there is no such folder, or with
// Options.ReadOnly no such file.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	s, err := open(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string, o Options) (*Store, error) {
	resolved, err := resolve(path, o.ReadOnly)
	if err != nil {
		return nil, err
	}
	if o.Readers < 1 {
		o.Readers = 4 * runtime.GOMAXPROCS(0)
	}
	if o.Progress == nil {
		o.Progress = func(ports.Refolded) {}
	}
	s := &Store{path: resolved}
	s.gate = uow.NewGate("sqlite", s.release)
	s.readers = newReaders(o.Readers, func(ctx context.Context) (*conn, error) { return connect(ctx, resolved, toRead) })
	if !o.ReadOnly {
		s.writer = &writer{open: func(ctx context.Context) (*conn, error) { return connect(ctx, resolved, toWrite) }}
		if s.lock, err = acquireLock(ctx, resolved); err != nil {
			return nil, explain(err)
		}
		if err := s.prepare(ctx, o.Progress); err != nil {
			return nil, errors.Join(explain(err), s.writer.close(), s.lock.release())
		}
	}
	look := func(*conn) error { return nil } // to open a connection is check enough
	if o.ReadOnly {
		look = func(c *conn) error { return check(ctx, c) }
	}
	if err := s.readers.use(ctx, look); err != nil {
		return nil, errors.Join(explain(err), s.Close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// resolve returns the file's path without symbolic links, so that no second server opens it by
// another path.
func resolve(path string, mustExist bool) (string, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return "", errors.New("the store needs a file; for a store in memory use adapters/memory")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(abs)
	if errors.Is(err, os.ErrNotExist) && !mustExist {
		if _, err := os.Lstat(abs); err == nil {
			return "", fmt.Errorf("%s is a broken link", abs)
		}
		folder, err := filepath.EvalSymlinks(filepath.Dir(abs))
		return filepath.Join(folder, filepath.Base(abs)), err
	}
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(resolved); err != nil || !info.Mode().IsRegular() {
		return "", errors.Join(err, fmt.Errorf("%s is not a file", resolved))
	}
	return resolved, nil
}

// prepare brings the file up to date for this program, and opens the writer's connection.
func (s *Store) prepare(ctx context.Context, progress func(ports.Refolded)) (err error) {
	if err := makePrivate(s.path); err != nil {
		return err
	}
	c, err := connect(ctx, s.path, toLook)
	if err != nil {
		return err
	}
	s.writer.conn = c
	if err := claim(ctx, c); err != nil {
		return err
	}
	if err := c.setAll(ctx, toWrite.pragmas); err != nil {
		return err
	}
	if err := checkVersion(ctx, c); !errors.Is(err, ErrOutdated) {
		return err
	}
	if err := migrate(ctx, s.path); err != nil {
		return err
	}
	if err := refold(ctx, c, progress); err != nil {
		return err
	}
	if err := fillActivity(ctx, c); err != nil {
		return fmt.Errorf("find the latest message of each conversation: %w", err)
	}
	if err := fillNumbers(ctx, c); err != nil {
		return fmt.Errorf("number the interests of each profile: %w", err)
	}
	return s.sealBefore(ctx, c)
}

// makePrivate creates a missing file with permissions for its owner only, because it will hold
// password hashes. SQLite gives the files next to it the same permissions.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- the operator names it
	switch {
	case errors.Is(err, os.ErrExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	return f.Close()
}

// claim returns an error if the file belongs to another program, before it changes anything. It
// stamps an empty file before any other change, so that an interrupted Open recognises the file
// later.
func claim(ctx context.Context, c *conn) error {
	if err := checkLibrary(ctx, c); err != nil {
		return err
	}
	empty, err := find(ctx, c, value((*row).bool), "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)")
	if err != nil {
		return fmt.Errorf("inspect the file: %w", err)
	}
	stamp, err := readStamp(ctx, c)
	switch {
	case err != nil:
		return err
	case stamp != applicationID && (stamp != 0 || !empty):
		return ErrForeign
	}
	if readOnly, err := c.isReadOnly(); err != nil || readOnly {
		return errors.Join(err, ErrNotWritable)
	}
	if stamp == 0 {
		if _, err := c.exec(ctx, "PRAGMA application_id = "+strconv.Itoa(applicationID)); err != nil {
			return fmt.Errorf("stamp the file: %w", err)
		}
	}
	return nil
}

func readStamp(ctx context.Context, c *conn) (int64, error) {
	stamp, err := find(ctx, c, value((*row).int), "PRAGMA application_id")
	if err != nil {
		return 0, fmt.Errorf("read application_id: %w", err)
	}
	return stamp, nil
}

// check returns an error unless a file that is opened read-only is a store of this program's
// version.
func check(ctx context.Context, c *conn) error {
	if err := checkLibrary(ctx, c); err != nil {
		return err
	}
	stamp, err := readStamp(ctx, c)
	if err != nil {
		return err
	}
	if stamp != applicationID {
		return ErrForeign
	}
	return checkVersion(ctx, c)
}

func checkLibrary(ctx context.Context, c *conn) error {
	version, err := find(ctx, c, value((*row).text), "SELECT sqlite_version()")
	if err != nil {
		return fmt.Errorf("read SQLite's version: %w", err)
	}
	if olderThan(version, leastVersion) {
		return fmt.Errorf("SQLite %s can lose committed data: version %s or later is needed", version, leastVersion)
	}
	return nil
}

// olderThan compares versions such as 3.51.3.
func olderThan(version, least string) bool {
	have, want := strings.Split(version, "."), strings.Split(least, ".")
	for i, w := range want {
		need, _ := strconv.Atoi(w) // the parts of a constant are numbers
		if i >= len(have) {
			return true
		}
		n, err := strconv.Atoi(have[i])
		if err != nil || n != need {
			return err != nil || n < need
		}
	}
	return false
}

// explain adds advice for the operator to an error of SQLite.
func explain(err error) error {
	switch {
	case hasCode(err, codes.SQLITE_NOTADB, codes.SQLITE_CORRUPT):
		return fmt.Errorf("%w: %w", ErrForeign, err)
	case hasCode(err, codes.SQLITE_CANTOPEN, codes.SQLITE_READONLY, codes.SQLITE_PERM):
		return fmt.Errorf("%w: check that it exists, and that this process may write it and its folder: %w",
			ErrNotWritable, err)
	}
	return err
}
