package postgrestest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/histories"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/ports"
)

func TestHistories(t *testing.T) {
	t.Parallel()
	dsn := servers.Postgres(t)
	o := fresh(t, dsn)
	var inOneStep atomic.Int64
	next := 0
	histories.Compare(t, histories.Runs{Usual: 100, Soak: 3_000},
		func() (ports.Storage, error) { return memory.New(), nil },
		func() (ports.Storage, error) {
			derivedAgree(t, dsn, o) // its store is closed
			empty(t, dsn, o)
			numberFrom(t, dsn, o, []int{0, 255, 8190}[next%3])
			next++
			s, err := postgres.Open(context.Background(), dsn, o)
			return countSends(s, &inOneStep), err
		},
	)
	if inOneStep.Load() == 0 {
		t.Error("no message was sent in one step")
	}
	t.Attr("sends", fmt.Sprintf("%d messages sent in one step", inOneStep.Load()))
}
