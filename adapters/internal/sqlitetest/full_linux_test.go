package sqlitetest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/workload"
)

// TestDiskFull fills the disk while a store is in use. Writes fail and reads continue. Once there is space again,
// writes succeed without a restart, and all acknowledged messages are in the store.
func TestDiskFull(t *testing.T) {
	disk := workload.SmallDisk(t, 24) // where the WAL has room
	path := filepath.Join(disk, "full.db")
	o := mustOpen(t, path)
	defer o.close(t)
	ctx := context.Background()
	_, pairs, err := o.Populate(ctx, 4)
	if err != nil {
		t.Fatal(err)
	}
	w := &workload.Writers{Community: o.Community, Pairs: pairs}

	for range 3 { // a disk may be full more than once
		w.Send(t, 40)
		before := len(w.Acknowledged)
		filler := filepath.Join(disk, "filler")
		workload.Fill(t, filler)
		for try := 0; len(w.Refused) < 20; try++ {
			if try > 200 {
				t.Fatal("the disk is full, and writes still succeed")
			}
			w.Send(t, 8)
		}
		w.Read(t, o.storage)
		t.Logf("messages: %d acknowledged before the disk was full, then %d acknowledged and %d refused",
			before, len(w.Acknowledged)-before, len(w.Refused))
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		w.Repeat(t)
	}
	sound(t, path)
	w.Judge(t)
}
