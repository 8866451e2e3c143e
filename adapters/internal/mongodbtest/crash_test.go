package mongodbtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// maxWait is the time limit for each wait. It is generous: all clients are usually served within 15 s of an
// election.
const maxWait = time.Minute

// newLife starts the clients of eight pairs on a server that will fail.
func newLife(t *testing.T, s target) *workload.Life {
	t.Helper()
	w := s.populated(t, 8)
	return workload.NewLife(t, w.Community, w.store, w.admin, w.pairs, maxWait)
}

// newListeningLife is newLife with a subscriber, and with a joined one that keeps a diary.
func newListeningLife(t *testing.T, s target) (*workload.Life, *mongodb.Store) {
	t.Helper()
	var diary workload.Diary
	w := s.populatedOver(t, 8, func(store *mongodb.Store, database string) ports.Storage {
		must(t, s.client(t).Database(database).CreateCollection(t.Context(), "diary"))
		diary = diaryIn(store, database)
		return diary.Keep(store)
	})
	l := workload.NewLife(t, w.Community, w.store, w.admin, w.pairs, maxWait)
	l.Listen(diary)
	return l, w.store
}

// diaryIn returns the diary that a host keeps in a collection of its own.
func diaryIn(store *mongodb.Store, database string) workload.Diary {
	in := func(ctx context.Context, fn func(ctx context.Context, diary *mongo.Collection) error) error {
		session, err := mongodb.SessionFrom(ctx)
		if err != nil {
			return err
		}
		return fn(session, session.Client().Database(database).Collection("diary"))
	}
	return workload.Diary{
		Write: func(ctx context.Context, line string) error {
			return in(ctx, func(ctx context.Context, diary *mongo.Collection) error {
				_, err := diary.InsertOne(ctx, bson.D{{Key: "line", Value: line}})
				return err
			})
		},
		Lines: func(ctx context.Context) (lines []string, err error) {
			err = store.Run(ctx, uow.Write, func(ctx context.Context, _ ports.Tx) error {
				return in(ctx, func(ctx context.Context, diary *mongo.Collection) error {
					cursor, err := diary.Find(ctx, bson.D{})
					if err != nil {
						return err
					}
					var all []struct{ Line string }
					err = cursor.All(ctx, &all)
					lines = nil
					for _, d := range all {
						lines = append(lines, d.Line)
					}
					return err
				})
			})
			return lines, err
		},
	}
}

// size returns usual, or full with CICERONE_SOAK=1.
func size(usual, full int) int {
	if soak() {
		return full
	}
	return usual
}

// TestConnectionsCut cuts the connections after a random number of bytes while eight clients work. It cuts in
// the requests and in the replies in turn. A subscriber gets the event of every change, in order, and of no other,
// and the document that a joined subscriber wrote is there for each of them and for no other. A store serves 50
// cuts, because the fake gets slower with every document.
func TestConnectionsCut(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s target) {
		proxy := servers.NewProxy(t, servers.OfPrimary(t, s.uri))
		s.uri = proxy.DSN()
		t.Cleanup(func() { forget(s.uri) })
		for left := size(10, 1000); left > 0; left -= 50 {
			l, _ := newListeningLife(t, s)
			times := min(left, 50)
			for n := range times {
				l.Work()
				after := rand.Int64N(20_000) // about as much as ten commands
				if n%2 == 0 {
					proxy.CutAnswers(after)
				} else {
					proxy.CutRequests(after)
				}
				proxy.AwaitCut(maxWait)
				proxy.Heal()
				if n%5 == 4 {
					l.Healed()
				}
			}
			l.End(fmt.Sprintf("%d times cut", times))
		}
	})
}

// TestServerKilled kills the only node of a replica set under load with SIGKILL, again and again.
func TestServerKilled(t *testing.T) {
	const kills = 20
	s, server := onNodes(t, 1)
	node := server.Nodes[0]
	l, store := newListeningLife(t, s)
	for n := range kills {
		l.Work()
		node.Kill()
		if n == 0 { // once, because Ping waits for the server selection timeout
			if err := store.Ping(t.Context()); !errors.Is(err, uow.ErrUnreachable) {
				t.Errorf("Ping = %v while the server is down, want ErrUnreachable", err)
			}
		}
		node.Start()
		server.Primary()
		l.Healed()
	}
	l.End(fmt.Sprintf("%d kills", kills))
}

// TestElections kills and freezes the primary of three nodes under load, in turn. The other two elect a new
// primary. The old one comes back as a secondary, and rolls back the writes that only it has.
func TestElections(t *testing.T) {
	s, server := onNodes(t, 3)
	l := newLife(t, s)
	elections := size(10, 20)
	for n := range elections {
		l.Work()
		old := server.Primary()
		back := old.Thaw
		if n%2 == 0 {
			old.Kill()
			back = old.Start
		} else {
			old.Freeze()
		}
		if server.Primary() == old {
			t.Fatal("the unreachable primary is still the primary")
		}
		l.Healed()
		back()
		server.AwaitWhole()
	}
	l.End(fmt.Sprintf("%d elections", elections))
}
