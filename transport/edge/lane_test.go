package edge_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
)

// lanes is a gate with one lane for searches and for hashes, and the requests that were sent to it.
// Its methods must be called in a bubble of synctest.
type lanes struct {
	t    *testing.T
	gate *edge.Gate

	mu    sync.Mutex
	begun []string          // the names of the requests that have begun, in order
	leave map[string]func() // of the requests that run
	ended map[string]error  // of the others
}

func newLanes(t *testing.T, of edge.Lane) *lanes {
	return &lanes{
		t: t, gate: edge.NewGate(&door{}, edge.Limits{Lanes: edge.Lanes{Search: of, Hashing: of}}),
		leave: map[string]func(){}, ended: map[string]error{},
	}
}

// user returns the context of a request of a signed-in user.
func user(ctx context.Context, n byte) context.Context {
	ctx = edge.WithCall(ctx, edge.Call{Operation: "test", Address: "192.0.2.1"})
	return edge.WithCaller(ctx, users.Caller{UserID: id.User{n}, Role: users.RoleUser})
}

// at returns the context of a request from an address, of a caller who is not signed in.
func at(ctx context.Context, address string) context.Context {
	return edge.WithCall(ctx, edge.Call{Operation: "test", Address: address})
}

// search sends searches of one user with the names, one after the other, and waits until each runs,
// waits or is refused. The first letter of a name is the user.
func (l *lanes) search(names ...string) {
	for _, name := range names {
		l.send(user(context.Background(), name[0]), edge.Search, "", name)
	}
}

func (l *lanes) send(ctx context.Context, c edge.Class, account, name string) {
	go func() {
		leave, err := l.gate.Enter(ctx, c, account)
		l.mu.Lock()
		defer l.mu.Unlock()
		if err != nil {
			l.ended[name] = err
			return
		}
		l.begun = append(l.begun, name)
		l.leave[name] = leave
	}()
	synctest.Wait()
}

// end ends a request that runs.
func (l *lanes) end(name string) {
	l.t.Helper()
	l.mu.Lock()
	leave := l.leave[name]
	delete(l.leave, name)
	l.mu.Unlock()
	if leave == nil {
		l.t.Fatalf("%s does not run", name)
	}
	leave()
	synctest.Wait()
}

// endAll ends the requests in the order in which they begin, until none runs.
func (l *lanes) endAll() {
	for i := 0; i < len(l.begun); i++ {
		if l.leave[l.begun[i]] != nil {
			l.end(l.begun[i])
		}
	}
}

// wantBegun fails the test unless exactly these requests have begun, in this order.
func (l *lanes) wantBegun(names string) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if got := strings.Join(l.begun, " "); got != names {
		l.t.Fatalf("begun: %s\nwant:  %s", got, names)
	}
}

// wantEnded fails the test unless exactly these requests were refused, with the error.
func (l *lanes) wantEnded(want error, names ...string) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var got []string
	for name, err := range l.ended {
		if !errors.Is(err, want) {
			l.t.Errorf("%s: got %v, want %v", name, err, want)
		}
		got = append(got, name)
	}
	if slices.Sort(got); !slices.Equal(got, names) {
		l.t.Fatalf("refused: %q, want %q", got, names)
	}
	clear(l.ended)
}

// inBubble runs a test with lanes for which no time passes but by time.Sleep.
func inBubble(t *testing.T, of edge.Lane, test func(l *lanes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newLanes(t, of)) })
}

func TestLaneWithoutQueue(t *testing.T) {
	inBubble(t, edge.Lane{AtOnce: 2, Each: 1}, func(l *lanes) {
		l.search("a1", "a2")
		l.wantEnded(edge.ErrTooManyAtOnce, "a2")
		l.search("b1", "c1")
		l.wantEnded(edge.ErrBusy, "c1")
		l.search("a2")
		l.wantEnded(edge.ErrTooManyAtOnce, "a2") // also while the server has no place
		l.end("b1")
		l.search("c1")
		l.end("a1")
		l.search("a2")
		l.endAll()
		l.wantBegun("a1 b1 c1 a2")
	})
}

func TestQueueOfALaneIsBounded(t *testing.T) {
	inBubble(t, edge.Lane{AtOnce: 1, Queue: 3, QueueEach: 2}, func(l *lanes) {
		l.search("a1", "a2", "a3", "a4")
		l.wantEnded(edge.ErrTooManyAtOnce, "a4")
		l.search("b1", "b2", "c1")
		l.wantEnded(edge.ErrBusy, "b2", "c1")
		l.end("a1") // a2 runs, and one place in the queue is free
		l.search("c2", "c3")
		l.wantEnded(edge.ErrBusy, "c3")
		l.endAll()
		l.wantBegun("a1 a2 b1 a3 c2")
		l.search("a5", "a6", "a7", "a8") // the whole share is there again
		l.wantEnded(edge.ErrTooManyAtOnce, "a8")
		l.endAll()
		l.wantBegun("a1 a2 b1 a3 c2 a5 a6 a7")
	})
}

// TestQueueOfALaneTakesTurns checks that one request of each caller begins before a second one of
// the same caller, in any order of arrival.
func TestQueueOfALaneTakesTurns(t *testing.T) {
	inBubble(t, edge.Lane{AtOnce: 1, Queue: 100}, func(l *lanes) {
		l.search("a1", "a2", "a3", "a4", "b1", "b2", "c1")
		l.endAll()
		l.wantBegun("a1 a2 b1 c1 a3 b2 a4")
	})
	t.Run("others who come later do not overtake for ever", func(t *testing.T) {
		inBubble(t, edge.Lane{AtOnce: 1, Queue: 100}, func(l *lanes) {
			l.search("a1", "a2", "a3")
			for i := range 20 {
				l.search(string(rune('b' + i)))
				l.end(l.begun[len(l.begun)-1])
			}
			if third := slices.Index(l.begun, "a3"); third < 0 || third > 4 {
				t.Errorf("a3 began as number %d of %q", third, l.begun)
			}
			l.endAll()
		})
	})
}

func TestLaneLeavesRoomForOthers(t *testing.T) {
	inBubble(t, edge.Lane{AtOnce: 3, Each: 2, Queue: 10}, func(l *lanes) {
		l.search("a1", "a2", "a3", "a4", "b1", "c1")
		l.wantBegun("a1 a2 b1") // c1 waits for a place, and a3 for one of a
		l.end("b1")
		l.wantBegun("a1 a2 b1 c1")
		l.end("c1")
		l.wantBegun("a1 a2 b1 c1")
		l.end("a2")
		l.wantBegun("a1 a2 b1 c1 a3")
		l.endAll()
	})
}

func TestCallerWhoHasLeftNeverBegins(t *testing.T) {
	inBubble(t, edge.Lane{AtOnce: 1, Queue: 3, QueueEach: 2}, func(l *lanes) {
		leaving, leave := context.WithCancel(context.Background())
		l.search("a1")
		l.send(user(leaving, 'b'), edge.Search, "", "b1")
		l.send(user(leaving, 'b'), edge.Search, "", "b2")
		l.search("c1")
		leave()
		synctest.Wait()
		l.wantEnded(context.Canceled, "b1", "b2")
		l.search("b3", "b4") // their places in the queue are free
		l.endAll()
		l.wantBegun("a1 c1 b3 b4")

		for range 100 { // which of the two is seen first is random
			l.send(user(leaving, 'b'), edge.Search, "", "b5")
			l.wantEnded(context.Canceled, "b5") // although there is a place
		}
	})
}

func TestLongestWaitInALane(t *testing.T) {
	inBubble(t, edge.Lane{AtOnce: 1, Queue: 2, Wait: 10 * time.Second}, func(l *lanes) {
		l.search("a1", "b1")
		time.Sleep(9 * time.Second)
		l.search("c1")
		l.wantEnded(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		l.wantEnded(edge.ErrBusy, "b1")
		l.endAll()
		l.wantBegun("a1 c1")
	})
}

// TestSharesOfHashing checks that an address has a share, whatever the accounts, and an account
// one, whatever the addresses, and that the share of the account is more than one address can have.
func TestSharesOfHashing(t *testing.T) {
	inBubble(t, edge.Lane{AtOnce: 1, Queue: 100, QueueEach: 2}, func(l *lanes) {
		sends := 0
		signIn := func(address, account string) {
			sends++
			l.send(at(context.Background(), address), edge.Hashing, account, fmt.Sprint(sends, account))
		}
		for range 4 {
			signIn("192.0.2.1", "ada")
		}
		l.wantEnded(edge.ErrTooManyAtOnce, "4ada")
		signIn("192.0.2.1", "ben")
		l.wantEnded(edge.ErrTooManyAtOnce, "5ben")
		for range 3 {
			signIn("2001:db8::1", "ada")
		}
		l.wantEnded(edge.ErrTooManyAtOnce, "8ada")
		signIn("2001:db8::2", "ben") // in the same /64
		l.wantEnded(edge.ErrTooManyAtOnce, "9ben")
		signIn("2001:db8:0:1::1", "ada")
		l.wantEnded(edge.ErrTooManyAtOnce, "10ada")
		signIn("2001:db8:0:1::1", "ben")
		signIn("2001:db8:0:2::1", "cleo")
		l.endAll()
		l.wantBegun("1ada 2ada 11ben 12cleo 3ada 6ada 7ada")
	})
	t.Run("of a signed-in user", func(t *testing.T) {
		inBubble(t, edge.Lane{AtOnce: 1, Queue: 100, QueueEach: 1}, func(l *lanes) {
			for i := range 4 {
				ctx := edge.WithCaller(at(context.Background(), fmt.Sprint("192.0.2.", i)), ada)
				l.send(ctx, edge.Hashing, "", fmt.Sprint("ada", i))
			}
			l.wantEnded(edge.ErrTooManyAtOnce, "ada3")
			l.send(edge.WithCaller(at(context.Background(), "192.0.2.1"), ann), edge.Hashing, "", "ann")
			l.wantEnded(edge.ErrTooManyAtOnce, "ann")
			l.endAll()
		})
	})
}

func TestCallersOfALane(t *testing.T) {
	inBubble(t, edge.Lane{Each: 1}, func(l *lanes) {
		l.send(at(context.Background(), "2001:db8::1"), edge.Search, "", "one")
		l.send(at(context.Background(), "2001:db8::2"), edge.Search, "", "same network")
		l.wantEnded(edge.ErrTooManyAtOnce, "same network")
		l.send(at(context.Background(), "2001:db8:0:1::2"), edge.Search, "", "other network")
		l.send(edge.WithCaller(at(context.Background(), "2001:db8::1"), ada), edge.Search, "", "user")
		l.send(edge.WithCaller(at(context.Background(), "192.0.2.1"), ada), edge.Search, "", "same user")
		l.wantEnded(edge.ErrTooManyAtOnce, "same user")
		l.endAll()
	})
}

func TestClassesHaveTheirOwnLanes(t *testing.T) {
	one := edge.Lane{AtOnce: 1}
	gate := edge.NewGate(&door{}, edge.Limits{
		Exports: edge.ExportLimits{PerUser: 1, AtOnce: 2}, Lanes: edge.Lanes{Search: one, Audit: one, Images: one, Hashing: one},
	})
	enter := func(n byte, c edge.Class, want error) {
		t.Helper()
		if _, err := gate.Enter(user(t.Context(), n), c, ""); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", c, err, want)
		}
	}
	for _, c := range []edge.Class{edge.Search, edge.Audit, edge.Images, edge.Hashing} {
		enter('a', c, nil)
		enter('b', c, edge.ErrBusy)
	}
	enter('a', edge.Export, nil)
	enter('a', edge.Export, edge.ErrExportRunning)
	enter('b', edge.Export, nil)
	enter('c', edge.Export, edge.ErrExportsBusy)
	enter('a', edge.Export, edge.ErrExportRunning) // also while the server has no place
	for range 10 {
		enter('a', edge.Cheap, nil)
	}
	if _, err := gate.Enter(t.Context(), "", ""); err == nil {
		t.Error("a request without a class was admitted")
	}
	free := edge.NewGate(&door{}, edge.Limits{})
	for range 10 {
		for _, c := range []edge.Class{edge.Search, edge.Audit, edge.Images, edge.Hashing, edge.Export} {
			if _, err := free.Enter(user(t.Context(), 'a'), c, ""); err != nil {
				t.Errorf("without limits: %s: %v", c, err)
			}
		}
	}
}

// TestLaneUnderLoad sends requests of many callers who leave at random, and checks the limits at
// each of them, and that all places are given back.
func TestLaneUnderLoad(t *testing.T) {
	limits := edge.Lane{AtOnce: 4, Each: 2, Queue: 20, QueueEach: 5}
	gate := edge.NewGate(&door{}, edge.Limits{Lanes: edge.Lanes{Search: limits}})
	var all, began, refused, gone atomic.Int64
	each := make([]atomic.Int64, 8)
	within := func(n *atomic.Int64, most int) {
		if got := n.Add(1); got > int64(most) {
			t.Errorf("%d requests run at once, want at most %d", got, most)
		}
	}
	var clients sync.WaitGroup
	for i := range 64 {
		clients.Go(func() {
			for range 50 {
				ctx, leave := context.WithTimeout(t.Context(), rand.N(2*time.Millisecond))
				end, err := gate.Enter(user(ctx, byte(i%len(each))), edge.Search, "")
				switch {
				case err == nil:
					began.Add(1)
					within(&all, limits.AtOnce)
					within(&each[i%len(each)], limits.Each)
					time.Sleep(rand.N(200 * time.Microsecond))
					all.Add(-1)
					each[i%len(each)].Add(-1)
					end()
				case errors.Is(err, context.DeadlineExceeded):
					gone.Add(1)
				default:
					refused.Add(1)
				}
				leave()
			}
		})
	}
	clients.Wait()
	t.Logf("%d began, %d refused, %d left", began.Load(), refused.Load(), gone.Load())
	if began.Load() == 0 || refused.Load() == 0 || gone.Load() == 0 {
		t.Error("one of them did not happen")
	}
	now, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for i := range limits.AtOnce {
		if _, err := gate.Enter(user(now, byte(i)), edge.Search, ""); err != nil {
			t.Fatalf("place %d is not free: %v", i, err)
		}
	}
}

// TestLaneForgetsCallers checks that a lane holds no memory for callers whose requests have ended.
func TestLaneForgetsCallers(t *testing.T) {
	gate := edge.NewGate(&door{}, edge.Limits{Lanes: edge.DefaultLanes(2)})
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range 100_000 {
		leave, err := gate.Enter(at(t.Context(), fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)), edge.Hashing, fmt.Sprint("account", i))
		if err != nil {
			t.Fatal(err)
		}
		leave()
	}
	if after := heap(); after > before+4<<20 {
		t.Errorf("the lane holds %d KiB", (after-before)>>10)
	}
	runtime.KeepAlive(gate)
}

// Waiting counts the requests that run and those that wait.
func TestWaiting(t *testing.T) {
	gate := edge.NewGate(&door{}, edge.Limits{Lanes: edge.Lanes{Search: edge.Lane{AtOnce: 1, Queue: 2}}})
	leave, err := gate.Enter(t.Context(), edge.Search, "")
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan error)
	go func() {
		leave, err := gate.Enter(t.Context(), edge.Search, "")
		if err == nil {
			leave()
		}
		second <- err
	}()
	for running, waiting := gate.Waiting(edge.Search); running != 1 || waiting != 1; running, waiting = gate.Waiting(edge.Search) {
		time.Sleep(time.Millisecond)
	}
	leave()
	if err := <-second; err != nil {
		t.Error(err)
	}
	for _, c := range append(edge.Classes(), edge.Cheap) {
		if running, waiting := gate.Waiting(c); running != 0 || waiting != 0 {
			t.Errorf("%s: %d run and %d wait, want none", c, running, waiting)
		}
	}
}
