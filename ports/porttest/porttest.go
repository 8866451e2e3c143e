package porttest

import (
	"fmt"
	"runtime/debug"
	"testing"

	"github.com/cicerone-go/cicerone/ports"
)

// Storage tests a store against every obligation of ports and core. The function open returns a
// new, empty store each time; the kit closes it.
func Storage(t *testing.T, open func(t *testing.T) ports.Storage) {
	t.Logf("the long run, with CICERONE_SOAK=1: %t", soak())
	for _, s := range suites {
		t.Run(s.name, func(t *testing.T) {
			for _, c := range s.tests {
				t.Run(c.name, func(t *testing.T) { c.runOn(t, open) })
			}
		})
	}
}

// suite holds the tests of one concern.
type suite struct {
	name  string
	tests []test
}

// test tries one obligation. run gets a new, empty store.
type test struct {
	name string
	run  func(f *fixture)
}

// runOn runs the test. A panic fails it, and the kit continues with the next one.
func (c test) runOn(t *testing.T, open func(t *testing.T) ports.Storage) {
	t.Helper()
	defer func() {
		if err := panicked(recover()); err != nil {
			t.Error(err)
		}
	}()
	c.run(newFixture(t, open))
}

// panicked returns an error for a value that recover returned, or nil if there was no panic.
func panicked(value any) error {
	if value == nil {
		return nil
	}
	return fmt.Errorf("panic: %v\n%s", value, debug.Stack())
}

// suites are in the order in which a store is written: each needs the repositories that README.md
// lists for it, and those that the suites before it need.
var suites = []suite{
	{"units", units},
	{"users", usersTests},
	{"twins", twinTests},
	{"grants", grantTests},
	{"sessions", sessionsTests},
	{"tries", triesTests},
	{"factors", factorTests},
	{"events", eventTests},
	{"tokens", tokensTests},
	{"chain", chainTests},
	{"isolation", isolation},
	{"closing", closing},
	{"waking", wakingTests},
	{"subscriptions", subscriptionTests},
	{"idempotency", idempotencyTests},
	{"moderation", moderationTests},
	{"matching", matchingTests},
	{"search", searchTests},
	{"messaging", messagingTests},
	{"reservations", reservationsTests},
	{"notifications", notificationTests},
	{"sight", sightTests},
	{"webhooks", webhookTests},
	{"fields", fields},
	{"rows", rows},
	{"calls", calls},
	{"guards", guards},
	{"cancellation", cancellation},
	{"values", values},
	{"aliasing", aliasing},
	{"everyday", everyday},
	{"steps", stepsTests},
	{"races", races},
	{"guessing", guessing},
	{"told", told},
	{"privacy", privacyTests},
	{"refusals", refusals},
	{"life", life},
}
