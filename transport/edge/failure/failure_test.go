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

// TestCodes checks that every kind has its own code, and that KindOf is the inverse of CodesOf.
func TestCodes(t *testing.T) {
	for _, kind := range kinds {
		codes := failure.CodesOf(kind)
		if http.StatusText(codes.HTTP) == "" || codes.HTTP < 400 {
			t.Errorf("%s has the HTTP status %d", kind, codes.HTTP)
		}
		back, ok := failure.KindOf(func(c failure.Codes) bool { return c.HTTP == codes.HTTP })
		if back != kind || !ok {
			t.Errorf("%s has the status %d, of which KindOf returns %q, %v", kind, codes.HTTP, back, ok)
		}
	}
	if got := failure.CodesOf("odd"); got.HTTP != 500 {
		t.Errorf("an unknown kind has the codes %+v", got)
	}
	if kind, ok := failure.KindOf(func(c failure.Codes) bool { return c.HTTP == 200 }); ok || kind != "" {
		t.Errorf("status 200: got the kind %q, %v", kind, ok)
	}
}

func TestPublic(t *testing.T) {
	public := fault.New(fault.Conflict, "taken", "it is taken")
	for name, c := range map[string]struct{ err, want error }{
		"a fault":                  {public, public},
		"a wrapped fault":          {fmt.Errorf("secret: %w", public), public},
		"another error":            {errors.New("secret"), failure.Internal},
		"a fault of kind Internal": {fault.New(fault.Internal, "c", "secret"), failure.Internal},
		"a fault of unknown kind":  {fault.New("odd", "c", "secret"), failure.Internal},
		"a kind":                   {fmt.Errorf("secret: %w", fault.Forbidden), fault.New(fault.Forbidden, "forbidden", "Forbidden")},
		"the kind Internal":        {fault.Internal, failure.Internal},
		"a deadline":               {fmt.Errorf("secret: %w", context.DeadlineExceeded), failure.TimedOut},
		"a cancellation":           {fmt.Errorf("secret: %w", context.Canceled), failure.TimedOut},
	} {
		t.Run(name, func(t *testing.T) {
			if got := failure.Public(c.err); got.Error() != c.want.Error() || !errors.Is(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
