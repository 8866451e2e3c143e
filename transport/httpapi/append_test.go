package httpapi

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// texts have all that JSON escapes, or that other encoders escape; the last one is not UTF-8.
var texts = []string{
	"", "Good evening!", `"quoted" \ and /`, "a line\nand\ttabs\r\b\f", "\x00\x1f\x7f", "<b>&amp;</b>", "é, 漢字, \U0001F30D", "\u2028\u2029", "\xff",
}

// fill sets all fields of a value at random.
func fill(r *rand.Rand, v reflect.Value, texts []string) {
	if v.Type() == reflect.TypeFor[Time]() {
		at := time.UnixMilli(r.Int64N(1 << 46)).In(time.FixedZone("", r.IntN(3)*3600))
		v.Set(reflect.ValueOf(Time(at)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(texts[r.IntN(len(texts))])
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(r.Int64() >> r.IntN(64) * int64(1-2*r.IntN(2)))
	case reflect.Uint8:
		v.SetUint(r.Uint64N(256))
	case reflect.Pointer:
		if v.SetZero(); r.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(r, v.Elem(), texts)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			fill(r, v.Index(i), texts)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(r, v.Index(i), texts)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i), texts)
		}
	default:
		panic("a field of the type " + v.Type().String())
	}
}

// compareAppended compares a function with the JSON library on random values.
func compareAppended[T any](t *testing.T, add func(b []byte, v *T) ([]byte, error)) {
	t.Helper()
	t.Run(reflect.TypeFor[T]().String(), func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		refused := 0
		for n := range 5000 {
			some := texts[:len(texts)-1]
			if n%5 == 0 {
				some = texts
			}
			var v T
			fill(r, reflect.ValueOf(&v).Elem(), some)
			want, wantErr := json.Marshal(v, json.Deterministic(true))
			got, err := add([]byte("before "), &v)
			switch {
			case (err == nil) != (wantErr == nil):
				t.Fatalf("%+v: got the error %v, want %v", v, err, wantErr)
			case err != nil:
				refused++
			case string(got) != "before "+string(want):
				t.Fatalf("got  %s\nwant before %s", got, want)
			}
		}
		t.Logf("%d values were refused", refused)
	})
}

func TestAppended(t *testing.T) {
	compareAppended(t, appendWallet)
	compareAppended(t, appendMessage)
	compareAppended(t, appendConversation)
	compareAppended(t, appendMatch)
	compareAppended(t, appendPage(appendMatch))
	compareAppended(t, appendPage(appendMessage))
	compareAppended(t, appendPage(appendConversation))
	var empty Page[Message]
	want, _ := json.Marshal(empty, json.Deterministic(true))
	if got, err := appendPage(appendMessage)(nil, &empty); err != nil || string(got) != string(want) {
		t.Errorf("a page of nil: got %s (%v), want %s", got, err, want)
	}
}
