package postgres

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/cicerone-go/cicerone/core/tokens"
)

// general returns an object of jsonb in canonical form, without flat.
func general(t testing.TB, object string) string {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(object), &all); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	canonical, err := tokens.Canonical(b)
	if err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	return canonical
}

func TestFlat(t *testing.T) {
	for object, want := range map[string]bool{
		`{"id": "7f", "amount": -1, "user_id": "x", "a": 0}`: true,
		`{"at": 123456789012345}`:                            true,
		`{"a~": " !", "a": "", "": "{\u007b}"}`:              false,
		`{"a": "é"}`:                                         false,
		`{"a": "\""}`:                                        false,
		`{"a": 1.5}`:                                         false,
		`{"a": 1e2}`:                                         false,
		`{"a": -0}`:                                          false,
		`{"a": 1000000000000000}`:                            false,
		`{"a": true}`:                                        false,
		`{"a": null}`:                                        false,
		`{"a": ["b"]}`:                                       false,
		`{"a": {"b": "c"}}`:                                  false,
		`{}`:                                                 false,
	} {
		got, ok := flat([]byte(object))
		if ok != want {
			t.Errorf("%s: flat is possible: %t, want %t", object, ok, want)
		} else if ok && got != general(t, object) {
			t.Errorf("%s: got %s, want %s", object, got, general(t, object))
		}
	}
	for _, torn := range []string{``, `{`, `{"`, `{"a"`, `{"a": `, `{"a": "b`, `{"a": 1`, `{"a": -`, `{"a": 1, `, `{"a": 1}}`, `{"a":1}`, `["a"]`} {
		if got, ok := flat([]byte(torn)); ok {
			t.Errorf("%s: got %s", torn, got)
		}
	}
}

// TestFlatIsCanonical compares flat with the general way on random objects.
func TestFlatIsCanonical(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune(" azAZ09!~_-\"\\\x1f\x7fé\U0001F600")
	text := func() string {
		few := len(alphabet)
		if random.IntN(8) > 0 {
			few -= 6 // plain characters alone
		}
		runes := make([]rune, random.IntN(5))
		for i := range runes {
			runes[i] = alphabet[random.IntN(few)]
		}
		return string(runes)
	}
	taken := 0
	for range 20_000 {
		members := map[string]any{}
		for range random.IntN(mostMembers + 3) {
			if members[text()] = text(); random.IntN(2) == 0 {
				members[text()] = random.Int64N(1e15) >> random.IntN(50) * int64(1-2*random.IntN(2))
			}
		}
		object := "{"
		for key, value := range members { // in any order
			if len(object) > 1 {
				object += ", "
			}
			object += encoded(t, key) + ": " + encoded(t, value)
		}
		object += "}"
		if got, ok := flat([]byte(object)); ok {
			taken++
			if want := general(t, object); got != want {
				t.Fatalf("%s: got %s, want %s", object, got, want)
			}
		}
	}
	if taken < 1000 {
		t.Errorf("%d objects were flat", taken)
	}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func BenchmarkFlat(b *testing.B) {
	object := []byte(`{"sender_id": "0199a0ba-7000-7000-8000-000000000001", "message_id": "0199a0ba-7000-7000-8000-000000000002", "recipient_id": "0199a0ba-7000-7000-8000-000000000003", "conversation_id": "0199a0ba-7000-7000-8000-000000000004"}`)
	b.Run("flat", func(b *testing.B) {
		for b.Loop() {
			if _, ok := flat(object); !ok {
				b.Fatal("it is not flat")
			}
		}
	})
	b.Run("general", func(b *testing.B) {
		for b.Loop() {
			general(b, string(object))
		}
	})
}
