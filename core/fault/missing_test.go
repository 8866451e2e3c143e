package fault_test

import (
	"errors"
	"io"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
)

func TestMissing(t *testing.T) {
	type parts struct {
		Pointer *int
		Reader  io.Reader
		Clock   func()
		Number  int
	}
	var none *io.PipeReader
	whole := parts{Pointer: new(int), Reader: &io.PipeReader{}, Clock: func() {}}
	for _, test := range []struct {
		parts parts
		want  string
	}{
		{whole, ""},
		{parts{}, "a choir cannot be made without Pointer, Reader, Clock"},
		{parts{Pointer: new(int), Reader: none, Clock: func() {}}, "a choir cannot be made without Reader"},
	} {
		err := fault.Missing("a choir", test.parts)
		if test.want == "" {
			if err != nil {
				t.Errorf("of %+v: %v", test.parts, err)
			}
		} else if !errors.Is(err, fault.Internal) || err.Error() != test.want {
			t.Errorf("of %+v: %v, want %s", test.parts, err, test.want)
		}
	}
}
