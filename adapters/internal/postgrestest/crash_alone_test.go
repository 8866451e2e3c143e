package postgrestest

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/uow"
)

// TestCommitAlone closes the connection in place of the answer to a statement that is a whole unit.
// While it is prepared, nothing is committed, and the message is sent over another connection.
// While it runs, the outcome is unknown.
func TestCommitAlone(t *testing.T) {
	dsn := servers.Postgres(t)
	const content = "cut this"
	var prepares, runs, cuts atomic.Bool
	network := newForgetful(t, dsn, func(sent []byte) bool {
		isMeant := sent[0] == 'P' && prepares.Load() && bytes.Contains(sent, []byte("WITH touched")) ||
			sent[0] == 'B' && runs.Load() && bytes.Contains(sent, []byte(content))
		return isMeant && cuts.CompareAndSwap(false, true)
	})
	defer network.close()
	o := impatient
	o.MaxConns = 1
	s := serve(t, network.dsn, o)
	conn := connectTo(t, dsn, s.options)
	for _, c := range []struct {
		name string
		when *atomic.Bool
		want error
	}{
		{"while the statement is prepared", &prepares, nil},
		{"while the statement runs", &runs, uow.ErrOutcomeUnknown},
	} {
		cuts.Store(false)
		c.when.Store(true)
		_, err := s.Messaging.Send(t.Context(), s.pairs[0].Voyager, s.pairs[0].Talk, messaging.Draft{Content: content}, "")
		c.when.Store(false)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got error %v, want %v", c.name, err, c.want)
		}
		if !cuts.Load() {
			t.Errorf("%s: nothing was cut, so the test proves nothing", c.name)
		}
	}
	var stored int
	must(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM messages WHERE content = $1", content).Scan(&stored))
	if stored != 2 {
		t.Errorf("%d messages are stored, want 2", stored)
	}
}
