package workload

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// SmallDisk is the folder of a file system of its own, of so many MiB, which is gone when the test ends. Where none can be
// made the test is skipped, or fails where CICERONE_REQUIRE names tmpfs.
func SmallDisk(t testing.TB, mebibytes int) string {
	t.Helper()
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("size=%dm", mebibytes)); err != nil {
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

// Fill writes a file until nothing more fits on its disk.
func Fill(t testing.TB, path string) {
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
