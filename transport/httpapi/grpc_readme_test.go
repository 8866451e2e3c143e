package httpapi_test

import (
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
)

// TestReadmeOfGRPC holds the table of codes to the code.
func TestReadmeOfGRPC(t *testing.T) {
	page, err := os.ReadFile("../grpcapi/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Refusals\n")
	onPage := map[fault.Kind]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			continue
		}
		for kind := range strings.SplitSeq(cells[1], ",") {
			onPage[fault.Kind(strings.TrimSpace(kind))] = strings.ReplaceAll(strings.TrimSpace(cells[2]), "_", "")
		}
	}
	for _, kind := range []fault.Kind{
		fault.Malformed, fault.Invalid, fault.TooLarge, fault.UnsupportedMedia, fault.Unauthenticated, fault.Forbidden, fault.NotFound,
		fault.Conflict, fault.InsufficientTokens, fault.TooManyRequests, fault.Unavailable, fault.Unimplemented, fault.Internal,
	} {
		code := codes.Code(failure.CodesOf(kind).GRPC).String()
		if !strings.EqualFold(onPage[kind], code) {
			t.Errorf("%s has the code %s, and in README.md %q", kind, code, onPage[kind])
		}
	}
}
