package httpapi_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// odd is the number of an enum that it does not have.
const odd = 99

// bothWays sends a request over both transports, and fails the test unless they refuse it alike: with
// the same code and for the same fields. change changes the message.
func (tn *town) bothWays(
	t *testing.T, conn *grpc.ClientConn, o kithttp.Operation, path, body, plain string, change func(protoreflect.Message),
) {
	t.Helper()
	m, token := methods[o.Name], tn.people[routeTable[o.Name].callers()[0]].token
	tn.unchanged(func() {
		want := tn.ask(o.Method, path, token, body)
		if want.status < 400 {
			t.Fatalf("%s: HTTP accepts %s: %d", o.Name, body, want.status)
		}
		message := messageOf(t, m, o.RouteInfo, path, plain)
		if change != nil {
			change(message.ProtoReflect())
		}
		call(t.Context(), conn, m, token, nil, message).like(t, o, want)
	})
}

// TestStrictOverGRPC changes the valid request of every row, one field at a time, and checks that both
// transports refuse it alike.
func TestStrictOverGRPC(t *testing.T) {
	tn := newTown(t)
	conn := tn.dial()
	cases := map[string]int{}
	for _, o := range tn.api.Server().Operations() {
		r, m := routeTable[o.Name], methods[o.Name]
		if m == nil || r.body == "" || r.want[0] == 409 {
			continue
		}
		body := tn.words.Replace(r.body)
		path := tn.path(o.RouteInfo, r)
		var valid map[string]any
		if err := json.Unmarshal([]byte(body), &valid); err != nil {
			t.Fatal(err)
		}
		with := func(name string, value any) string {
			changed := maps.Clone(valid)
			changed[name] = value
			b, err := json.Marshal(changed)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		t.Run(o.Name, func(t *testing.T) {
			for i := range m.Input().Fields().Len() {
				d := m.Input().Fields().Get(i)
				name, f := string(d.Name()), fieldOf(o.Request, string(d.Name()))
				if _, isIn := f.Tag.Lookup("json"); !isIn {
					continue
				}
				switch {
				case d.Kind() == protoreflect.EnumKind:
					cases["unknown enum"]++
					tn.bothWays(t, conn, o, path, with(name, "odd"), body, func(m protoreflect.Message) {
						m.Set(d, protoreflect.ValueOfEnum(odd))
					})
				case d.Kind() == protoreflect.StringKind && isID(f.Type):
					cases["bad id"]++
					b := with(name, "nonsense")
					tn.bothWays(t, conn, o, path, b, b, nil)
				case f.Tag.Get("maxLength") != "" && !d.IsList():
					cases["too long"]++
					b := with(name, strings.Repeat("x", 5001))
					tn.bothWays(t, conn, o, path, b, b, nil)
				}
			}
			if isRequired(o.Request) {
				cases["missing fields"]++
				tn.bothWays(t, conn, o, path, "{}", "{}", nil)
			}
		})
	}
	for _, kind := range []string{"unknown enum", "bad id", "too long", "missing fields"} {
		if cases[kind] < 3 {
			t.Errorf("only %d cases of %s were tried", cases[kind], kind)
		}
	}
}

// TestAllFieldsAtOnceOverGRPC checks that a refusal names the fields that decoding refuses, and those that
// the rules refuse.
func TestAllFieldsAtOnceOverGRPC(t *testing.T) {
	tn := newTown(t)
	conn := tn.dial()
	i := slices.IndexFunc(tn.api.Server().Operations(), func(o kithttp.Operation) bool { return o.Name == "report" })
	body := `{"reported_user_id":"nonsense","reason":"` + strings.Repeat("x", 101) + `","message":"` + strings.Repeat("x", 5001) + `"}`
	tn.bothWays(t, conn, tn.api.Server().Operations()[i], "/v1/reports", body, body, nil)
}

// TestBadPathOverGRPC checks that an id that is malformed is not found, over both transports.
func TestBadPathOverGRPC(t *testing.T) {
	tn := newTown(t)
	conn := tn.dial()
	for _, o := range tn.api.Server().Operations() {
		r, m := routeTable[o.Name], methods[o.Name]
		if m == nil || r.id == "" {
			continue
		}
		t.Run(o.Name, func(t *testing.T) {
			body := tn.words.Replace(r.body)
			tn.bothWays(t, conn, o, inPath("nonsense", o.RouteInfo), body, body, nil)
		})
	}
}

// TestUnknownFieldsOverGRPC checks that a field with an unknown number is refused, whatever the method.
func TestUnknownFieldsOverGRPC(t *testing.T) {
	tn := newTown(t)
	conn := tn.dial()
	tn.unchanged(func() {
		for name, m := range methods {
			r := routeTable[name]
			if m.IsStreamingClient() || name == "liveEvents" {
				continue
			}
			message := newMessage(m.Input())
			message.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, odd, protowire.VarintType), 1))
			got := call(t.Context(), conn, m, tn.people[r.callers()[0]].token, nil, message)
			if code, fields := got.code(); code != "malformed" || !reflect.DeepEqual(fields, []string{"99"}) {
				t.Errorf("%s: got %v %s %q, want malformed for the field 99", name, got.status, code, fields)
			}
		}
	})
}

// fieldOf returns the field of a request that has a name.
func fieldOf(t reflect.Type, name string) reflect.StructField {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			if inner := fieldOf(f.Type, name); inner.Name != "" {
				return inner
			}
			continue
		}
		for _, place := range []string{"path", "query", "json"} {
			if tagged, _, _ := strings.Cut(f.Tag.Get(place), ","); tagged == name {
				return f
			}
		}
	}
	return reflect.StructField{}
}

// isRequired reports whether a request has a required field.
func isRequired(t reflect.Type) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Tag.Get("required") == "true" || f.Anonymous && isRequired(f.Type) {
			return true
		}
	}
	return false
}

// isID reports whether a type is that of an identifier.
func isID(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Array
}
