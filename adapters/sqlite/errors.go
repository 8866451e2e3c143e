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

// The errors of Open.
var (
	// ErrInUse is returned if another server has the file open.
	ErrInUse = errors.New("another server has this store open")

	// ErrForeign is returned if the file is not a SQLite database, or belongs to another program.
	ErrForeign = errors.New("the file is not a Cicerone store")

	// ErrNewer is returned if a later version of Cicerone has changed the file.
	ErrNewer = errors.New("the store was made by a newer version of Cicerone")

	// ErrOutdated is returned with Options.ReadOnly if a server must first bring the file up to
	// date.
	ErrOutdated = errors.New("the store was made by an older version of Cicerone: start a server on it once")

	// ErrNotWritable is returned if this process may not write the file or its folder.
	ErrNotWritable = errors.New("the store cannot be written")
)

// translate maps an error of the driver to a fault of package uow, or returns it unchanged. It
// decides by SQLite's result codes, never by text.
func translate(err error) error {
	failed, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	if v, ok := verdicts[primary(failed)]; ok {
		return v(err)
	}
	return err // the unit would fail again
}

// verdict turns an error of SQLite into the error that the unit returns.
type verdict func(error) error

func conflict(err error) error    { return uow.ErrConflict.Wrap(err) }    // the unit may succeed if it runs again
func unreachable(err error) error { return uow.ErrUnreachable.Wrap(err) } // the unit may succeed later
func stopped(err error) error     { return fmt.Errorf("%w: %w", context.Canceled, err) }
func broken(err error) error      { return fmt.Errorf("breaks a rule of the store: %w", err) }

// verdicts lists SQLite's primary result codes. All others are defects of the program or the file.
// After a failed commit the outcome is known, except with SQLITE_IOERR: see translateCommit.
var verdicts = map[int]verdict{
	codes.SQLITE_ABORT:      conflict, // the transaction was rolled back during the statement
	codes.SQLITE_BUSY:       conflict, // another connection writes, or has written since this one's snapshot
	codes.SQLITE_LOCKED:     conflict,
	codes.SQLITE_SCHEMA:     conflict, // the schema changed more often than SQLite prepares a statement again
	codes.SQLITE_CANTOPEN:   unreachable,
	codes.SQLITE_FULL:       unreachable,
	codes.SQLITE_IOERR:      unreachable,
	codes.SQLITE_NOMEM:      unreachable,
	codes.SQLITE_PERM:       unreachable,
	codes.SQLITE_PROTOCOL:   unreachable, // SQLite gave up after ten seconds of trying to lock the log
	codes.SQLITE_READONLY:   unreachable,
	codes.SQLITE_INTERRUPT:  stopped, // the unit's context has ended
	codes.SQLITE_CONSTRAINT: broken,
	codes.SQLITE_TOOBIG:     broken, // a text or an image over the limit of a row
}

// translateCommit is like translate, for a failed commit. If the disk failed during the commit, the
// last bytes may nevertheless have been written, and take effect when the file is opened after a
// crash.
func translateCommit(err error) error {
	if failed, ok := errors.AsType[*sqlite.Error](err); ok && primary(failed) == codes.SQLITE_IOERR {
		return uow.ErrOutcomeUnknown.Wrap(failed)
	}
	return err
}

// primary returns the primary result code, without the extension.
func primary(err *sqlite.Error) int { return err.Code() & 0xff }

// hasCode reports whether an error of the driver has one of these codes, which may be extended.
func hasCode(err error, wanted ...int) bool {
	failed, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	for _, code := range wanted {
		if failed.Code() == code || primary(failed) == code {
			return true
		}
	}
	return false
}

// errBatchLost is returned for units that were rolled back because the transaction that they share
// failed in another unit.
var errBatchLost = fmt.Errorf("sqlite: the transaction shared with another unit failed: %w", uow.ErrConflict)

func notFound(what string) error { return fmt.Errorf("%s: %w", what, fault.NotFound) }

// orNotFound turns errNone into fault.NotFound.
func orNotFound(err error, what string) error {
	if errors.Is(err, errNone) {
		return notFound(what)
	}
	return err
}
