package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
)

var (
	errGone  = fault.New(fault.NotFound, "gone", "it is not there")
	errTaken = fault.New(fault.Conflict, "taken", "it is taken")
)

func TestIs(t *testing.T) {
	wrapped := fmt.Errorf("look for it: %w", errGone)
	for name, test := range map[string]struct {
		err, target error
		want        bool
	}{
		"itself":                         {errGone, errGone, true},
		"its kind":                       {errGone, fault.NotFound, true},
		"wrapped, itself":                {wrapped, errGone, true},
		"wrapped, its kind":              {wrapped, fault.NotFound, true},
		"joined, its kind":               {errors.Join(io.EOF, errGone), fault.NotFound, true},
		"with another detail":            {errGone.WithDetail("the cat has it"), errGone, true},
		"with a cause":                   {errGone.Wrap(io.EOF), errGone, true},
		"the cause":                      {errGone.Wrap(io.EOF), io.EOF, true},
		"decoded from a response":        {fault.New(fault.NotFound, "gone", "elsewhere"), errGone, true},
		"another kind":                   {errGone, fault.Conflict, false},
		"another code of the same kind":  {errGone, fault.New(fault.NotFound, "lost", "it is not there"), false},
		"the same code of another kind":  {errGone, fault.New(fault.Conflict, "gone", "it is not there"), false},
		"another failure":                {errGone, errTaken, false},
		"a foreign target":               {errGone, io.EOF, false},
		"a bare kind":                    {fault.NotFound, fault.NotFound, true},
		"a bare kind, another kind":      {fault.NotFound, fault.Conflict, false},
		"a bare kind, a failure of it":   {fault.NotFound, errGone, false},
		"a foreign error, kind Internal": {io.EOF, fault.Internal, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := errors.Is(test.err, test.target); got != test.want {
				t.Errorf("errors.Is(%v, %v) = %v, want %v", test.err, test.target, got, test.want)
			}
		})
	}
}

func TestKindOf(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want fault.Kind
	}{
		"nil":                      {nil, ""},
		"a failure":                {errTaken, fault.Conflict},
		"a wrapped failure":        {fmt.Errorf("take it: %w", errTaken), fault.Conflict},
		"a kind":                   {fmt.Errorf("take it: %w", fault.Conflict), fault.Conflict},
		"a foreign error":          {io.ErrUnexpectedEOF, fault.Internal},
		"the outermost of several": {errTaken.Wrap(errGone), fault.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fault.KindOf(test.err); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestCopiesDoNotChangeTheOriginal(t *testing.T) {
	_ = errGone.Wrap(io.EOF)
	_ = errGone.WithDetail("another sentence")
	if errGone.Unwrap() != nil || errGone.Detail != "it is not there" {
		t.Errorf("the variable was changed to %v", errGone)
	}
}

func TestMessages(t *testing.T) {
	var f fault.Fields
	f.Add("age", "must be 18 to 120")
	f.Add("city", "must not be blank")
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"a kind":       {fault.TooManyRequests, "too many requests"},
		"a failure":    {errTaken, "it is taken"},
		"with a cause": {errTaken.Wrap(io.EOF), "it is taken: EOF"},
		"with fields":  {f.Err(), "age must be 18 to 120; city must not be blank"},
		"of one field": {fault.InvalidField("age", "must be 18 to 120"), "age must be 18 to 120"},
		"other words":  {errTaken.WithDetail("Ada has it"), "Ada has it"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.err.Error(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestFields(t *testing.T) {
	var f fault.Fields
	f.Check(true, "name", "is valid and not added")
	if err := f.Err(); err != nil {
		t.Fatalf("got %v, want no error", err)
	}
	f.Check(false, "name", "must not be empty")
	f.Add("age", "must be 18 to 120")
	e, ok := errors.AsType[*fault.Error](f.Err())
	if !ok || e.Kind != fault.Invalid || e.Code != fault.CodeInvalid {
		t.Fatalf("got %v, want an Invalid failure", f.Err())
	}
	want := []fault.Field{{Name: "name", Message: "must not be empty"}, {Name: "age", Message: "must be 18 to 120"}}
	if len(e.Fields) != 2 || e.Fields[0] != want[0] || e.Fields[1] != want[1] {
		t.Errorf("got the fields %v, want %v in the order in which they were added", e.Fields, want)
	}
}

func TestErrListsAtMostMaxFields(t *testing.T) {
	var f fault.Fields
	for i := range 3 * fault.MaxFields {
		f.Add(fmt.Sprint(i), "is wrong")
	}
	e, _ := errors.AsType[*fault.Error](f.Err())
	if len(e.Fields) != fault.MaxFields || e.Fields[0].Name != "0" || e.Fields[fault.MaxFields-1].Name != "19" {
		t.Errorf("got the fields %v, want the first %d", e.Fields, fault.MaxFields)
	}
}

func TestCollect(t *testing.T) {
	var other, f fault.Fields
	other.Add("name", "is rude")
	other.Add("age", "must be 18 to 120")
	other.Add("age", "must not be odd")
	f.Add("name", "must not be empty")
	if err := f.Collect(fmt.Errorf("check: %w", other.Err())); err != nil {
		t.Fatal(err)
	}
	const want = "name must not be empty; age must be 18 to 120; age must not be odd"
	if got := f.Err().Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, err := range []error{nil, io.EOF, errTaken, fault.Invalid} {
		if got := f.Collect(err); !errors.Is(got, err) || f.Err().Error() != want {
			t.Errorf("for %v: got %v, and the fields %v", err, got, f.Err())
		}
	}
}
