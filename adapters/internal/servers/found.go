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

// found is the result of a search for a server.
type found struct {
	address string   // a DSN or URI
	missing string   // if there is no server: what to install
	err     error    // if there is a server that does not work
	failed  string   // the attempt that failed before, and its error; may be empty
	process *process // if it was started here; keeps the pipe to the guard open
}

// require returns the address. If there is no server, it skips the test, or fails it if
// CICERONE_REQUIRE names the server.
func (f found) require(t testing.TB, name string) string {
	t.Helper()
	if f.failed != "" {
		t.Log(f.failed)
	}
	if f.err != nil {
		t.Fatal(f.err)
	}
	if f.missing != "" {
		missing(t, name, f.missing)
	}
	return f.address
}

// missing skips the test, or fails it if CICERONE_REQUIRE names the server.
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
	named := false
	for _, word := range strings.Split(os.Getenv("CICERONE_REQUIRE"), ",") {
		word = strings.TrimSpace(word)
		if word != "" && !slices.Contains(known, word) { // otherwise a typing error would require no server
			t.Fatalf("CICERONE_REQUIRE names %q, want one of %s", word, strings.Join(known, ", "))
		}
		named = named || word == name
	}
	return named
}

// folders has patterns for the folders that are searched after PATH. Among the matches of a
// pattern, the newest version comes first.
var folders = map[string][]string{
	"postgres": {
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
	},
	"pgbouncer": {"/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin", "/usr/local/bin"},
	"mongod":    {"/opt/homebrew/opt/mongodb-community*/bin", "/usr/local/opt/mongodb-community*/bin"},
}

// binaries returns the folder that contains all these programs, or "". The first program is the key
// in folders.
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

// version returns the first number in a path: 15 for /usr/lib/postgresql/15/bin.
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
