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

// Why a store is not opened.
var (
	// ErrUnfit is a server that would lose what it committed, or that lacks something; the error says what.
	ErrUnfit = errors.New("the server is not fit to keep a store")

	// ErrOutdated is a schema whose tables are missing, or older than this program.
	ErrOutdated = errors.New("the store's tables are missing or older than this program: run the migrations")

	// ErrNewer is a schema that a later version of this program has changed.
	ErrNewer = errors.New("the store was made by a newer version of Cicerone")

	// ErrInUse is a store that another process has open, where one of the two wants it for itself.
	ErrInUse = errors.New("another process has this store open")

	// ErrNoSnapshot is a unit that needs to see one moment, in a host's transaction that does not.
	ErrNoSnapshot = errors.New("the host's transaction sees more than one moment: begin it at repeatable read")
)

var (
	errSilent       = errors.New("the server did not answer in time")
	errNoConnection = errors.New("no connection became free in time")
	errReadOnly     = errors.New("the server takes no writes")
	errRolledBack   = errors.New("the server rolled back what it was told to commit")
	errNotAwaited   = errors.New("the server was told to stop before it answered, and its standbys may not have the commit")
)

// translate says what an error means: a fault of package uow where there is one, else a failure that nobody
// expected. It goes by SQLSTATE and the names of constraints, never by text.
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
	case lostAgainstAnother(failed):
		return uow.ErrConflict.Wrap(err)
	case outOfService(failed):
		return uow.ErrUnreachable.Wrap(err)
	case pgerrcode.IsIntegrityConstraintViolation(failed.Code), pgerrcode.IsDataException(failed.Code):
		return fmt.Errorf("a rule of the store refuses it: %w", err)
	}
	return err
}

// lostAgainstAnother reports whether a unit may win when it is run again. Two of the constraints are only met by those
// who raced: whoever comes later sees what is there, and is told by an answer.
func lostAgainstAnother(failed *pgconn.PgError) bool {
	switch failed.Code {
	case pgerrcode.SerializationFailure, pgerrcode.DeadlockDetected, pgerrcode.LockNotAvailable:
		return true
	case pgerrcode.UniqueViolation:
		return failed.ConstraintName == "idempotency_records_pkey" || failed.ConstraintName == "interests_name"
	case pgerrcode.ExclusionViolation:
		return failed.ConstraintName == "reservations_never_overlap"
	}
	return false
}

// outOfService reports whether the server cannot do now what it may do later.
func outOfService(failed *pgconn.PgError) bool {
	return pgerrcode.IsInsufficientResources(failed.Code) || pgerrcode.IsOperatorIntervention(failed.Code) ||
		pgerrcode.IsSystemError(failed.Code) || pgerrcode.IsConnectionException(failed.Code) ||
		failed.Code == pgerrcode.ReadOnlySQLTransaction
}

// isRefused reports whether the server answered a new connection, and does not accept its user, its password or its database.
func isRefused(err error) bool {
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	failed, answered := errors.AsType[*pgconn.PgError](err)
	return connecting && answered && (pgerrcode.IsInvalidAuthorizationSpecification(failed.Code) ||
		failed.Code == pgerrcode.InvalidCatalogName || failed.Code == pgerrcode.InsufficientPrivilege)
}

// isLost reports whether the connection is gone, or going: the server says so itself before it ends one.
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

// isAnswer reports whether an error is what the server said.
func isAnswer(err error) bool {
	_, ok := errors.AsType[*pgconn.PgError](err)
	return ok
}

// endsConnection reports whether these were the last words of a server process. A pooler's errors have one severity only.
func endsConnection(failed *pgconn.PgError) bool {
	for _, severity := range []string{failed.SeverityUnlocalized, failed.Severity} {
		if severity == "FATAL" || severity == "PANIC" {
			return true
		}
	}
	return false
}

// translateCommit is translate for the round trip that carries the commit.
func translateCommit(ctx context.Context, err error) error {
	if isNotCommitted(err) {
		return translate(ctx, err)
	}
	return uow.ErrOutcomeUnknown.Wrap(err)
}

// isNotCommitted reports whether a commit that failed is known to have: it was never sent, or the server refused it and lives
// on. One that dies may have written the commit before: it is done then when the server has recovered.
func isNotCommitted(err error) bool {
	if _, unsent := errors.AsType[pgx.ErrPreprocessingBatch](err); unsent || pgconn.SafeToRetry(err) || errors.Is(err, errRolledBack) {
		return true
	}
	failed, ok := errors.AsType[*pgconn.PgError](err)
	return ok && !isLost(failed)
}

func notFound(what string) error { return fmt.Errorf("%s: %w", what, fault.NotFound) }

// orNotFound turns find's errNone into the fault that callers know.
func orNotFound(err error, what string) error {
	if errors.Is(err, errNone) {
		return notFound(what)
	}
	return err
}
