package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/tokens"
)

// TestLedgerHead prints the heads of a store that a server seals, and compares them with the store.
func TestLedgerHead(t *testing.T) {
	store, file := "sqlite:"+filepath.Join(t.TempDir(), "store.db"), filepath.Join(t.TempDir(), "heads")
	start(t, "--store", store, "--seal-every", "100ms")
	sealed := func() bool {
		_, stdout, _ := run(t, nil, "doctor", "--store", store)
		return strings.Contains(stdout, "not sealed     0\n")
	}
	for end := time.Now().Add(30 * time.Second); !sealed(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the server has not sealed its demo data")
		}
	}
	code, stdout, stderr := run(t, nil, "ledger", "head", "--store", store)
	if code != 0 || stderr != "" {
		t.Fatalf("ledger head: exit code %d, %s", code, stderr)
	}
	heads, err := tokens.ReadHeads(strings.NewReader(stdout))
	if err != nil || len(heads) != 39 {
		t.Fatalf("ledger head printed %d heads, %v", len(heads), err)
	}
	doctor := func(content string, wanted int, words ...string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := run(t, nil, "doctor", "--store", store, "--ledger-head", file)
		if code != wanted {
			t.Errorf("doctor: exit code %d, want %d", code, wanted)
		}
		for _, word := range words {
			if !strings.Contains(stdout+stderr, word) {
				t.Errorf("doctor did not print %q:\n%s%s", word, stdout, stderr)
			}
		}
	}
	doctor(stdout, 0, "violations     0\n")
	doctor(stdout[1:], 1, "--ledger-head "+file, "line 1 is not")
	doctor(stdout[:len(stdout)/2], 1, "heads of a ledger")

	heads[3].Hash[0]++
	heads[5].Seq += 1000
	var other bytes.Buffer
	if _, err := heads.WriteTo(&other); err != nil {
		t.Fatal(err)
	}
	doctor(other.String(), 1, "violations     2\n", "ledger_head, "+heads[3].UserID.String(), "ledger_head, "+heads[5].UserID.String())
}
