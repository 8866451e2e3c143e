package postgrestest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/porttest"
)

// Many stores share few connections of the server. A transaction gets any of them, so no state may
// belong to a session.
func TestPgBouncer(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	pooled := servers.PgBouncer(t, dsn)
	refused(t, pooled, o, uow.ErrUnreachable, "PgBouncer")

	o.PgBouncer = true
	const clients, sends = 8, 25
	var all sync.WaitGroup
	first := open(t, pooled, o)
	_, pairs, err := populated(first, clients)
	must(t, err)
	must(t, first.Close(ctx))
	for range 2 { // the second run repeats all keys
		for n, p := range pairs {
			all.Go(func() {
				s := open(t, pooled, o)
				defer func() { must(t, s.Close(ctx)) }()
				c := community.New(s, community.NewClock(), id.NewGenerator(nil), uow.Policy{})
				for i := range sends {
					key := idempotency.Key(fmt.Sprintf("%d-%d", n, i))
					if _, err := c.Messaging.Send(ctx, p.Voyager, p.Talk, messaging.Draft{Content: string(key)}, key); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
	}

	s := open(t, pooled, o)
	defer func() { must(t, s.Close(ctx)) }()
	v, err := audit.New(ports.ForAudit(ports.NewStore(s, uow.Policy{}))).Audit(ctx)
	must(t, err)
	if want := int64(1 + 2*clients + clients + clients*sends); v.Transactions != want || len(v.Violations) > 0 {
		t.Errorf("got %d lines in the ledger, want %d; violations: %v", v.Transactions, want, v.Violations)
	}
}

func TestStorageBehindPgBouncer(t *testing.T) {
	if !soak() {
		t.Skip("runs in make soak: the kit a second time, behind PgBouncer")
	}
	dsn := servers.Postgres(t)
	pooled := servers.PgBouncer(t, dsn)
	porttest.Storage(t, func(t *testing.T) ports.Storage {
		o := fresh(t, dsn)
		o.PgBouncer = true
		return open(t, pooled, o)
	})
}
