package fault

import "strings"

// CodeInvalid is the code of every failure that Fields makes.
const CodeInvalid = "invalid_input"

// Fields gathers what is wrong with an input, so that a person is told everything at once.
// The zero value is ready.
type Fields struct{ list []Field }

// Add notes that a field is wrong, and why: a message that reads on from the field's name,
// like "must be 18 to 120".
func (f *Fields) Add(name, message string) {
	f.list = append(f.list, Field{Name: name, Message: message})
}

// Check adds the field unless ok holds.
func (f *Fields) Check(ok bool, name, message string) {
	if !ok {
		f.Add(name, message)
	}
}

// Err is nil where nothing was added, else an Invalid failure that lists the fields.
func (f *Fields) Err() error {
	if len(f.list) == 0 {
		return nil
	}
	told := make([]string, len(f.list))
	for i, field := range f.list {
		told[i] = field.Name + " " + field.Message
	}
	e := New(Invalid, CodeInvalid, strings.Join(told, "; "))
	e.Fields = f.list
	return e
}

// InvalidField is the failure for one wrong field.
func InvalidField(name, message string) error {
	var f Fields
	f.Add(name, message)
	return f.Err()
}
