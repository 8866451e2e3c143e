package porttest_test

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/porttest"
)

// unfinished lists stores that are not complete. The kit must run every suite on each of them, and
// end.
var unfinished = []struct {
	name   string
	plant  plant
	passes []string // the suites that must pass
}{
	{"nil", func(*memory.Store) ports.Storage { return nil }, nil},
	{"unimplemented", func(*memory.Store) ports.Storage { return ports.UnimplementedStorage{} }, nil},
	{"panics", func(*memory.Store) ports.Storage { return struct{ ports.Storage }{} }, nil},
	{"without units", running(func(*memory.Store, context.Context, uow.Mode, unit) error { return nil }), nil},
	{"without a Tx", txOf(func(ports.Tx) ports.Tx { return nil }), nil},
	{"with a Tx that panics", txOf(func(ports.Tx) ports.Tx { return struct{ ports.Tx }{} }), nil},
	{"without repositories", txOf(func(ports.Tx) ports.Tx { return hollow{} }), nil},
	{"with repositories that panic", txOf(func(ports.Tx) ports.Tx { return hollow{true} }), nil},
	{"with an unimplemented Tx", txOf(func(ports.Tx) ports.Tx { return ports.UnimplementedTx{} }), nil},
	{"of accounts and tokens", having("Users", "Events", "Tokens"),
		[]string{"units", "users", "twins", "grants", "sessions", "tries", "factors", "events", "tokens", "chain", "isolation", "closing",
			"waking"}},
}

// txOf returns a plant of memory adapters with another Tx.
func txOf(replace func(tx ports.Tx) ports.Tx) plant {
	return running(func(s *memory.Store, ctx context.Context, mode uow.Mode, fn unit) error {
		return s.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, replace(tx)) })
	})
}

// having returns a plant of stores that have some repositories and leave the others unimplemented.
func having(names ...string) plant {
	return txOf(func(tx ports.Tx) ports.Tx { return partial{tx: tx, names: names} })
}

type partial struct {
	ports.UnimplementedTx
	tx    ports.Tx
	names []string
}

func pick[R any](p partial, name string, sound, unimplemented func() R) R {
	if slices.Contains(p.names, name) {
		return sound()
	}
	return unimplemented()
}

func (p partial) Idempotency() idempotency.Repository {
	return pick(p, "Idempotency", p.tx.Idempotency, p.UnimplementedTx.Idempotency)
}
func (p partial) Events() events.Repository {
	return pick(p, "Events", p.tx.Events, p.UnimplementedTx.Events)
}
func (p partial) Subscriptions() events.Subscriptions {
	return pick(p, "Subscriptions", p.tx.Subscriptions, p.UnimplementedTx.Subscriptions)
}
func (p partial) Tokens() tokens.Repository {
	return pick(p, "Tokens", p.tx.Tokens, p.UnimplementedTx.Tokens)
}
func (p partial) Users() users.Repository {
	return pick(p, "Users", p.tx.Users, p.UnimplementedTx.Users)
}
func (p partial) Moderation() moderation.Repository {
	return pick(p, "Moderation", p.tx.Moderation, p.UnimplementedTx.Moderation)
}
func (p partial) Matching() matching.Repository {
	return pick(p, "Matching", p.tx.Matching, p.UnimplementedTx.Matching)
}
func (p partial) Messaging() messaging.Repository {
	return pick(p, "Messaging", p.tx.Messaging, p.UnimplementedTx.Messaging)
}
func (p partial) Reservations() reservations.Repository {
	return pick(p, "Reservations", p.tx.Reservations, p.UnimplementedTx.Reservations)
}
func (p partial) Notifications() notifications.Repository {
	return pick(p, "Notifications", p.tx.Notifications, p.UnimplementedTx.Notifications)
}
func (p partial) Webhooks() webhooks.Repository {
	return pick(p, "Webhooks", p.tx.Webhooks, p.UnimplementedTx.Webhooks)
}
func (p partial) Rows() ports.Rows   { return pick(p, "Rows", p.tx.Rows, p.UnimplementedTx.Rows) }
func (p partial) Marks() ports.Marks { return pick(p, "Marks", p.tx.Marks, p.UnimplementedTx.Marks) }

// hollow is a Tx whose repositories are all nil, or panic in all methods.
type hollow struct{ panics bool }

func hollowed[R any](h hollow, panicking R) (none R) {
	if h.panics {
		return panicking
	}
	return none
}

func (h hollow) Idempotency() idempotency.Repository {
	return hollowed[idempotency.Repository](h, struct{ idempotency.Repository }{})
}
func (h hollow) Events() events.Repository {
	return hollowed[events.Repository](h, struct{ events.Repository }{})
}
func (h hollow) Subscriptions() events.Subscriptions {
	return hollowed[events.Subscriptions](h, struct{ events.Subscriptions }{})
}
func (h hollow) Webhooks() webhooks.Repository {
	return hollowed[webhooks.Repository](h, struct{ webhooks.Repository }{})
}
func (h hollow) Tokens() tokens.Repository {
	return hollowed[tokens.Repository](h, struct{ tokens.Repository }{})
}
func (h hollow) Users() users.Repository {
	return hollowed[users.Repository](h, struct{ users.Repository }{})
}
func (h hollow) Moderation() moderation.Repository {
	return hollowed[moderation.Repository](h, struct{ moderation.Repository }{})
}
func (h hollow) Matching() matching.Repository {
	return hollowed[matching.Repository](h, struct{ matching.Repository }{})
}
func (h hollow) Messaging() messaging.Repository {
	return hollowed[messaging.Repository](h, struct{ messaging.Repository }{})
}
func (h hollow) Reservations() reservations.Repository {
	return hollowed[reservations.Repository](h, struct{ reservations.Repository }{})
}
func (h hollow) Notifications() notifications.Repository {
	return hollowed[notifications.Repository](h, struct{ notifications.Repository }{})
}
func (h hollow) Rows() ports.Rows   { return hollowed[ports.Rows](h, struct{ ports.Rows }{}) }
func (h hollow) Marks() ports.Marks { return hollowed[ports.Marks](h, struct{ ports.Marks }{}) }

// TestUnfinished tests that the kit neither stops nor hangs at a store that is not complete.
func TestUnfinished(t *testing.T) {
	suites, tests := porttest.Suites()
	for _, u := range unfinished {
		t.Run(u.name, func(t *testing.T) {
			t.Parallel()
			v := judged(t, u.name, "^TestStorage$")
			if v.err == nil {
				t.Error("the kit passed the store")
			}
			for _, suite := range suites {
				passes, failed := slices.Contains(u.passes, suite), slices.Contains(v.failed, suite)
				if passes == failed {
					t.Errorf("the suite %s passed: %t, want %t", suite, !failed, passes)
				}
				for _, test := range tests[suite] {
					if name := suite + "/" + strings.ReplaceAll(test, " ", "_"); !slices.Contains(v.reached, name) {
						t.Errorf("the kit did not run %s", name)
					}
				}
			}
			if t.Failed() {
				t.Log(v.output)
			}
		})
	}
}

var suiteRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([A-Za-z, ]+) \\|")

// TestNeeds tests that README.md lists the suites in their order, and that each suite passes on a
// store with only the repositories that README.md names for it.
func TestNeeds(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	suites, _ := porttest.Suites()
	var listed []string
	byNeeds := map[string][]string{} // suites by the repositories that they need
	for _, row := range suiteRow.FindAllStringSubmatch(string(page), -1) {
		listed = append(listed, row[1])
		byNeeds[row[2]] = append(byNeeds[row[2]], row[1])
	}
	if !slices.Equal(listed, suites) {
		t.Errorf("README.md lists the suites %q, want %q", listed, suites)
	}
	for needs, names := range byNeeds {
		if needs == "all" {
			continue // TestStorage runs these
		}
		t.Run(needs, func(t *testing.T) {
			t.Parallel()
			v := judged(t, "only "+needs, "^TestStorage$/^("+strings.Join(names, "|")+")$")
			if v.err != nil || !slices.Contains(v.reached, names[0]) {
				t.Errorf("the suites %q need more repositories: %v\n%s", names, v.err, v.output)
			}
		})
	}
}

// nervous is a store whose units sometimes fail with a conflict, at a call or at their commit, as
// they may on any store.
func nervous(s *memory.Store) ports.Storage {
	var runs atomic.Int64
	return &runner{s, func(ctx context.Context, mode uow.Mode, fn unit) error {
		n := runs.Add(1)
		losing := &losing{Context: ctx}
		if n%3 == 0 {
			losing.left.Store(1 + n/3%7)
		}
		return s.Run(losing, mode, func(ctx context.Context, tx ports.Tx) error {
			err := fn(ctx, tx)
			if err == nil && n%5 == 0 {
				err = uow.ErrConflict
			}
			return err
		})
	}}
}

// losing is a context that makes one call fail with a conflict: the one at which left reaches 0.
type losing struct {
	context.Context
	left atomic.Int64
}

func (c *losing) Err() error {
	if err := c.Context.Err(); err != nil {
		return err
	}
	if c.left.Add(-1) == 0 {
		return uow.ErrConflict
	}
	return nil
}

// TestNervous tests that the kit runs units again after a conflict, and does not report conflicts
// that may occur.
func TestNervous(t *testing.T) {
	t.Parallel()
	if v := judged(t, "nervous", "^TestStorage$"); v.err != nil {
		t.Errorf("%v\n%s", v.err, v.output)
	}
}
