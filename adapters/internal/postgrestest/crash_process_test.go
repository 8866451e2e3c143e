package postgrestest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestMain runs as the child process that TestProcessKilled kills if that has started it, and otherwise
// runs the tests.
func TestMain(m *testing.M) { workload.Main(m.Run, openChild) }

func openChild(ctx context.Context, dsn string) (workload.Opened, error) {
	s, err := postgres.Open(ctx, dsn, postgres.Options{})
	if err != nil {
		return workload.Opened{}, err
	}
	diary := diaryIn(s)
	return workload.Opened{Community: over(diary.Keep(s)), Storage: s, Diary: diary}, nil
}

// diaryIn returns the diary that a host keeps in a table of its own.
func diaryIn(s *postgres.Store) workload.Diary {
	in := func(ctx context.Context, fn func(tx pgx.Tx) error) error {
		tx, err := postgres.TxFrom(ctx)
		if err != nil {
			return err
		}
		return fn(tx)
	}
	return workload.Diary{
		Write: func(ctx context.Context, line string) error {
			return in(ctx, func(tx pgx.Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO public.diary (line) VALUES ($1)", line)
				return err
			})
		},
		Lines: func(ctx context.Context) (lines []string, err error) {
			err = s.Run(ctx, uow.Write, func(ctx context.Context, _ ports.Tx) error {
				return in(ctx, func(tx pgx.Tx) error {
					rows, err := tx.Query(ctx, "SELECT line FROM public.diary")
					if err == nil {
						lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
					}
					return err
				})
			})
			return lines, err
		},
	}
}

// TestProcessKilled repeatedly kills a process under load with SIGKILL. Afterwards every acknowledged command
// was executed once, a subscriber has got the event of every change, in order, and of no other, and the row
// that a joined subscriber wrote is there for each of them and for no other.
func TestProcessKilled(t *testing.T) {
	kills := size(3, 25)
	dsn := servers.Postgres(t)
	must(t, postgres.Migrate(t.Context(), dsn, postgres.Options{}))
	runSQL(t, dsn, "CREATE TABLE public.diary (line text NOT NULL)")
	var sum workload.Tally
	k := workload.NewKilled(t, dsn, 8, openChild, &sum)
	for range kills {
		k.Cycle()
	}
	k.End(maxWait)
	t.Attr("counts", sum.String())
}
