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
)

// Options say how a file is opened; the zero value is what a server wants.
type Options struct {
	// ReadOnly opens a file that is there beside a server that may have it open, for a look or a copy. Units that
	// write are refused, and nothing is migrated.
	ReadOnly bool

	// Readers is how many units can read at once; 0 means four for each processor.
	Readers int
}

// applicationID stands in the header of every file of ours: "CICE".
const applicationID = 0x43494345

// leastVersion is the first of SQLite's versions whose WAL does not lose what was committed when it starts over.
const leastVersion = "3.51.3"

// Open opens the store in a file, which is made where there is none, and brings its tables up to date; it may
// be interrupted and repeated. The folder must be there. Errors: ErrInUse where another server has it open, ErrForeign,
// ErrNewer, ErrNotWritable, and with Options.ReadOnly ErrOutdated; fs.ErrNotExist for no such folder, or file.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	s, err := open(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string, o Options) (*Store, error) {
	real, err := resolve(path, o.ReadOnly)
	if err != nil {
		return nil, err
	}
	if o.Readers < 1 {
		o.Readers = 4 * runtime.GOMAXPROCS(0)
	}
	s := &Store{path: real}
	s.gate = uow.NewGate("sqlite", s.letGo)
	s.readers = newReaders(o.Readers, func(ctx context.Context) (*conn, error) { return connect(ctx, real, toRead) })
	if !o.ReadOnly {
		s.writer = &writer{open: func(ctx context.Context) (*conn, error) { return connect(ctx, real, toWrite) }}
		if s.lock, err = acquireLock(ctx, real); err != nil {
			return nil, explain(err)
		}
		if err := s.prepare(ctx); err != nil {
			return nil, errors.Join(explain(err), s.writer.close(), s.lock.release())
		}
	}
	look := func(*conn) error { return nil } // that a connection opens is all there is to see
	if o.ReadOnly {
		look = func(c *conn) error { return check(ctx, c) }
	}
	if err := s.readers.use(ctx, look); err != nil {
		return nil, errors.Join(explain(err), s.Close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// resolve finds the one path of a file, so that no second server comes to it by another.
func resolve(path string, mustExist bool) (string, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return "", errors.New("a store needs a file: what nobody needs tomorrow is kept by adapters/memory")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(abs)
	if errors.Is(err, os.ErrNotExist) && !mustExist {
		if _, err := os.Lstat(abs); err == nil {
			return "", fmt.Errorf("%s is a link to nowhere", abs)
		}
		folder, err := filepath.EvalSymlinks(filepath.Dir(abs))
		return filepath.Join(folder, filepath.Base(abs)), err
	}
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(real); err != nil || !info.Mode().IsRegular() {
		return "", errors.Join(err, fmt.Errorf("%s is not a file", real))
	}
	return real, nil
}

// prepare makes the file what this version of the program expects, and leaves the writer its connection.
func (s *Store) prepare(ctx context.Context) (err error) {
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
	return migrate(ctx, s.path)
}

// makePrivate makes the file, where there is none, for its owner alone: it will hold password hashes. SQLite
// gives the files beside it the same rights.
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

// claim makes sure that the file is ours or empty, before anything in it is changed. What is empty is stamped before
// anything else, so that an Open that was interrupted finds its own again.
func claim(ctx context.Context, c *conn) error {
	if err := checkLibrary(ctx, c); err != nil {
		return err
	}
	empty, err := find(ctx, c, value((*row).bool), "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)")
	if err != nil {
		return fmt.Errorf("look into the file: %w", err)
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

// check makes sure of a file that is only read that it is ours, and of this program's version.
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
		return fmt.Errorf("ask for SQLite's version: %w", err)
	}
	if olderThan(version, leastVersion) {
		return fmt.Errorf("SQLite %s can lose what it committed: %s or later is needed", version, leastVersion)
	}
	return nil
}

// olderThan compares versions like 3.51.3.
func olderThan(version, least string) bool {
	have, want := strings.Split(version, "."), strings.Split(least, ".")
	for i, w := range want {
		need, _ := strconv.Atoi(w) // of a constant
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

// explain adds to an error of SQLite what an operator can do about it.
func explain(err error) error {
	switch {
	case hasCode(err, codes.SQLITE_NOTADB, codes.SQLITE_CORRUPT):
		return fmt.Errorf("%w: %w", ErrForeign, err)
	case hasCode(err, codes.SQLITE_CANTOPEN, codes.SQLITE_READONLY, codes.SQLITE_PERM):
		return fmt.Errorf("%w: is it there, and may this process write the file and its folder? %w", ErrNotWritable, err)
	}
	return err
}
