package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// found is what a search for a server ended with.
type found struct {
	address string   // a DSN or URI
	missing string   // where there is none: what to install
	err     error    // where there should be one, and it does not work
	tried   string   // what was tried before, and why it failed; may be empty
	process *process // where it was started here; it ends when nobody holds it any more
}

// or ends the test where there is no server: it is skipped, or fails where the server is required.
func (f found) or(t testing.TB, name string) string {
	t.Helper()
	if f.tried != "" {
		t.Log(f.tried)
	}
	if f.err != nil {
		t.Fatal(f.err)
	}
	if f.missing != "" {
		missing(t, name, f.missing)
	}
	return f.address
}

// missing skips the test, or fails it where CICERONE_REQUIRE names the server.
func missing(t testing.TB, name, what string) {
	t.Helper()
	if required(t, name) {
		t.Fatalf("CICERONE_REQUIRE names %s: %s", name, what)
	}
	t.Skip(what)
}

func required(t testing.TB, name string) bool {
	t.Helper()
	known := []string{"postgres", "mongodb", "tmpfs"}
	is := false
	for _, word := range strings.Split(os.Getenv("CICERONE_REQUIRE"), ",") {
		word = strings.TrimSpace(word)
		if word != "" && !slices.Contains(known, word) { // a misspelt requirement would never be missed
			t.Fatalf("CICERONE_REQUIRE names %q, which is none of %s", word, strings.Join(known, ", "))
		}
		is = is || word == name
	}
	return is
}

// folders are where programs are found beside PATH: patterns, each with the newest version first.
var folders = map[string][]string{
	"postgres": {
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
	},
	"pgbouncer": {"/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin", "/usr/local/bin"},
	"mongod":    {"/opt/homebrew/opt/mongodb-community*/bin", "/usr/local/opt/mongodb-community*/bin"},
}

// binaries is the folder that holds all these programs, or "". The first names them in folders.
func binaries(programs ...string) string {
	if !startsPrograms {
		return ""
	}
	candidates := filepath.SplitList(os.Getenv("PATH"))
	for _, pattern := range folders[programs[0]] {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			panic(err) // a pattern above is malformed
		}
		slices.SortFunc(matches, func(a, b string) int { return version(b) - version(a) })
		candidates = append(candidates, matches...)
	}
	for _, folder := range candidates {
		if filepath.IsAbs(folder) && !slices.ContainsFunc(programs, func(program string) bool {
			_, err := exec.LookPath(filepath.Join(folder, program))
			return err != nil
		}) {
			return folder
		}
	}
	return ""
}

// version is the first number in a path: 15 for /usr/lib/postgresql/15/bin.
func version(path string) int {
	digits := strings.TrimLeftFunc(path, func(r rune) bool { return r < '0' || r > '9' })
	if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		digits = digits[:end]
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0 // a folder without a version comes last
	}
	return n
}
