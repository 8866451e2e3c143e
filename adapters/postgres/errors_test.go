package postgres

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cicerone-go/cicerone/core/uow"
)

func TestTranslate(t *testing.T) {
	for name, c := range map[string]struct {
		failed pgconn.PgError
		during error // of a statement; nil for an error that stays as it is, or breaks a rule
		commit error
	}{
		"a serialization failure":           {pgconn.PgError{Code: "40001"}, uow.ErrConflict, uow.ErrConflict},
		"a deadlock":                        {pgconn.PgError{Code: "40P01"}, uow.ErrConflict, uow.ErrConflict},
		"a completion that is unknown":      {pgconn.PgError{Code: "40003"}, uow.ErrConflict, uow.ErrOutcomeUnknown},
		"a lock timeout":                    {pgconn.PgError{Code: "55P03"}, uow.ErrConflict, uow.ErrConflict},
		"a plan that is out of date":        {pgconn.PgError{Code: "0A000", Routine: "RevalidateCachedQuery"}, uow.ErrConflict, uow.ErrConflict},
		"a feature that is missing":         {pgconn.PgError{Code: "0A000"}, nil, nil},
		"a prepared statement that is gone": {pgconn.PgError{Code: "26000"}, uow.ErrConflict, uow.ErrConflict},
		"two units with one key":            {pgconn.PgError{Code: "23505", ConstraintName: "idempotency_records_pkey"}, uow.ErrConflict, uow.ErrConflict},
		"another duplicate":                 {pgconn.PgError{Code: "23505", ConstraintName: "users_pkey"}, nil, nil},
		"a standby":                         {pgconn.PgError{Code: "25006"}, uow.ErrUnreachable, uow.ErrUnreachable},
		"a full disk":                       {pgconn.PgError{Code: "53100"}, uow.ErrUnreachable, uow.ErrUnreachable},
		"too many connections":              {pgconn.PgError{Code: "53300"}, uow.ErrUnreachable, uow.ErrUnreachable},
		"a statement timeout":               {pgconn.PgError{Code: "57014"}, uow.ErrUnreachable, uow.ErrUnreachable},
		"a server that shuts down":          {pgconn.PgError{Code: "57P01", Severity: "FATAL"}, uow.ErrUnreachable, uow.ErrOutcomeUnknown},
		"a lost connection of a pooler":     {pgconn.PgError{Code: "08006"}, uow.ErrUnreachable, uow.ErrOutcomeUnknown},
		"a table that is missing":           {pgconn.PgError{Code: "42P01"}, nil, nil},
		"damaged data":                      {pgconn.PgError{Code: "XX001"}, nil, nil},
		"a response without a code":         {pgconn.PgError{}, nil, nil},
	} {
		for when, check := range map[string]struct{ got, want error }{
			"during a unit": {translate(t.Context(), &c.failed), c.during},
			"at the commit": {translateCommit(t.Context(), &c.failed), c.commit},
		} {
			if !errors.Is(check.got, &c.failed) {
				t.Errorf("%s %s: %v does not wrap the response", name, when, check.got)
			}
			for _, kind := range []error{uow.ErrConflict, uow.ErrUnreachable, uow.ErrOutcomeUnknown} {
				if got := errors.Is(check.got, kind); got != errors.Is(check.want, kind) {
					t.Errorf("%s %s: %v is %v: %t", name, when, check.got, kind, got)
				}
			}
		}
	}
}
