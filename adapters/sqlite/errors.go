package sqlite

import (
	"context"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
)

// Why a file is not opened.
var (
	// ErrInUse is a file that another server has open.
	ErrInUse = errors.New("another server has this store open")

	// ErrForeign is a file that is no SQLite database, or one that another program made.
	ErrForeign = errors.New("the file is not a Cicerone store")

	// ErrNewer is a file that a later version of this program has changed.
	ErrNewer = errors.New("the store was made by a newer version of Cicerone")

	// ErrOutdated is a file that is opened to be read only, and that needs a server to bring it up to date.
	ErrOutdated = errors.New("the store was made by an older version of Cicerone: start a server on it once")

	// ErrNotWritable is a file or a folder that this process may not write.
	ErrNotWritable = errors.New("the store cannot be written")
)

// translate says what an error of the driver means: a fault of package uow where there is one, else a
// failure that nobody expected. It goes by SQLite's result codes, never by text.
func translate(err error) error {
	failed, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch primary(failed) {
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return uow.ErrConflict.Wrap(err)
	case codes.SQLITE_FULL, codes.SQLITE_IOERR, codes.SQLITE_CANTOPEN, codes.SQLITE_READONLY,
		codes.SQLITE_PERM, codes.SQLITE_PROTOCOL, codes.SQLITE_NOMEM:
		return uow.ErrUnreachable.Wrap(err)
	case codes.SQLITE_INTERRUPT:
		return fmt.Errorf("%w: %w", context.Canceled, err)
	case codes.SQLITE_CONSTRAINT:
		return fmt.Errorf("a rule of the store refuses it: %w", err)
	}
	return err
}

// translateCommit looks again at what translate made of a failed commit. Where the disk failed under it, the last bytes may have arrived
// all the same, and be found by whoever opens the file after a crash.
func translateCommit(err error) error {
	if failed, ok := errors.AsType[*sqlite.Error](err); ok && primary(failed) == codes.SQLITE_IOERR {
		return uow.ErrOutcomeUnknown.Wrap(failed)
	}
	return err
}

// primary is the result code without what SQLite adds to it.
func primary(err *sqlite.Error) int { return err.Code() & 0xff }

// hasCode reports whether an error of the driver is of one of these kinds.
func hasCode(err error, wanted ...int) bool {
	failed, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	for _, code := range wanted {
		if primary(failed) == code {
			return true
		}
	}
	return false
}

// errBatchLost is for units that had to be undone because the transaction that they shared failed in
// another unit's hands.
var errBatchLost = fmt.Errorf("sqlite: the transaction shared with another unit failed: %w", uow.ErrConflict)

func notFound(what string) error { return fmt.Errorf("%s: %w", what, fault.NotFound) }

// orNotFound turns find's errNone into the fault that callers know.
func orNotFound(err error, what string) error {
	if errors.Is(err, errNone) {
		return notFound(what)
	}
	return err
}
