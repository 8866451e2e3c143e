package sqlitetest

import (
	"bufio"
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/workload"
)

const clients = 8

// TestCrash repeatedly kills a process under load with SIGKILL. Afterwards the store has every acknowledged
// command once, no repeated command twice, and breaks no rule, and a subscriber has got the event of every
// change, in order, and of no other.
func TestCrash(t *testing.T) {
	cycles, perStore := 20, 20
	if soak() {
		cycles = 500
	}
	var sum workload.Tally
	for sum.Kills < cycles {
		path := filepath.Join(t.TempDir(), "crash.db")
		k := workload.NewKilled(t, path, clients, openChild, &sum)
		for range min(perStore, cycles-sum.Kills) {
			k.Cycle()
			sound(t, path)
		}
		k.End(time.Minute)
	}
	t.Attr("counts", sum.String())
	if sum.Acknowledged < sum.Kills {
		t.Errorf("%d commands were acknowledged, want at least one for each of %d kills", sum.Acknowledged, sum.Kills)
	}
	if soak() && sum.Repeated == 0 { // few kills may all miss a delivery
		t.Error("no event was handled again")
	}
}

// TestCrashDuringCreation kills a process while it creates the store.
func TestCrashDuringCreation(t *testing.T) {
	cycles := 10
	if soak() {
		cycles = 200
	}
	for range cycles {
		path := filepath.Join(t.TempDir(), "crash.db")
		child, out := workload.Start(t, workload.Job{Store: path})
		time.AfterFunc(rand.N(60*time.Millisecond), func() { _ = child.Process.Kill() })
		_, _ = bufio.NewReader(out).ReadString(0) // until the child has ended
		_ = child.Wait()
		o := mustOpen(t, path)
		if _, _, err := o.Populate(context.Background(), 1); err != nil {
			t.Error(err)
		}
		workload.Audit(t, o.Community)
		sound(t, path)
		o.close(t)
	}
}
