package main_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/examples/ownadapter/jsonfile"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/copier"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// killedServer runs a server on the file, adds an account with a message to the demo data, and
// kills the server. It returns the export of that account.
func killedServer(t *testing.T, path string) string {
	t.Helper()
	p := start(t, "--store", "sqlite:"+path)
	client := p.client(t)
	in := signUp(t, client, "ada@example.net")
	ada := client.As(in.AccessToken)
	conversation, _ := openConversation(t, client, ada)
	said := "Good evening!"
	_, err := ada.Send(t.Context(), conversation, httpapi.Draft{Content: &said}, "good-evening")
	must(t, err)
	all := everything(t, ada)
	kill(t, p)
	return all
}

func TestCopy(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	from, to := filepath.Join(folder, "from.db"), filepath.Join(folder, "to.db")
	before := killedServer(t, from)
	code, stdout, stderr := run(t, []string{"CICERONE_TO=sqlite:" + to}, "copy", "--store", "sqlite:"+from)
	if code != 0 || !strings.Contains(stdout, to+" is a copy of "+from) || !strings.Contains(stdout, "violations     0\n") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if !strings.Contains(stdout, "  store_marks          1\n") || strings.Contains(stdout, "already") || !strings.Contains(stderr, "copying users, table 1 of 35: ") {
		t.Errorf("the output was\n%s%s", stdout, stderr)
	}
	sound(t, nil, "--store", "sqlite:"+to)
	for _, store := range []string{from, to} {
		p := start(t, "--store", "sqlite:"+store)
		in, err := p.client(t).SignIn(t.Context(), "ada@example.net", "long enough")
		must(t, err)
		if after := everything(t, p.client(t).As(in.AccessToken)); withoutSessions(after) != withoutSessions(before) {
			t.Errorf("in %s:\n%s\nwant:\n%s", store, after, before)
		}
		kill(t, p)
	}
	if code, _, stderr := run(t, nil, "--store", "sqlite:"+to, "--addr", "0.0.0.0:0", "--mail", "log"); code != 1 || !strings.Contains(stderr, "demo data") {
		t.Errorf("a server on a copy of demo data, on all interfaces: exit code %d, %s", code, stderr)
	}
	if code, _, stderr := run(t, nil, "copy", "--from", "sqlite:"+from, "--to", "sqlite:"+to); code != 1 || !strings.Contains(stderr, "not empty: a copy into it was finished on 20") {
		t.Errorf("a second copy: exit code %d, %s", code, stderr)
	}
}

// withoutSessions removes the sessions, which a sign-in changes, from an export.
func withoutSessions(export string) string {
	before, rest, _ := strings.Cut(export, `"sessions": [`)
	_, after, _ := strings.Cut(rest, "]")
	return before + after
}

func TestCopyOfAStoreInUse(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	used, other := filepath.Join(folder, "used.db"), filepath.Join(folder, "other.db")
	talkative(t, other, 1)
	start(t, "--store", "sqlite:"+used, "--no-demo")
	for flag, args := range map[string][]string{
		"--from": {"--from", "sqlite:" + used, "--to", "sqlite:" + filepath.Join(folder, "new.db")},
		"--to":   {"--from", "sqlite:" + other, "--to", "sqlite:" + used},
	} {
		code, stdout, stderr := run(t, nil, append([]string{"copy"}, args...)...)
		if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "server: "+flag) || !strings.Contains(stderr, "another server has this store open: stop that server first") {
			t.Errorf("%v: exit code %d, %s%s", args, code, stdout, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "new.db")); !os.IsNotExist(err) {
		t.Errorf("the refused copy created a store: %v", err)
	}
}

func TestRefusedCopies(t *testing.T) {
	folder := t.TempDir()
	file := func(name string) string { return filepath.Join(folder, name) }
	for _, name := range []string{"one.db", "full.db", "newer.db", "older.db", "half.db"} {
		talkative(t, file(name), 1)
	}
	behind(t, file("newer.db"), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
	behind(t, file("older.db"), "DELETE FROM goose_db_version WHERE version_id > 0")
	older, err := os.ReadFile(file("older.db"))
	must(t, err)
	must(t, os.WriteFile(file("text"), []byte(strings.Repeat("not a database\n", 500)), 0o600))
	must(t, os.Symlink(file("one.db"), file("link.db")))
	must(t, os.Link(file("one.db"), file("hard.db")))
	must(t, os.WriteFile(file("empty"), nil, 0o600))
	behind(t, file("half.db"), "INSERT INTO store_marks (name, created_at) VALUES ('copy begun', 0)")
	for name, tt := range map[string]struct {
		from, to string
		want     string
	}{
		"into itself":                {"sqlite:one.db", "sqlite:one.db", "this is the store to copy from"},
		"into itself by a link":      {"sqlite:one.db", "sqlite:link.db", "this is the store to copy from"},
		"into itself by a hard link": {"sqlite:hard.db", "sqlite:one.db", "this is the store to copy from"},
		"from memory":                {"memory", "sqlite:new.db", "--from memory: its data is lost"},
		"into memory":                {"sqlite:one.db", ":memory:", "--to memory: its data is lost"},
		"from an unknown kind":       {"oracle://scott:tiger@db", "sqlite:new.db", `--from: "oracle" is not a kind`},
		"into an unknown kind":       {"sqlite:one.db", "oracle://scott:tiger@db", `--to: "oracle" is not a kind`},
		"from no path":               {"sqlite:", "sqlite:new.db", "--from: a sqlite store is"},
		"into no path":               {"sqlite:one.db", "sqlite:", "--to: a sqlite store is"},
		"from no store":              {"sqlite:none.db", "sqlite:new.db", "--from: the store does not exist yet"},
		"from an empty file":         {"sqlite:empty", "sqlite:new.db", "not a Cicerone store"},
		"from another program's":     {"sqlite:text", "sqlite:new.db", "not a Cicerone store"},
		"into another program's":     {"sqlite:one.db", "sqlite:text", "not a Cicerone store"},
		"into no folder":             {"sqlite:one.db", "sqlite:none/new.db", "no such file"},
		"from a newer version":       {"sqlite:newer.db", "sqlite:new.db", "newer version"},
		"from an older version":      {"sqlite:older.db", "sqlite:new.db", "older version of Cicerone: start a server on it once"},
		"into a newer version":       {"sqlite:one.db", "sqlite:newer.db", "newer version"},
		"into one that is not empty": {"sqlite:one.db", "sqlite:full.db", "not empty: there are rows in users"},
		"from half a copy":           {"sqlite:half.db", "sqlite:fresh.db", "the one to copy from: a copy into this store was not finished"},
		"without --to":               {"sqlite:one.db", "", "--to=STORE"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"copy", "--from", tt.from}
			if tt.to != "" {
				args = append(args, "--to", tt.to)
			}
			c := command(t, nil, args...)
			c.Dir = folder
			out, err := c.CombinedOutput()
			if err == nil || !strings.HasPrefix(string(out), "server: ") || !strings.Contains(string(out), tt.want) || strings.Contains(string(out), "tiger") {
				t.Errorf("%v, %s, want %q", err, out, tt.want)
			}
			if _, err := os.Stat(file("new.db")); !os.IsNotExist(err) {
				t.Errorf("the refused copy created a store: %v", err)
			}
		})
	}
	if now, err := os.ReadFile(file("older.db")); err != nil || !bytes.Equal(now, older) {
		t.Errorf("the store of an older version was changed: %v", err)
	}
}

// TestCopyBetweenAdapters copies a store through all adapters and back to the first one.
func TestCopyBetweenAdapters(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	open := func(path string) ports.Storage {
		s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		must(t, err)
		t.Cleanup(func() { _ = s.Close(context.Background()) })
		return s
	}
	first, last := filepath.Join(folder, "first.db"), filepath.Join(folder, "last.db")
	killedServer(t, first)
	file, err := jsonfile.Open(t.Context(), filepath.Join(folder, "store.json"))
	must(t, err)
	stores := []ports.Storage{open(first), memory.New(), file, open(last)}
	for i, to := range stores[1:] {
		work := copier.New(ports.NewStore(stores[i], uow.Policy{}), ports.NewStore(to, uow.Policy{}), clock.System())
		copied, err := work.Copy(t.Context(), nil)
		if err != nil || len(copied.Audit.Violations) != 0 {
			t.Fatalf("from %T into %T: %v, %v", stores[i], to, copied.Audit.Violations, err)
		}
	}
	must(t, stores[0].Close(t.Context()))
	must(t, stores[3].Close(t.Context()))
	equal(t, first, last)
}

func TestCopyOfAStoreThatBreaksRules(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	from, to := filepath.Join(folder, "from.db"), filepath.Join(folder, "to.db")
	talkative(t, from, 10)
	behind(t, from, "UPDATE wallets SET seq = seq + 1 WHERE balance = 10")
	code, stdout, stderr := run(t, nil, "copy", "--from", "sqlite:"+from, "--to", "sqlite:"+to)
	if code != 1 || !strings.Contains(stdout, "wallet_seq") || !strings.Contains(stderr, "the copy is complete, but it breaks rules") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	equal(t, from, to)
}

func TestCopyEndedByConstraint(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	from, to := filepath.Join(folder, "from.db"), filepath.Join(folder, "to.db")
	talkative(t, from, 10)
	talkative(t, to, 0)
	behind(t, to, "PRAGMA foreign_keys = OFF; DELETE FROM wallets; DELETE FROM users; "+
		"CREATE TRIGGER rule BEFORE INSERT ON users WHEN NEW.email = '7@example.net' BEGIN SELECT raise(ABORT, 'no sevens'); END;"+
		"DROP TRIGGER token_transactions_never_go; DELETE FROM token_transactions")
	code, _, stderr := run(t, nil, "copy", "--from", "sqlite:"+from, "--to", "sqlite:"+to)
	if code != 1 || !strings.Contains(stderr, "copy users: the row 0") || !strings.Contains(stderr, "no sevens") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	refusesUnfinished(t, to)
	behind(t, to, "DROP TRIGGER rule")
	code, stdout, stderr := run(t, nil, "copy", "--from", "sqlite:"+from, "--to", "sqlite:"+to)
	if code != 0 || !strings.Contains(stdout, "users                50, of which 7 were already there\n") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

func TestCopyOfChangedSource(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	from, to := filepath.Join(folder, "from.db"), filepath.Join(folder, "to.db")
	busyStore(t, from)
	c := startCopy(t, from, to)
	must(t, c.cmd.Process.Kill())
	c.end()
	behind(t, from, "UPDATE users SET bio = 'new here' WHERE email = '7@example.net'")
	code, stdout, stderr := run(t, nil, "copy", "--from", "sqlite:"+from, "--to", "sqlite:"+to)
	if code != 1 || stdout != "" || !strings.Contains(stderr, "has another bio in the copy") || !strings.Contains(stderr, "start again with an empty store") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}
