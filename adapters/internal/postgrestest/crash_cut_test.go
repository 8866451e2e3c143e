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

// TestAnswersCut and TestRequestsCut cut the connections after random bytes of what the server says, and of what it is told.
func TestAnswersCut(t *testing.T) {
	testCuts(t, size(100, 2000), (*servers.Proxy).CutAnswers, 60)
}

func TestRequestsCut(t *testing.T) {
	testCuts(t, size(30, 1000), (*servers.Proxy).CutRequests, 400)
}

// testCuts lets commands be carried out, one of three without a key, until a unit of work has met the cut: every other one
// anywhere, and the rest over a commit, which has about so many bytes.
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
			cut(proxy, rand.Int64N(6000)) // about as much as a command and a half
		} else {
			w.atCommit = func() { cut(proxy, rand.Int64N(commit)) }
		}
		for w.cuts == before {
			if rand.N(3) == 0 {
				_ = keyless.Send(t.Context()) // it is judged in the end
			} else if err := command(); err != nil && !errors.Is(err, fault.Unavailable) {
				t.Fatalf("the connection was cut, and the answer is %v", err)
			}
		}
		for range 5 { // of each kind one, so that their statements are prepared on the new connection
			if err := command(); err != nil {
				t.Fatalf("the network is well again, and the answer is %v", err)
			}
		}
	}
	v := workload.Judge(t, s.Community, []int{next})
	unknown, done := keyless.Judge(t)
	t.Attr("counts", fmt.Sprintf("%d units cut, %d of unknown outcome, of which %d had been committed; %d commands acknowledged, %d lost, %d doubled; "+
		"without a key %d of unknown outcome, of which %d were done", w.cuts, w.unknown, w.committed, next, v.Lost, v.Doubled, unknown, done))
	if w.unknown == 0 {
		t.Error("no commit was cut: this proves nothing")
	}
}

// witness looks, by a connection of its own, whether a unit of work that failed was committed all the same, and makes the
// network well again.
type witness struct {
	ports.Storage
	t                        *testing.T
	proxy                    *servers.Proxy
	conn                     *pgx.Conn
	schema                   string
	atCommit                 func() // when the next unit that writes has only its commit before it
	cuts, unknown, committed int
}

// watched is a command's key in its context, by which the witness recognises it.
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
		w.t.Errorf("a unit was committed, and answers %v", err)
	}
	return err
}

// there reports whether a command that is watched was committed.
func (w *witness) there(ctx context.Context) (is bool) {
	look := "SELECT EXISTS (SELECT FROM " + w.schema + ".idempotency_records WHERE key = $1)"
	if err := w.conn.QueryRow(context.Background(), look, ctx.Value(watched{})).Scan(&is); err != nil {
		w.t.Errorf("look for a key: %v", err)
	}
	return is
}
