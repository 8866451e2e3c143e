package postgrestest

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/adapters/internal/reach"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
)

// TestTablesOfRepositories checks that each repository uses only the tables that it may use.
func TestTablesOfRepositories(t *testing.T) {
	ctx, dsn := t.Context(), servers.Postgres(t)
	o, seen := fresh(t, dsn), &trace{}
	config, err := pgxpool.ParseConfig(dsn)
	must(t, err)
	must(t, o.Configure(config))
	config.ConnConfig.Tracer = seen
	pool, err := pgxpool.NewWithConfig(ctx, config)
	must(t, err)
	defer pool.Close()
	store, err := postgres.New(ctx, pool, o)
	must(t, err)
	wrong, err := reach.Wrong(ctx, store, seen.take)
	must(t, err)
	for _, w := range wrong {
		t.Error(w)
	}
	must(t, store.Close(ctx))
}

// trace collects the statements of a pool.
type trace struct {
	mu   sync.Mutex
	sent []reach.Statement
}

func (tr *trace) add(sql string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.sent = append(tr.sent, reach.SQL(sql))
}

func (tr *trace) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	for _, q := range data.Batch.QueuedQueries {
		tr.add(q.SQL)
	}
	return ctx
}

func (tr *trace) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	tr.add(data.SQL)
	return ctx
}

func (*trace) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*trace) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}
func (*trace) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData)     {}

// take removes the collected statements and returns them.
func (tr *trace) take() []reach.Statement {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	sent := tr.sent
	tr.sent = nil
	return sent
}
