package failure_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
)

var kinds = []fault.Kind{
	fault.Unauthenticated, fault.Forbidden, fault.TooLarge, fault.UnsupportedMedia, fault.Malformed, fault.Invalid, fault.NotFound,
	fault.Conflict, fault.InsufficientTokens, fault.TooManyRequests, fault.Unavailable, fault.Unimplemented,
	fault.Internal,
}

// TestCodes: every kind has a code of its own, by which it is found again.
func TestCodes(t *testing.T) {
	for _, kind := range kinds {
		codes := failure.CodesOf(kind)
		if http.StatusText(codes.HTTP) == "" || codes.HTTP < 400 {
			t.Errorf("%s has the HTTP status %d", kind, codes.HTTP)
		}
		back, ok := failure.KindOf(func(c failure.Codes) bool { return c.HTTP == codes.HTTP })
		if back != kind || !ok {
			t.Errorf("%s becomes %d, and that %q, %v", kind, codes.HTTP, back, ok)
		}
	}
	if got := failure.CodesOf("odd"); got.HTTP != 500 {
		t.Errorf("an unknown kind has %+v", got)
	}
	if kind, ok := failure.KindOf(func(c failure.Codes) bool { return c.HTTP == 200 }); ok || kind != "" {
		t.Errorf("200 is %q, %v", kind, ok)
	}
}

func TestPublic(t *testing.T) {
	told := fault.New(fault.Conflict, "taken", "it is taken")
	for name, c := range map[string]struct{ err, want error }{
		"a failure":                 {told, told},
		"a wrapped failure":         {fmt.Errorf("secret: %w", told), told},
		"a defect":                  {errors.New("secret"), failure.Internal},
		"a failure of Internal":     {fault.New(fault.Internal, "c", "secret"), failure.Internal},
		"a failure of no kind":      {fault.New("odd", "c", "secret"), failure.Internal},
		"a bare kind":               {fmt.Errorf("secret: %w", fault.Forbidden), fault.New(fault.Forbidden, "forbidden", "Forbidden")},
		"the bare kind of a defect": {fault.Internal, failure.Internal},
		"a deadline":                {fmt.Errorf("secret: %w", context.DeadlineExceeded), failure.TimedOut},
		"a cancellation":            {fmt.Errorf("secret: %w", context.Canceled), failure.TimedOut},
	} {
		t.Run(name, func(t *testing.T) {
			if got := failure.Public(c.err); got.Error() != c.want.Error() || !errors.Is(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
