package workload

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// SmallDisk mounts a file system of the given size in MiB, and returns its folder. It is unmounted
// when the test ends. If it cannot be mounted, the test is skipped, or fails if CICERONE_REQUIRE
// names tmpfs.
func SmallDisk(t testing.TB, mebibytes int) string {
	t.Helper()
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("size=%dm", mebibytes)); err != nil {
		if strings.Contains(os.Getenv("CICERONE_REQUIRE"), "tmpfs") {
			t.Fatalf("mount a tmpfs: %v", err)
		}
		t.Skipf("mounting a tmpfs needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Errorf("unmount %s: %v", folder, err)
		}
	})
	return folder
}

// Fill writes a file until its disk is full.
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
