package mongodb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/x/mongo/driver"
	"go.mongodb.org/mongo-driver/x/mongo/driver/topology"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
)

// The errors of Open, New and Join.
var (
	// ErrUnfit is returned if the server has no transactions, or is too old. The error says what to
	// do.
	ErrUnfit = errors.New("the server is not fit to keep a store")

	// ErrOutdated is returned if collections or indexes are missing, or older than this program.
	ErrOutdated = errors.New("the store's collections are missing or older than this program: run the migrations")

	// ErrNewer is returned if a later version of Cicerone has changed the database.
	ErrNewer = errors.New("the store was made by a newer version of Cicerone")

	// ErrNoTransaction is returned if the host's session has no transaction.
	ErrNoTransaction = errors.New("the host's session has no transaction: call StartTransaction first")
)

var (
	errSilent  = errors.New("the server did not answer in time")
	errChanged = errors.New("a document that the unit held was changed while it waited")
	errTaken   = errors.New("exists already")
	errRule    = errors.New("breaks a rule of the store")
)

// The labels that the server and the driver set on errors.
const (
	labelTransient = "TransientTransactionError"
	labelUnknown   = "UnknownTransactionCommitResult"
)

// The server's codes that other code of the adapter also uses.
const (
	codeAuthenticationFailed = 18
	codeIndexNotFound        = 27
	codeNamespaceExists      = 48
	codeInvalidDocument      = 121
	codeSnapshotTooOld       = 239
	codeNoSuchTransaction    = 251
	codeAtlas                = 8000 // of MongoDB Atlas, for example for an unknown user
)

// verdict turns an error of the server into the error that the unit returns.
type verdict func(error) error

func conflict(err error) error    { return uow.ErrConflict.Wrap(err) }    // the unit may succeed if it runs again
func unreachable(err error) error { return uow.ErrUnreachable.Wrap(err) } // the unit may succeed later
func broken(err error) error      { return fmt.Errorf("%w: %w", errRule, err) }

// verdicts lists the server's codes, except those of a refused connection and of a duplicate key.
// If an error has several codes, the first in the list decides. An error with none of them is a
// defect: the unit would fail again. In a transaction, conflicts also have the label
// labelTransient; outside of one they have no label. The outcome of a commit is unknown if the
// error has labelUnknown, or if the server does not respond.
var verdicts = []struct {
	code int
	of   verdict
}{
	{24, conflict},  // LockTimeout
	{112, conflict}, // WriteConflict
	{117, conflict}, // ConflictingOperationInProgress
	{225, conflict}, // TransactionTooOld
	{codeSnapshotTooOld, conflict},
	{246, conflict}, // SnapshotUnavailable
	{249, conflict}, // StaleDbVersion
	{codeNoSuchTransaction, conflict},
	{267, conflict},      // PreparedTransactionInProgress
	{13388, conflict},    // StaleConfig
	{6, unreachable},     // HostUnreachable
	{7, unreachable},     // HostNotFound
	{43, unreachable},    // CursorNotFound
	{50, unreachable},    // MaxTimeMSExpired
	{89, unreachable},    // NetworkTimeout
	{91, unreachable},    // ShutdownInProgress
	{133, unreachable},   // FailedToSatisfyReadPreference
	{134, unreachable},   // ReadConcernMajorityNotAvailableYet
	{175, unreachable},   // QueryPlanKilled
	{189, unreachable},   // PrimarySteppedDown
	{237, unreachable},   // CursorKilled
	{244, unreachable},   // TransactionCoordinatorSteppingDown
	{262, unreachable},   // ExceededTimeLimit
	{9001, unreachable},  // SocketException
	{10107, unreachable}, // NotWritablePrimary
	{11600, unreachable}, // InterruptedAtShutdown
	{11602, unreachable}, // InterruptedDueToReplStateChange
	{13435, unreachable}, // NotPrimaryNoSecondaryOk
	{13436, unreachable}, // NotPrimaryOrSecondary
	{codeInvalidDocument, broken},
}

// translate maps an error to a fault of package uow, or returns it unchanged. It decides by codes
// and labels, never by text.
func translate(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, fault.Unavailable) {
		return err
	}
	if over := ended(ctx); over != nil && !errors.Is(context.Cause(ctx), errSilent) {
		return fmt.Errorf("%w: %w", over, err)
	}
	switch {
	case errors.Is(err, errSilent):
		return unreachable(err)
	case isRefused(err):
		return uow.ErrRefused.Wrap(err)
	case hasLabel(err, labelTransient), isUnsent(err):
		return conflict(err)
	case isLost(err):
		return unreachable(err)
	case mongo.IsDuplicateKeyError(err):
		return fmt.Errorf("%w: %w", errTaken, err)
	}
	for _, v := range verdicts {
		if hasCode(err, v.code) {
			return v.of(err)
		}
	}
	return err
}

// ended returns the reason why a context has ended. A connection notices a deadline shortly before
// the context does.
func ended(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// raced returns the error for a duplicate that the unit had looked for and not found: a concurrent
// unit inserted it.
func raced(err error) error {
	if errors.Is(err, errTaken) {
		return uow.ErrConflict.Wrap(err)
	}
	return err
}

// isLost reports whether the server could not be reached, or did not respond.
func isLost(err error) bool {
	if _, ok := errors.AsType[topology.ServerSelectionError](err); ok {
		return true
	}
	if _, ok := errors.AsType[topology.ConnectionError](err); ok {
		return true
	}
	return mongo.IsNetworkError(err) || mongo.IsTimeout(err) || errors.Is(err, mongo.ErrClientDisconnected)
}

// isRefused reports whether the server rejected the user or the password of a new connection. The
// driver wraps that response, with its code, in the error of the connection.
func isRefused(err error) bool {
	answer, ok := errors.AsType[driver.Error](err)
	return ok && (answer.Code == codeAuthenticationFailed || answer.Code == codeAtlas) || hasCode(err, codeAuthenticationFailed)
}

// isUnsent reports whether a command was not sent, because the driver closed its connection
// together with others to a failing server. The command may succeed on another connection.
func isUnsent(err error) bool {
	var pool driver.RetryablePoolError
	return errors.As(err, &pool) && pool.Retryable()
}

// isUnknown reports whether a failed commit may have taken effect. The server labels such errors
// itself: a response without that label is a rejection.
func isUnknown(err error) bool {
	return !hasLabel(err, labelTransient) && (hasLabel(err, labelUnknown) || isLost(err) || isUnsent(err))
}

func hasLabel(err error, label string) bool {
	labelled, ok := errors.AsType[mongo.LabeledError](err)
	return ok && labelled.HasErrorLabel(label)
}

func hasCode(err error, codes ...int) bool {
	failed, ok := errors.AsType[mongo.ServerError](err)
	return ok && slices.ContainsFunc(codes, failed.HasErrorCode)
}

func notFound(what string) error { return fmt.Errorf("%s: %w", what, fault.NotFound) }

// orNotFound turns mongo.ErrNoDocuments into fault.NotFound.
func orNotFound(err error, what string) error {
	if errors.Is(err, mongo.ErrNoDocuments) {
		return notFound(what)
	}
	return err
}
