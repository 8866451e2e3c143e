package sqlite

import (
	"database/sql/driver"
	"reflect"
	"testing"

	"github.com/cicerone-go/cicerone/ports"
)

func TestListsOfTexts(t *testing.T) {
	column := ports.Column{Name: "languages", Kind: ports.Texts}
	for _, list := range [][]string{{}, {"français", "", `"<\,{}`}} {
		stored := arguments([]ports.Column{column}, []any{list})
		var got []string
		r := &row{values: []driver.Value{stored[0]}}
		if r.Texts("", &got); r.err != nil || len(got) != len(list) || len(list) > 0 && !reflect.DeepEqual(got, list) {
			t.Errorf("%q is stored as %v and read as %q, %v", list, stored[0], got, r.err)
		}
	}
	r := &row{values: []driver.Value{"no list"}}
	if r.Texts("", new([]string)); r.err == nil {
		t.Error("got no error for an invalid list")
	}
}
