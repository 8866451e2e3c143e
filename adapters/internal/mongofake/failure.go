package mongofake

import (
	"fmt"
	"strconv"

	"go.mongodb.org/mongo-driver/bson"
)

// failure is an error that the server returns to a client.
type failure struct {
	code       int32
	message    string
	labels     []string
	keyPattern bson.D // of the index, for a duplicate key
	keyValue   bson.D
}

func (f *failure) Error() string {
	return fmt.Sprintf("%s (%d): %s", codeName(f.code), f.code, f.message)
}

func fail(code int32, format string, args ...any) *failure {
	return &failure{code: code, message: fmt.Sprintf(format, args...)}
}

// The codes that are used in more than one place. The others are written where they are returned.
const (
	codeBadValue             = 2
	codeUnknownError         = 8
	codeFailedToParse        = 9
	codeTypeMismatch         = 14
	codeInvalidLength        = 16
	codeNamespaceNotFound    = 26
	codeIndexNotFound        = 27
	codePathNotViable        = 28
	codeConflictingOperators = 40
	codeCursorNotFound       = 43
	codeNamespaceExists      = 48
	codeMaxTimeMSExpired     = 50
	codeDollarPrefixed       = 52
	codeInvalidIDField       = 53
	codeEmptyFieldName       = 56
	codeCommandNotFound      = 59
	codeImmutableField       = 66
	codeCannotCreateIndex    = 67
	codeInvalidOptions       = 72
	codeInvalidNamespace     = 73
	codeIndexOptionsConflict = 85
	codeIndexSpecsConflict   = 86
	codeWriteConflict        = 112
	codeOperationInProgress  = 117
	codeInvalidDocument      = 121
	codeUnknownExpression    = 168
	codeParallelArrays       = 171
	codeQueryPlanKilled      = 175
	codeInvalidIndexOption   = 197
	codeTransactionTooOld    = 225
	codeSnapshotUnavailable  = 246
	codeNoSuchTransaction    = 251
	codeTransactionCommitted = 256
	codeNotInTransaction     = 263
	codeDuplicateKey         = 11000
	codeInterrupted          = 11601
	codeUnknownStage         = 40324
	codeMissingField         = 40414
	codeUnknownField         = 40415
)

const labelTransient = "TransientTransactionError"

var codeNames = map[int32]string{
	2: "BadValue", 6: "HostUnreachable", 7: "HostNotFound", 8: "UnknownError", 9: "FailedToParse",
	13: "Unauthorized", 14: "TypeMismatch", 16: "InvalidLength", 26: "NamespaceNotFound",
	27: "IndexNotFound", 28: "PathNotViable", 40: "ConflictingUpdateOperators",
	43: "CursorNotFound", 48: "NamespaceExists", 50: "MaxTimeMSExpired",
	52: "DollarPrefixedFieldName", 53: "InvalidIdField", 56: "EmptyFieldName",
	59: "CommandNotFound", 66: "ImmutableField", 67: "CannotCreateIndex", 72: "InvalidOptions",
	73: "InvalidNamespace", 79: "UnknownReplWriteConcern", 85: "IndexOptionsConflict",
	86: "IndexKeySpecsConflict", 89: "NetworkTimeout", 91: "ShutdownInProgress",
	100: "UnsatisfiableWriteConcern", 112: "WriteConflict", 117: "ConflictingOperationInProgress",
	121: "DocumentValidationFailure", 168: "InvalidPipelineOperator",
	171: "CannotIndexParallelArrays", 175: "QueryPlanKilled", 189: "PrimarySteppedDown",
	197: "InvalidIndexSpecificationOption", 225: "TransactionTooOld", 246: "SnapshotUnavailable",
	251: "NoSuchTransaction", 256: "TransactionCommitted", 262: "ExceededTimeLimit",
	263: "OperationNotSupportedInTransaction", 9001: "SocketException", 10107: "NotMaster",
	11000: "DuplicateKey", 11600: "InterruptedAtShutdown", 11601: "Interrupted",
	11602: "InterruptedDueToReplStateChange", 13435: "NotMasterNoSlaveOk",
	13436: "NotMasterOrSecondary",
}

func codeName(code int32) string {
	if name, ok := codeNames[code]; ok {
		return name
	}
	return "Location" + strconv.Itoa(int(code))
}

// errConflict is returned to the second writer of a document.
var errConflict = fail(codeWriteConflict, "WriteConflict")

// transient reports whether a transaction that failed with this code may be repeated from its start.
func transient(code int32) bool {
	switch code {
	case codeWriteConflict, codeSnapshotUnavailable, codeNoSuchTransaction:
		return true
	}
	return false
}

// reply returns the reply of a command that failed.
func (f *failure) reply() bson.D {
	d := bson.D{}
	if len(f.labels) > 0 {
		labels := bson.A{}
		for _, l := range f.labels {
			labels = append(labels, l)
		}
		d = append(d, bson.E{Key: "errorLabels", Value: labels})
	}
	d = append(d, bson.E{Key: "ok", Value: 0.0}, bson.E{Key: "errmsg", Value: f.message},
		bson.E{Key: "code", Value: f.code}, bson.E{Key: "codeName", Value: codeName(f.code)})
	return append(d, f.key()...)
}

// writeError returns an entry of writeErrors.
func (f *failure) writeError(index int) bson.D {
	d := bson.D{{Key: "index", Value: int32(index)}, {Key: "code", Value: f.code}, {Key: "errmsg", Value: f.message}}
	return append(d, f.key()...)
}

func (f *failure) key() bson.D {
	if f.keyPattern == nil {
		return nil
	}
	return bson.D{{Key: "keyPattern", Value: f.keyPattern}, {Key: "keyValue", Value: f.keyValue}}
}
