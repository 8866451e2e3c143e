package sqlitetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestDiskFull fills the disk under a store that is at work: writing is refused, reading goes on, and when there is space
// again everything works by itself, with all that was acknowledged.
func TestDiskFull(t *testing.T) {
	disk := smallDisk(t)
	path := filepath.Join(disk, "full.db")
	o := mustOpen(t, path)
	defer o.close(t)
	ctx := context.Background()
	_, pairs, err := o.Populate(ctx, 4)
	if err != nil {
		t.Fatal(err)
	}
	w := &writers{opened: o, pairs: pairs, acknowledged: map[idempotency.Key]bool{}}

	for range 3 { // it may happen more than once
		w.send(t, 40)
		before := len(w.acknowledged)
		filler := filepath.Join(disk, "filler")
		fill(t, filler)
		for try := 0; len(w.refused) < 20; try++ {
			if try > 200 {
				t.Fatal("the disk is full, and writing goes on")
			}
			w.send(t, 8)
		}
		w.read(t)
		t.Logf("the disk is full: %d acknowledged before, %d meanwhile, %d refused", before, len(w.acknowledged)-before, len(w.refused))
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		w.repeat(t)
	}
	o.audit(t, path)
	w.judge(t)
}

// smallDisk is a file system of 8 MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=8m"); err != nil {
		if strings.Contains(os.Getenv("CICERONE_REQUIRE"), "tmpfs") {
			t.Fatalf("mount a tmpfs: %v", err)
		}
		t.Skipf("no disk to fill: mounting a tmpfs needs root (%v)", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Errorf("unmount %s: %v", folder, err)
		}
	})
	return folder
}

// fill writes a file until nothing more fits on its disk.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// writers send messages, several at once, and remember what they were told.
type writers struct {
	*opened
	pairs        []community.Pair
	sent         int
	acknowledged map[idempotency.Key]bool
	refused      []idempotency.Key
}

// send lets n messages be sent, by all pairs at once.
func (w *writers) send(t *testing.T, n int) {
	t.Helper()
	var keys []idempotency.Key
	for range n {
		w.sent++
		keys = append(keys, idempotency.Key(fmt.Sprintf("message-%d", w.sent)))
	}
	w.try(t, keys)
}

// repeat sends again what was refused, which must work now.
func (w *writers) repeat(t *testing.T) {
	t.Helper()
	keys := w.refused
	w.refused = nil
	w.try(t, keys)
	if len(w.refused) > 0 {
		t.Fatalf("there is space again, and %d of %d messages are refused", len(w.refused), len(keys))
	}
}

func (w *writers) try(t *testing.T, keys []idempotency.Key) {
	t.Helper()
	answers := make(chan func(), len(keys))
	turns := make(chan struct{}, 8)
	for _, key := range keys {
		p := w.pairs[int(key[len(key)-1])%len(w.pairs)] // the same for the same key
		turns <- struct{}{}
		go func() {
			_, err := w.Messaging.Send(context.Background(), p.Voyager, p.Talk, messaging.Draft{Content: string(key) + strings.Repeat(" and so on", 450)}, key)
			<-turns
			answers <- func() {
				switch {
				case err == nil:
					w.acknowledged[key] = true
				case errors.Is(err, fault.Unavailable):
					w.refused = append(w.refused, key)
				default:
					t.Errorf("a message was refused with %v, want a fault.Unavailable", err)
				}
			}
		}()
	}
	for range keys {
		(<-answers)()
	}
}

// read asks this and that, which must go on.
func (w *writers) read(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	if err := w.storage.Ping(ctx); err != nil {
		t.Errorf("ping: %v", err)
	}
	for _, p := range w.pairs {
		if _, err := w.Messaging.Conversations(ctx, p.Local, page.Request[page.Moment]{}); err != nil {
			t.Errorf("conversations: %v", err)
		}
		if _, err := w.Privacy.Export(ctx, p.Voyager); err != nil {
			t.Errorf("export: %v", err)
		}
	}
	if v, err := w.Auditor.Audit(ctx); err != nil || len(v.Violations) > 0 {
		t.Errorf("audit: %v, %v", v.Violations, err)
	}
	err := w.storage.Run(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Users().Hold(ctx, w.pairs[0].Local) // which writes nothing
		return err
	})
	if err != nil && !errors.Is(err, fault.Unavailable) {
		t.Errorf("a unit that writes nothing: %v", err)
	}
}

// judge looks for every message that was acknowledged.
func (w *writers) judge(t *testing.T) {
	t.Helper()
	there := map[string]int{}
	err := eachRow(w.opened, ports.Messages, func(value func(string) any) {
		content, _ := value("content").(string)
		key, _, _ := strings.Cut(content, " ")
		there[key]++
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= w.sent; n++ {
		key := idempotency.Key(fmt.Sprintf("message-%d", n))
		if times := there[string(key)]; times > 1 || times == 0 && w.acknowledged[key] {
			t.Errorf("%s is there %d times, acknowledged: %v", key, times, w.acknowledged[key])
		}
	}
}
