package main_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCPUProfile checks that the server writes a profile when it ends, and does not start if it
// cannot.
func TestCPUProfile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "server.pprof")
	p := start(t, "--store", "memory", "--cpu-profile", file)
	p.signal(t, os.Interrupt)
	if code, killed := p.wait(t); code != 0 {
		t.Fatalf("exit code %d, %v, want 0", code, killed)
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(written))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(unzipped)
	if err != nil || !bytes.Contains(content, []byte("nanoseconds")) {
		t.Errorf("the profile has no unit (%v): %q", err, content)
	}
	code, _, stderr := run(t, nil, "--addr", "localhost:0", "--store", "memory", "--cpu-profile", t.TempDir())
	if code != 1 || !strings.Contains(stderr, "--cpu-profile") {
		t.Errorf("a folder: got the exit code %d and %s", code, stderr)
	}
}
