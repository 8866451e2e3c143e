package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestAnswersCut and TestRequestsCut cut the connections after a random number of bytes from the
// server and to it.
func TestAnswersCut(t *testing.T) {
	testCuts(t, size(100, 2000), (*servers.Proxy).CutAnswers, 60)
}

func TestRequestsCut(t *testing.T) {
	testCuts(t, size(30, 1000), (*servers.Proxy).CutRequests, 400)
}

// testCuts runs commands, one of three without an idempotency key, until a unit of work has met a
// cut. Every other cut is at any place, and the rest are within a commit, which has about commit
// bytes.
func testCuts(t *testing.T, cuts int, cut func(*servers.Proxy, int64), commit int64) {
	dsn := servers.Postgres(t)
	proxy := servers.NewProxy(t, dsn)
	s := serve(t, proxy.DSN(), impatient)
	w := &witness{Storage: s.storage, t: t, proxy: proxy, conn: connect(t, dsn), schema: pgx.Identifier{s.options.Schema}.Sanitize()}
	c := over(w)
	client := &workload.Client{Community: c, Admin: s.admin, Pair: s.pairs[0]}
	keyless := &workload.Keyless{Community: c, Pair: s.pairs[1]}
	next := 0
	command := func() error {
		err := client.Command(context.WithValue(t.Context(), watched{}, string(workload.Key(0, next))), next)
		if err == nil {
			next++
		}
		return err
	}
	for w.cuts < cuts {
		before := w.cuts
		if before%2 == 0 {
			cut(proxy, rand.Int64N(6000)) // about the size of one and a half commands
		} else {
			w.atCommit = func() { cut(proxy, rand.Int64N(commit)) }
		}
		for w.cuts == before {
			if rand.N(3) == 0 {
				_ = keyless.Send(t.Context()) // the audit at the end judges it
			} else if err := command(); err != nil && !errors.Is(err, fault.Unavailable) {
				t.Fatalf("a command on a cut connection: got error %v", err)
			}
		}
		for range 5 { // one of each kind, to prepare their statements on the new connection
			if err := command(); err != nil {
				t.Fatalf("a command after the network has recovered: got error %v", err)
			}
		}
	}
	v := workload.Judge(t, s.Community, []int{next})
	unknown, done := keyless.Judge(t)
	t.Attr("counts", fmt.Sprintf("%d units cut, %d of unknown outcome, of which %d had been committed; %d commands acknowledged, %d lost, %d doubled; "+
		"without a key %d of unknown outcome, of which %d were done", w.cuts, w.unknown, w.committed, next, v.Lost, v.Doubled, unknown, done))
	if w.unknown == 0 {
		t.Error("no commit was cut, so the test proves nothing")
	}
}

// witness checks on its own connection whether a failed unit of work was committed nevertheless,
// and repairs the network.
type witness struct {
	ports.Storage
	t                        *testing.T
	proxy                    *servers.Proxy
	conn                     *pgx.Conn
	schema                   string
	atCommit                 func() // called when the next unit that writes is about to commit
	cuts, unknown, committed int
}

// watched is the context key of the idempotency key by which the witness recognises a command.
type watched struct{}

func (w *witness) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	before := w.there(ctx)
	err := w.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
		err := fn(ctx, tx)
		if err == nil && mode == uow.Write && w.atCommit != nil {
			w.atCommit()
			w.atCommit = nil
		}
		return err
	})
	if err == nil || !errors.Is(err, fault.Unavailable) {
		return err
	}
	w.cuts++
	w.proxy.Heal()
	committed := !before && w.there(ctx)
	switch {
	case errors.Is(err, uow.ErrOutcomeUnknown):
		w.unknown++
		if committed {
			w.committed++
		}
	case committed:
		w.t.Errorf("a committed unit returned %v", err)
	}
	return err
}

// there reports whether the watched command was committed.
func (w *witness) there(ctx context.Context) (is bool) {
	look := "SELECT EXISTS (SELECT FROM " + w.schema + ".idempotency_records WHERE key = $1)"
	if err := w.conn.QueryRow(context.Background(), look, ctx.Value(watched{})).Scan(&is); err != nil {
		w.t.Errorf("look for a key: %v", err)
	}
	return is
}
