package events

import (
	"strconv"
	"strings"

	"github.com/cicerone-go/cicerone/core/id"
)

// The fields of the events that are added most are written and read one by one, because package
// encoding/json takes several times as long, and each message adds two such events. The methods pass
// them to f in ascending order of their names.

func (d *MessageSent) fields(f *fields) {
	f.id("conversation_id", (*[16]byte)(&d.ConversationID))
	f.id("message_id", (*[16]byte)(&d.MessageID))
	f.id("recipient_id", (*[16]byte)(&d.RecipientID))
	f.id("sender_id", (*[16]byte)(&d.SenderID))
}

func (d *WalletChanged) fields(f *fields) {
	f.int("amount", &d.Amount)
	f.int("balance_after", &d.BalanceAfter)
	f.id("transaction_id", (*[16]byte)(&d.TransactionID))
	f.text("type", &d.Type)
	f.id("user_id", (*[16]byte)(&d.UserID))
}

// appendFields appends the canonical JSON of data to b. If it returns false, package encoding/json
// has to write it.
func appendFields(b []byte, data Data) ([]byte, bool) {
	f := fields{written: append(b, '{')}
	switch d := data.(type) { // no interface, so that nothing is allocated
	case MessageSent:
		d.fields(&f)
	case WalletChanged:
		d.fields(&f)
	default:
		return b, false
	}
	return append(f.written, '}'), !f.failed
}

// readFields returns the data whose canonical JSON a text is. If it returns false, package
// encoding/json has to read it.
func readFields(of form, text string) (Data, bool) {
	f := fields{rest: text, reads: true}
	f.skip("{")
	switch of {
	case form{TypeMessageSent, 1}:
		var d MessageSent
		if d.fields(&f); f.isRead() {
			return d, true
		}
	case form{TypeWalletChanged, 1}:
		var d WalletChanged
		if d.fields(&f); f.isRead() {
			return d, true
		}
	}
	return nil, false
}

// fields writes the canonical JSON of an event, or reads it. It takes only texts of printable ASCII
// that package encoding/json does not escape: failed says that there is another one, or that what is
// read has another form.
type fields struct {
	written []byte
	rest    string // what is still to be read
	reads   bool
	some    bool // there was a field
	failed  bool
}

func (f *fields) isRead() bool { return !f.failed && f.rest == "}" }

func (f *fields) id(name string, v *[16]byte) {
	if f.name(name); !f.reads {
		f.written = append(f.written, '"')
		f.written, _ = id.Subject(*v).AppendText(f.written) // it never fails
		f.written = append(f.written, '"')
		return
	}
	text := f.quoted()
	read, err := id.Parse[any](text)
	var canonical [36]byte
	if _, _ = read.AppendText(canonical[:0]); err != nil || string(canonical[:]) != text {
		f.failed = true
	}
	*v = read
}

func (f *fields) int(name string, v *int64) {
	if f.name(name); !f.reads {
		f.written = strconv.AppendInt(f.written, *v, 10)
		return
	}
	end := strings.IndexAny(f.rest, ",}")
	if end < 0 {
		f.failed = true
		return
	}
	read, err := strconv.ParseInt(f.rest[:end], 10, 64)
	var canonical [20]byte
	if err != nil || string(strconv.AppendInt(canonical[:0], read, 10)) != f.rest[:end] {
		f.failed = true
	}
	*v, f.rest = read, f.rest[end:]
}

func (f *fields) text(name string, v *string) {
	if f.name(name); !f.reads {
		f.failed = f.failed || !isPlain(*v)
		f.written = append(append(append(f.written, '"'), *v...), '"')
		return
	}
	*v = strings.Clone(f.quoted()) // without the rest of the data
}

// name writes or skips the name of a field, with what is around it.
func (f *fields) name(name string) {
	if !f.reads {
		if f.some {
			f.written = append(f.written, ',')
		}
		f.written = append(append(append(f.written, '"'), name...), `":`...)
		f.some = true
		return
	}
	if f.some {
		f.skip(",")
	}
	f.skip(`"`)
	f.skip(name)
	f.skip(`":`)
	f.some = true
}

// quoted reads a text.
func (f *fields) quoted() string {
	f.skip(`"`)
	text, rest, found := strings.Cut(f.rest, `"`)
	f.rest = rest
	f.failed = f.failed || !found || !isPlain(text)
	return text
}

func (f *fields) skip(text string) {
	rest, found := strings.CutPrefix(f.rest, text)
	f.rest = rest
	f.failed = f.failed || !found
}

// isPlain reports whether a text is its own JSON, between quotes.
func isPlain(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}
