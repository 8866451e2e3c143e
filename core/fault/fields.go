package fault

import (
	"errors"
	"slices"
	"strings"
)

// CodeInvalid is the code of every failure that Fields returns.
const CodeInvalid = "invalid_input"

// MaxFields is the greatest number of invalid fields that one failure lists.
const MaxFields = 20

// Fields collects the invalid fields of an input, so that one error reports all of them, or the
// first MaxFields if there are more. The zero value is ready to use.
type Fields struct{ list []Field }

// Add adds an invalid field, unless f has MaxFields already. The message continues a sentence that
// begins with the field's name, such as "must be 18 to 120".
func (f *Fields) Add(name, message string) {
	if len(f.list) < MaxFields {
		f.list = append(f.list, Field{Name: name, Message: message})
	}
}

// Check adds the field if ok is false.
func (f *Fields) Check(ok bool, name, message string) {
	if !ok {
		f.Add(name, message)
	}
}

// Collect adds the fields of an Invalid failure to f, except those whose names f had before, and
// returns nil. It returns any other error, and a failure without fields, unchanged.
func (f *Fields) Collect(err error) error {
	invalid, ok := errors.AsType[*Error](err)
	if !ok || invalid.Kind != Invalid || len(invalid.Fields) == 0 {
		return err
	}
	known := len(f.list)
	for _, field := range invalid.Fields {
		if !slices.ContainsFunc(f.list[:known], func(k Field) bool { return k.Name == field.Name }) {
			f.Add(field.Name, field.Message)
		}
	}
	return nil
}

// Err returns nil if no field was added, and otherwise an Invalid failure that lists the fields.
func (f *Fields) Err() error {
	if len(f.list) == 0 {
		return nil
	}
	sentences := make([]string, len(f.list))
	for i, field := range f.list {
		sentences[i] = field.Name + " " + field.Message
	}
	e := New(Invalid, CodeInvalid, strings.Join(sentences, "; "))
	e.Fields = f.list
	return e
}

// InvalidField returns an Invalid failure for one field.
func InvalidField(name, message string) error {
	var f Fields
	f.Add(name, message)
	return f.Err()
}
