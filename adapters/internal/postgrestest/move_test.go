package postgrestest

import (
	"context"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/moves"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
)

// TestMovesInOneStepHoldInOrder moves reservations while other units run. There must be no deadlock.
func TestMovesInOneStepHoldInOrder(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	s := open(t, dsn, fresh(t, dsn))
	defer func() { must(t, s.Close(ctx)) }()
	deadlocks := deadlocksOf(t, dsn)
	before := deadlocks()
	moves.HoldInOrder(t, s, size(15, 400))
	if n := deadlocks() - before; n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}

func TestMoveInOneStepChecksTheSession(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	s := open(t, dsn, fresh(t, dsn))
	defer func() { must(t, s.Close(ctx)) }()
	moves.CheckSessions(t, s)
}
