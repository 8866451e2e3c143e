package fault

import "strings"

// CodeInvalid is the code of every failure that Fields returns.
const CodeInvalid = "invalid_input"

// Fields collects the invalid fields of an input, so that one error reports all of them.
// The zero value is ready to use.
type Fields struct{ list []Field }

// Add adds an invalid field. The message continues a sentence that begins with the field's name,
// such as "must be 18 to 120".
func (f *Fields) Add(name, message string) {
	f.list = append(f.list, Field{Name: name, Message: message})
}

// Check adds the field if ok is false.
func (f *Fields) Check(ok bool, name, message string) {
	if !ok {
		f.Add(name, message)
	}
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
