package failure

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Notes collects the invalid fields of a request, which are returned together if the request is not
// malformed. The zero value has none.
type Notes struct {
	fields fault.Fields
	count  int
	first  *fault.Error // the first error, if it came from the field's type
}

// Complaint is an error about a value. Its text follows the field's name in a sentence.
type Complaint string

// Error returns the text.
func (c Complaint) Error() string { return string(c) }

// The complaints that every transport has.
const (
	Required   Complaint = "is required"
	NotWhole   Complaint = "must be a whole number"
	OutOfRange Complaint = "is out of range"
)

// TooMany returns the complaint about a list with more items than it may have.
func TooMany(maxItems int) Complaint {
	return Complaint(fmt.Sprintf("must have at most %d items", maxItems))
}

// Add notes an invalid field.
func (n *Notes) Add(name string, c Complaint) {
	n.count++
	n.fields.Add(name, string(c))
}

// Refusal notes the error of a field's type for the value of the field. It returns a *fault.Error
// of another kind than Invalid, which ends the decoding.
func (n *Notes) Refusal(name string, err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case ok && f.Kind != fault.Invalid:
		return Named(name, f)
	case ok:
		f = Named(name, f)
		if n.count == 0 {
			n.first = f
		}
		for _, field := range f.Fields {
			n.fields.Add(field.Name, field.Message)
		}
		n.count++
	default:
		c, ok := errors.AsType[Complaint](err)
		if !ok {
			c = "is not valid"
		}
		n.Add(name, c)
	}
	return nil
}

// Check completes the error for a request in which decoding has found invalid fields: check adds the
// fields that the endpoint would refuse. What it adds for fields that are noted is ignored. Check does
// nothing if no field is noted.
func (n *Notes) Check(check func(f *fault.Fields)) {
	if n.count == 0 || check == nil {
		return
	}
	var more fault.Fields
	check(&more)
	if err := more.Err(); err != nil {
		_ = n.fields.Collect(err)
		n.first = nil
	}
}

// Err returns an error of kind fault.Invalid with the fields that are noted, or nil if there are none.
func (n *Notes) Err() error {
	if n.count == 1 && n.first != nil {
		return n.first
	}
	return n.fields.Err()
}

// Named adds the field's name to the error of its type, which does not know the name.
func Named(name string, f *fault.Error) *fault.Error {
	c := *f
	c.Fields = []fault.Field{{Name: name, Message: f.Detail}}
	if len(f.Fields) > 0 {
		c.Fields = slices.Clone(f.Fields)
		for i := range c.Fields {
			c.Fields[i].Name = name
		}
	}
	c.Detail = fmt.Sprintf("%s: %s", name, f.Detail)
	return &c
}

// Malformed returns the error for a request that cannot be parsed.
func Malformed(detail string) *fault.Error {
	return fault.New(fault.Malformed, string(fault.Malformed), detail)
}

// MalformedField returns the error for a request with a field that cannot be parsed. The message
// follows the field's name in a sentence.
func MalformedField(name, message string) *fault.Error {
	name = Readable(name, MaxName)
	f := Malformed(name + " " + message)
	f.Fields = []fault.Field{{Name: name, Message: message}}
	return f
}

// TooLarge returns the error for a body over its limit in bytes.
func TooLarge(limit int64) *fault.Error {
	return fault.New(fault.TooLarge, string(fault.TooLarge), fmt.Sprintf("the body must not have more than %d bytes", limit))
}

// NotFound returns the error for a record that no request can name.
func NotFound() *fault.Error {
	return fault.New(fault.NotFound, string(fault.NotFound), "there is nothing here")
}

// The greatest lengths of texts in the response to a request that is refused, in bytes. What is longer
// quotes the request, and is cut.
const (
	MaxDetail  = 4000
	MaxName    = 100
	MaxMessage = 500
)

// Readable makes a text, which may hold a part of the request, fit for a response: valid UTF-8 of a
// limited length in bytes.
func Readable(text string, longest int) string {
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
