package mongodb

import (
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/uow"
)

func TestTranslate(t *testing.T) {
	for name, c := range map[string]struct {
		failed mongo.ServerError
		want   error // nil for an error that stays as it is
	}{
		"a transient error":               {mongo.CommandError{Code: 1, Labels: []string{labelTransient}}, uow.ErrConflict},
		"a write conflict":                {mongo.CommandError{Code: 112}, uow.ErrConflict},
		"a snapshot that is too old":      {mongo.CommandError{Code: 239}, uow.ErrConflict},
		"a routing table that is too old": {mongo.CommandError{Code: 13388}, uow.ErrConflict},
		"a write that lost and one that broke a rule": {mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 121}, {Code: 112}}},
			uow.ErrConflict},
		"a server that is not the primary": {mongo.CommandError{Code: 10107}, uow.ErrUnreachable},
		"a killed cursor":                  {mongo.CommandError{Code: 237}, uow.ErrUnreachable},
		"a refused password":               {mongo.CommandError{Code: 18}, uow.ErrRefused},
		"a duplicate":                      {mongo.CommandError{Code: 11000}, errTaken},
		"a document that is not valid":     {mongo.CommandError{Code: 121}, errRule},
		"an unknown command":               {mongo.CommandError{Code: 59}, nil},
	} {
		got := translate(t.Context(), c.failed)
		if !errors.As(got, new(mongo.ServerError)) {
			t.Errorf("%s: %v does not wrap the response", name, got)
		}
		for _, kind := range []error{uow.ErrConflict, uow.ErrUnreachable, uow.ErrRefused, errTaken, errRule} {
			if is := errors.Is(got, kind); is != errors.Is(c.want, kind) {
				t.Errorf("%s: %v is %v: %t", name, got, kind, is)
			}
		}
	}
}
