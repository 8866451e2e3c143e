package kithttp_test

import (
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/cicerone-go/cicerone/transport/kithttp"
)

func TestOptional(t *testing.T) {
	type patch struct {
		Bio kithttp.Optional[string] `json:"bio,omitzero"`
		One kithttp.Optional[item]   `json:"one,omitzero"`
	}
	cases := []struct {
		text string
		want patch
	}{
		{`{}`, patch{}},
		{`{"bio":null,"one":null}`, patch{Bio: kithttp.Null[string](), One: kithttp.Null[item]()}},
		{`{"bio":"","one":{"name":"n"}}`, patch{Bio: kithttp.Some(""), One: kithttp.Some(item{Name: "n"})}},
	}
	for _, c := range cases {
		// The previous state of a field must not affect the result.
		got := patch{Bio: kithttp.Optional[string]{Value: "old"}, One: kithttp.Optional[item]{Value: item{Count: 5}}}
		if c.text == `{}` {
			got = patch{}
		}
		if err := json.Unmarshal([]byte(c.text), &got); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v", c.text, got, err)
		}
		if b, err := json.Marshal(c.want); err != nil || string(b) != c.text {
			t.Errorf("%+v: got %s, %v", c.want, b, err)
		}
	}
	if b, err := json.Marshal(kithttp.Optional[int]{}); err != nil || string(b) != "null" {
		t.Errorf("an absent field without omitzero: got %s, %v", b, err)
	}
	if p := kithttp.Some(1).Ptr(); p == nil || *p != 1 {
		t.Errorf("Ptr of a value: got %v", p)
	}
	if kithttp.Null[int]().Ptr() != nil || new(kithttp.Optional[int]).Ptr() != nil {
		t.Error("Ptr of null or of an absent field is not nil")
	}
}
