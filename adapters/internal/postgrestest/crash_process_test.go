package postgrestest

import (
	"context"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/postgres"
)

// TestMain runs as the child process that TestProcessKilled kills if that has started it, and otherwise
// runs the tests.
func TestMain(m *testing.M) { workload.Main(m.Run, openChild) }

func openChild(ctx context.Context, dsn string) (workload.Opened, error) {
	s, err := postgres.Open(ctx, dsn, postgres.Options{})
	if err != nil {
		return workload.Opened{}, err
	}
	return workload.Opened{Community: over(s), Storage: s}, nil
}

// TestProcessKilled repeatedly kills a process under load with SIGKILL. Afterwards every acknowledged command
// was executed once, and a subscriber has got the event of every change, in order, and of no other.
func TestProcessKilled(t *testing.T) {
	kills := size(3, 25)
	dsn := servers.Postgres(t)
	must(t, postgres.Migrate(t.Context(), dsn, postgres.Options{}))
	var sum workload.Tally
	k := workload.NewKilled(t, dsn, 8, openChild, &sum)
	for range kills {
		k.Cycle()
	}
	k.End(maxWait)
	t.Attr("counts", sum.String())
}
