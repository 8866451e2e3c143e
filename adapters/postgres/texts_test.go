package postgres

import (
	"reflect"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

func TestListsOfTexts(t *testing.T) {
	types := pgtype.NewMap()
	for _, format := range []int16{pgx.BinaryFormatCode, pgx.TextFormatCode} {
		for _, list := range [][]string{{}, {"français", "", `"<\,{}`}} {
			sent, err := types.Encode(pgtype.TextArrayOID, format, arguments([]any{list})[0], nil)
			if err != nil {
				t.Fatal(err)
			}
			field := pgconn.FieldDescription{DataTypeOID: pgtype.TextArrayOID, Format: format}
			r := &row{fields: []pgconn.FieldDescription{field}, values: [][]byte{sent}, types: types}
			var got []string
			if r.Texts("", &got); r.err != nil || len(got) != len(list) || len(list) > 0 && !reflect.DeepEqual(got, list) {
				t.Errorf("%q is sent as %q and read as %q, %v", list, sent, got, r.err)
			}
		}
	}
}
