package bcrypt_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/bcrypt"
)

// TestLowPriority checks that passwords are hashed and compared on threads of low priority, and that
// nothing else runs on them later.
func TestLowPriority(t *testing.T) {
	h, err := bcrypt.New(10)
	if err != nil {
		t.Fatal(err)
	}
	before := nicest(t)
	var hash string
	for _, call := range []struct {
		name string
		run  func() error
	}{
		{"Hash", func() (err error) { hash, err = h.Hash(t.Context(), "correct horse"); return err }},
		{"Verify", func() (err error) { _, err = h.Verify(t.Context(), hash, "correct horse"); return err }},
	} {
		var running sync.WaitGroup
		var failed error
		running.Go(func() { failed = call.run() })
		eventually(t, call.name+" runs on no thread of low priority", func() bool { return nicest(t) > before })
		running.Wait()
		if failed != nil {
			t.Fatal(failed)
		}
		eventually(t, "after "+call.name+", there is a thread of low priority", func() bool { return nicest(t) == before })
	}
}

func eventually(t *testing.T, otherwise string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(otherwise)
		}
	}
}

// nicest returns the niceness of the thread of this process that has the lowest priority.
func nicest(t *testing.T) int {
	t.Helper()
	threads, err := filepath.Glob("/proc/self/task/*/stat")
	if err != nil || len(threads) == 0 {
		t.Fatal("this process has no threads: ", err)
	}
	most := -20
	for _, thread := range threads {
		stat, err := os.ReadFile(thread) // #nosec G304 -- a file of the kernel
		if err != nil {
			continue // the thread has ended
		}
		_, fields, _ := strings.Cut(string(stat), ") ")
		nice, err := strconv.Atoi(strings.Fields(fields)[16])
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, nice)
	}
	return most
}
