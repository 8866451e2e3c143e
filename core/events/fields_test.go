package events_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
)

// texts are types of transactions, as a store may have them.
var texts = []string{
	"MESSAGE_SENT", "", "ü", "a<b", "a>b", "a&b", `a"b`, `a\b`, "a\nb", "\u2028", "\x7f", "~ !", strings.Repeat("long", 100), `\u0041`,
}

var numbers = []int64{0, 1, -1, 1<<53 - 1, -1 << 63, 1<<63 - 1, 1234567890}

// TestFieldsOfData compares the JSON of the events whose fields are written and read one by one with
// that of package encoding/json.
func TestFieldsOfData(t *testing.T) {
	for _, text := range texts {
		for _, n := range numbers {
			for _, d := range []events.Data{
				events.WalletChanged{Amount: n, BalanceAfter: -n, TransactionID: newID[id.Transaction](), Type: text, UserID: newID[id.User]()},
				events.MessageSent{ConversationID: newID[id.Conversation](), MessageID: newID[id.Message](), SenderID: newID[id.User]()},
			} {
				want, err := json.Marshal(d)
				if err != nil {
					t.Fatal(err)
				}
				if got := events.Encode(d); got != string(want) {
					t.Errorf("Encode returned %s, want %s", got, want)
				}
				compareDecoded(t, string(want))
			}
		}
	}
}

// TestFieldsOfOtherData decodes JSON in other forms than that in which data is written.
func TestFieldsOfOtherData(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- the same in each run
	pieces := []string{"", " ", "\t", ",", ":", "{", "}", "[", `"`, `\`, "null", "0", "-", "+", "1e3", ".0", "A", "F", "é", "\xff", "\x00", `"x":1,`, `\u0030`}
	changed := 0
	for _, text := range canonical() {
		compareDecoded(t, text)
		for range 4000 {
			at := random.IntN(len(text) + 1)
			until := min(at+random.IntN(3), len(text))
			other := text[:at] + pieces[random.IntN(len(pieces))] + text[until:]
			if _, isRaw := events.Decode(events.TypeWalletChanged, 1, other).(events.Raw); !isRaw && other != text {
				changed++
			}
			compareDecoded(t, other)
		}
	}
	if changed == 0 {
		t.Error("no change of the text gave other data")
	}
}

func FuzzFieldsOfData(f *testing.F) {
	for _, text := range canonical() {
		f.Add(text)
		f.Add(strings.ToUpper(text))
		f.Add(strings.ReplaceAll(text, ",", ", "))
	}
	f.Fuzz(compareDecoded)
}

func canonical() []string {
	return []string{
		`{"conversation_id":"0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a","message_id":"0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1b",` +
			`"recipient_id":"0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1c","sender_id":"0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1d"}`,
		`{"amount":-1,"balance_after":120,"transaction_id":"0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a","type":"MESSAGE_SENT",` +
			`"user_id":"0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1c"}`,
	}
}

// compareDecoded checks that Decode reads a text as package encoding/json does, if the text is that
// which it writes.
func compareDecoded(t *testing.T, text string) {
	t.Helper()
	for _, c := range []struct {
		of   events.Type
		want events.Data
	}{
		{events.TypeMessageSent, generally[events.MessageSent](text)},
		{events.TypeWalletChanged, generally[events.WalletChanged](text)},
	} {
		if got := events.Decode(c.of, 1, text); got != c.want {
			t.Errorf("%s %q: got %#v, want %#v", c.of, text, got, c.want)
		}
	}
}

func generally[D events.Data](text string) events.Data {
	var d D
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return events.Raw(text)
	}
	if again, err := json.Marshal(d); err != nil || string(again) != text {
		return events.Raw(text)
	}
	return d
}

func newID[I ~[16]byte]() (i I) {
	for n := range i {
		i[n] = byte(rand.IntN(256)) // #nosec G404 -- any will do
	}
	return i
}

func BenchmarkEncode(b *testing.B) {
	sent := events.MessageSent{ConversationID: newID[id.Conversation](), MessageID: newID[id.Message](), SenderID: newID[id.User]()}
	paid := events.WalletChanged{Amount: -1, BalanceAfter: 41, TransactionID: newID[id.Transaction](), Type: "MESSAGE_SENT", UserID: newID[id.User]()}
	for _, d := range []events.Data{sent, paid} {
		b.Run(fmt.Sprintf("%T", d), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				events.Encode(d)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for i, of := range []events.Type{events.TypeMessageSent, events.TypeWalletChanged} {
		b.Run(string(of), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				events.Decode(of, 1, canonical()[i])
			}
		})
	}
}
