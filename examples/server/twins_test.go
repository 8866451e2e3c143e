package main_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTwins migrates a store of the first schema, and resolves its twins.
func TestTwins(t *testing.T) {
	packed, err := os.Open("../../adapters/internal/sqlitetest/testdata/released_00001.db.gz")
	must(t, err)
	defer func() { must(t, packed.Close()) }()
	unpacked, err := gzip.NewReader(packed)
	must(t, err)
	content, err := io.ReadAll(unpacked)
	must(t, err)
	path := filepath.Join(t.TempDir(), "old.db")
	must(t, os.WriteFile(path, content, 0o600))
	command := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		code, stdout, stderr := run(t, nil, append(args, "--store", "sqlite:"+path)...)
		if code != want {
			t.Fatalf("%q ended with %d:\n%s%s", args, code, stdout, stderr)
		}
		return stdout, stderr
	}
	if _, stderr := command(1, "doctor"); !strings.Contains(stderr, "older version") {
		t.Errorf("doctor of the old store said\n%s", stderr)
	}
	stdout, stderr := command(0, "migrate")
	if !strings.Contains(stderr, "users: made the texts of 9 of 9 rows\n") || !strings.Contains(stdout, " is up to date\n") {
		t.Errorf("migrate said\n%s%s", stdout, stderr)
	}
	doctor, _ := command(0, "doctor")
	for _, out := range []string{stdout, doctor} {
		if !strings.Contains(out, "twins          3\n") || strings.Count(out, "accounts with one address: 2\n") != 2 ||
			!strings.Contains(out, "interests with one name: 2\n") || strings.Contains(out, "@") {
			t.Errorf("the report is\n%s", out)
		}
	}

	listed, _ := command(0, "twins")
	zoe := regexp.MustCompile(`(\S{36}) "zoe@b\\u00fccher.example"`).FindStringSubmatch(listed)
	tail := regexp.MustCompile(`(\S{36}) "tail@example.org\\u200b"`).FindStringSubmatch(listed)
	if zoe == nil || tail == nil || !strings.Contains(listed, `"Hiking "`) {
		t.Fatalf("the list is\n%s", listed)
	}
	if _, stderr := command(1, "twins", zoe[1]); !strings.Contains(stderr, "--email ADDRESS or --erase") {
		t.Errorf("without a change it said\n%s", stderr)
	}
	if _, stderr := command(1, "twins", zoe[1], "--email", "tail@example.org"); !strings.Contains(stderr, "already an account") {
		t.Errorf("with an address that is taken it said\n%s", stderr)
	}
	command(0, "twins", zoe[1], "--email", "zoe@example.net")
	command(0, "twins", tail[1], "--erase")
	if doctor, _ := command(0, "doctor"); !strings.Contains(doctor, "twins          1\n") {
		t.Errorf("after both are resolved the report is\n%s", doctor)
	}
}
