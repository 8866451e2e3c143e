package servers_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
)

func TestProxy(t *testing.T) {
	dsn := servers.Postgres(t)
	before := goleak.IgnoreCurrent()
	t.Run("cuts", func(t *testing.T) { testProxy(t, dsn) })
	goleak.VerifyNone(t, before)
}

func testProxy(t *testing.T, dsn string) {
	direct := connect(t, dsn)
	execute(t, direct, "CREATE TABLE things (x int)")
	count := func() int { return ask[int](t, direct, "SELECT count(*) FROM things") }
	p := servers.NewProxy(t, dsn)
	const insert = "INSERT INTO things VALUES (1)"
	const large = "SELECT repeat('x', 10000000)"

	t.Run("answers", func(t *testing.T) {
		for _, after := range []int64{0, 1, 5} {
			conn := connect(t, p.DSN())
			rows := count()
			p.CutAnswers(after)
			if _, err := conn.Exec(t.Context(), insert); err == nil {
				t.Errorf("after %d bytes: the answer was not cut", after)
			}
			if n := count(); n != rows+1 {
				t.Errorf("after %d bytes: the server did not execute the request", after)
			}
			if _, err := pgx.Connect(t.Context(), p.DSN()); err == nil {
				t.Errorf("after %d bytes: a new connection was not cut", after)
			}
			p.Heal()
		}
	})
	t.Run("large answers", func(t *testing.T) {
		conn := connect(t, p.DSN())
		p.CutAnswers(1_000_000)
		if _, err := conn.Exec(t.Context(), insert); err != nil {
			t.Errorf("a short answer: %v", err)
		}
		if _, err := conn.Exec(t.Context(), large); err == nil {
			t.Error("the answer was not cut")
		}
		p.Heal()
	})
	t.Run("requests", func(t *testing.T) {
		conn := connect(t, p.DSN())
		rows := count()
		p.CutRequests(10)
		if _, err := conn.Exec(t.Context(), insert); err == nil {
			t.Error("the request was not cut")
		}
		if n := count(); n != rows {
			t.Error("the server executed half a request")
		}
		p.Heal()
	})
	t.Run("refuse", func(t *testing.T) {
		conn := connect(t, p.DSN())
		p.Refuse()
		if _, err := conn.Exec(t.Context(), insert); err == nil {
			t.Error("an open connection was not closed")
		}
		if _, err := pgx.Connect(t.Context(), p.DSN()); err == nil {
			t.Error("a new connection was accepted")
		}
		p.Heal()
	})
	t.Run("healed", func(t *testing.T) {
		execute(t, connect(t, p.DSN()), large)
	})
}
