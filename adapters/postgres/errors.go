package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
)

// The errors of Open and New, and of Store.Join.
var (
	// ErrUnfit is returned if the server could lose committed data, or lacks a feature. The error
	// names the reason.
	ErrUnfit = errors.New("the server is not fit to keep a store")

	// ErrOutdated is returned if the schema has no tables, or tables of an older version.
	ErrOutdated = errors.New("the store's tables are missing or older than this program: run the migrations")

	// ErrNewer is returned if a later version of Cicerone has changed the schema.
	ErrNewer = errors.New("the store was made by a newer version of Cicerone")

	// ErrInUse is returned if another process has the store open, and one of the two opened it
	// exclusively.
	ErrInUse = errors.New("another process has this store open")

	// ErrNoSnapshot is returned for a unit in mode uow.Snapshot in a host's transaction that is not
	// at repeatable read or above.
	ErrNoSnapshot = errors.New("the host's transaction sees more than one moment: begin it at repeatable read")
)

var (
	errSilent       = errors.New("the server did not answer in time")
	errNoConnection = errors.New("no connection became free in time")
	errReadOnly     = errors.New("the server is read-only")
	errRolledBack   = errors.New("the server rolled back instead of committing")
	errUnsent       = errors.New("the statement was not sent")
	errWhole        = errors.New("the unit has committed: it was one round trip")
	errNotAwaited   = errors.New("the commit was cancelled before the standbys confirmed it")
)

// translate maps an error to a fault of package uow, or returns it unchanged. It decides by
// SQLSTATE and the names of constraints, never by text.
func translate(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, fault.Unavailable) {
		return err
	}
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("%w: %w", ended, err)
	}
	failed, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case isRefused(err):
		return uow.ErrRefused.Wrap(err)
	case isLost(err), errors.Is(err, errSilent):
		return uow.ErrUnreachable.Wrap(err)
	case !ok:
		return err
	}
	return verdictOn(failed)(err)
}

// verdict turns an error of the server into the error that the unit returns.
type verdict func(error) error

func conflict(err error) error    { return uow.ErrConflict.Wrap(err) }    // the unit may succeed if it runs again
func unreachable(err error) error { return uow.ErrUnreachable.Wrap(err) } // the unit may succeed later
func broken(err error) error      { return fmt.Errorf("breaks a rule of the store: %w", err) }
func defect(err error) error      { return err } // the unit would fail again

// verdicts lists the errors of the server by SQLSTATE. A key of two characters is a class, and
// stands for those of its codes that are not listed. Errors that are not listed are defects. A
// commit that fails with a code had no effect if isNotCommitted returns true; otherwise its outcome
// is unknown.
var verdicts = map[string]verdict{
	"08":                              unreachable, // connection exceptions, also of a pooler
	"22":                              broken,      // data exceptions
	"23":                              broken,      // integrity constraint violations
	pgerrcode.ReadOnlySQLTransaction:  unreachable, // a standby, until it is promoted
	pgerrcode.InvalidSQLStatementName: conflict,    // a pooler or the host dropped it; pgx prepares it again
	"40":                              conflict,    // serialization failures, deadlocks and other rollbacks
	"53":                              unreachable, // no memory, disk or connection
	pgerrcode.LockNotAvailable:        conflict,
	"57":                              unreachable, // shutting down, starting, or the statement timeout
	"58":                              unreachable, // errors of the disk
	pgerrcode.SnapshotTooOld:          conflict,
}

func verdictOn(failed *pgconn.PgError) verdict {
	if isLostRace(failed) || isStalePlan(failed) {
		return conflict
	}
	if v, ok := verdicts[failed.Code]; ok {
		return v
	}
	if v, ok := verdicts[failed.Code[:min(2, len(failed.Code))]]; ok {
		return v
	}
	return defect
}

// isLostRace reports whether the unit violated a constraint that only concurrent units violate.
// When it runs again, it reads the conflicting row first, and does not violate the constraint.
func isLostRace(failed *pgconn.PgError) bool {
	switch failed.Code {
	case pgerrcode.UniqueViolation:
		return failed.ConstraintName == "idempotency_records_pkey" || failed.ConstraintName == "interests_name"
	case pgerrcode.ExclusionViolation:
		return failed.ConstraintName == "reservations_never_overlap"
	}
	return false
}

// isStalePlan reports whether the table of a prepared statement was altered, so that the statement
// would return other types. pgx prepares it again when the unit runs again. The server has the same
// code for features that it does not support; only the name of its routine tells the two apart.
func isStalePlan(failed *pgconn.PgError) bool {
	return failed.Code == pgerrcode.FeatureNotSupported && failed.Routine == "RevalidateCachedQuery"
}

// isRefused reports whether the server rejected the user, the password or the database of a new
// connection.
func isRefused(err error) bool {
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	failed, answered := errors.AsType[*pgconn.PgError](err)
	return connecting && answered && (pgerrcode.IsInvalidAuthorizationSpecification(failed.Code) ||
		failed.Code == pgerrcode.InvalidCatalogName || failed.Code == pgerrcode.InsufficientPrivilege)
}

// isLost reports whether the connection is lost, or the server has announced that it closes it.
func isLost(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if failed, ok := errors.AsType[*pgconn.PgError](err); ok {
		return endsConnection(failed) || pgerrcode.IsConnectionException(failed.Code)
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err)
}

// isAnswer reports whether the error is a response of the server.
func isAnswer(err error) bool {
	_, ok := errors.AsType[*pgconn.PgError](err)
	return ok
}

// endsConnection reports whether the server process ended with this error. A pooler's errors have
// only one of the two severities.
func endsConnection(failed *pgconn.PgError) bool {
	for _, severity := range []string{failed.SeverityUnlocalized, failed.Severity} {
		if severity == "FATAL" || severity == "PANIC" {
			return true
		}
	}
	return false
}

// translateCommit is like translate, for the round trip with the commit.
func translateCommit(ctx context.Context, err error) error {
	if isNotCommitted(err) {
		return translate(ctx, err)
	}
	return uow.ErrOutcomeUnknown.Wrap(err)
}

// isNotCommitted reports whether a failed commit is known to have had no effect: it was not sent,
// or the server rejected it and keeps running. A server that stops may have written the commit
// before; it takes effect then when the server has recovered.
func isNotCommitted(err error) bool {
	_, unsent := errors.AsType[pgx.ErrPreprocessingBatch](err)
	if unsent || errors.Is(err, errUnsent) || pgconn.SafeToRetry(err) || errors.Is(err, errRolledBack) {
		return true
	}
	failed, ok := errors.AsType[*pgconn.PgError](err)
	return ok && !isLost(failed) && failed.Code != pgerrcode.StatementCompletionUnknown
}

func notFound(what string) error { return fmt.Errorf("%s: %w", what, fault.NotFound) }

// orNotFound turns errNone into fault.NotFound.
func orNotFound(err error, what string) error {
	if errors.Is(err, errNone) {
		return notFound(what)
	}
	return err
}
