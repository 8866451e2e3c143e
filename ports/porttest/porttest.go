package porttest

import (
	"testing"

	"github.com/cicerone-go/cicerone/ports"
)

// Storage tests a store against every obligation of ports and core. The function open gives a fresh, empty
// store each time it is called; the kit closes it.
func Storage(t *testing.T, open func(t *testing.T) ports.Storage) {
	t.Logf("the long run, with CICERONE_SOAK=1: %t", soak())
	for _, s := range suites {
		t.Run(s.name, func(t *testing.T) {
			for _, c := range s.tests {
				t.Run(c.name, func(t *testing.T) { c.run(newFixture(t, open)) })
			}
		})
	}
}

// suite is the tests of one concern.
type suite struct {
	name  string
	tests []test
}

// test is one obligation; run has a fresh store of its own.
type test struct {
	name string
	run  func(f *fixture)
}

// suites go from the store as a whole to the domains, and from there to the services on top of them.
var suites = []suite{
	{"units", units},
	{"isolation", isolation},
	{"guards", guards},
	{"cancellation", cancellation},
	{"closing", closing},
	{"values", values},
	{"aliasing", aliasing},
	{"rows", rows},
	{"idempotency", idempotencyTests},
	{"tokens", tokensTests},
	{"users", usersTests},
	{"sessions", sessionsTests},
	{"moderation", moderationTests},
	{"matching", matchingTests},
	{"search", searchTests},
	{"messaging", messagingTests},
	{"reservations", reservationsTests},
	{"races", races},
	{"privacy", privacyTests},
	{"refusals", refusals},
	{"life", life},
}
