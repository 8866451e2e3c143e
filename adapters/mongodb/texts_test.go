package mongodb

import (
	"reflect"
	"testing"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/ports"
)

func TestListsOfTexts(t *testing.T) {
	column := ports.Column{Name: "languages", Kind: ports.Texts}
	for _, list := range [][]string{{}, {"français", "", `"<\,{}`}} {
		raw, err := bson.Marshal(document(ports.Users, []ports.Column{column}, []any{list}))
		if err != nil {
			t.Fatal(err)
		}
		r := &record{raw: raw, rest: []string{"languages"}}
		var got []string
		if r.Texts("", &got); r.err != nil || len(got) != len(list) || len(list) > 0 && !reflect.DeepEqual(got, list) {
			t.Errorf("%q is stored as %s and read as %q, %v", list, raw, got, r.err)
		}
	}
}
