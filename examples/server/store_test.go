package main_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func signUp(t *testing.T, client *httpapi.Client, email string) httpapi.SignedIn {
	t.Helper()
	in, err := client.SignUp(t.Context(), httpapi.SignUp{Name: "Ada", Email: email, Password: "long enough"}, "")
	must(t, err)
	return in
}

// openConversation signs in a local of the demo data and opens a conversation with them.
func openConversation(t *testing.T, client, ada *httpapi.Client) (id.Conversation, httpapi.SignedIn) {
	t.Helper()
	local, err := client.SignIn(t.Context(), "local@example.org", "cicerone-demo")
	must(t, err)
	c, err := ada.OpenConversation(t.Context(), local.User.ID, "")
	must(t, err)
	return c.ID, local
}

// everything returns the export of an account.
func everything(t *testing.T, client *httpapi.Client) string {
	t.Helper()
	document, err := client.ExportMe(t.Context())
	must(t, err)
	var export httpapi.Export
	must(t, json.NewDecoder(document).Decode(&export))
	must(t, document.Close())
	export.MadeAt = httpapi.Time{}
	b, err := json.MarshalIndent(export, "", " ")
	must(t, err)
	return string(b)
}

func kill(t *testing.T, p *process) {
	t.Helper()
	must(t, p.cmd.Process.Kill())
	if _, killed := p.wait(t); killed != syscall.SIGKILL {
		t.Fatalf("the server ended by itself: %v", p.err)
	}
}

// sound fails the test if a store breaks a rule.
func sound(t *testing.T, env []string, args ...string) {
	t.Helper()
	code, stdout, stderr := run(t, env, append([]string{"doctor"}, args...)...)
	if code != 0 || !strings.Contains(stdout, "violations     0\n") || stderr != "" {
		t.Errorf("doctor %v: exit code %d\n%s%s", args, code, stdout, stderr)
	}
}

func TestKilledServerLosesNothing(t *testing.T) {
	t.Parallel()
	ctx, env := t.Context(), []string{"XDG_DATA_HOME=" + t.TempDir()}
	first := startIn(t, env)
	client := first.client(t)
	in := signUp(t, client, "ada@example.net")
	ada := client.As(in.AccessToken)
	conversation, local := openConversation(t, client, ada)
	said := "Good evening!"
	sent, err := ada.Send(ctx, conversation, httpapi.Draft{Content: &said}, "good-evening")
	must(t, err)
	price, err := reservations.ParsePrice("12.50")
	must(t, err)
	begins := time.Now().Add(time.Hour)
	r, err := ada.Propose(ctx, conversation, httpapi.Proposal{
		Title: "A walk", Price: price, Date: httpapi.Time(begins), EndDate: httpapi.Time(begins.Add(time.Hour)),
	}, "")
	must(t, err)
	_, err = client.As(local.AccessToken).Accept(ctx, r.ID, "")
	must(t, err)
	before := everything(t, ada)
	kill(t, first)
	sound(t, env) // as the killed server left it

	second := startIn(t, env)
	client = second.client(t)
	ada = client.As(in.AccessToken) // still works
	if after := everything(t, ada); after != before {
		t.Errorf("before it was killed:\n%s\nafterwards:\n%s", before, after)
	}
	if w, err := ada.Wallet(ctx); err != nil || w.Balance != 50-1-13 || w.Held != 13 {
		t.Errorf("wallet %v, %v, want 36 tokens and 13 held", w, err)
	}
	again, err := ada.Send(ctx, conversation, httpapi.Draft{Content: &said}, "good-evening")
	if err != nil || again.ID != sent.ID {
		t.Errorf("the same message again: %v, %v, want %s", again.ID, err, sent.ID)
	}
	if _, err := client.Refresh(ctx, in.RefreshToken); err != nil {
		t.Errorf("the old session does not refresh: %v", err)
	}
	if _, err := client.SignIn(ctx, "ada@example.net", "long enough"); err != nil {
		t.Errorf("sign in: %v", err)
	}
	if _, err := client.SignIn(ctx, "admin@example.org", "cicerone-demo"); err != nil {
		t.Errorf("sign in to the demo data: %v", err)
	}
	sound(t, env)
}

func TestStoreIsPrivate(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	env := []string{"XDG_DATA_HOME=" + home}
	folder := filepath.Join(home, "cicerone")
	p := startIn(t, env, "--log-level", "debug")
	if path := filepath.Join(folder, "cicerone.db"); !strings.Contains(p.said, path) {
		t.Errorf("the output does not name the file %s:\n%s", path, p.said)
	}
	for path, want := range map[string]os.FileMode{folder: 0o700, filepath.Join(folder, "cicerone.db"): 0o600, filepath.Join(folder, "cicerone.db.key"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info, err, want)
		}
	}
	entries, err := os.ReadDir(folder)
	must(t, err)
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others can read %s: %v, %v", e.Name(), info, err)
		}
	}
	key, err := os.ReadFile(filepath.Join(folder, "cicerone.db.key"))
	must(t, err)
	if secret := strings.TrimSpace(string(key)); secret == "" || strings.Contains(p.said+p.logged(), secret) {
		t.Errorf("the key of access tokens was logged, or there is none")
	}

	must(t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.wait(t)
	code, _, stderr := run(t, env, "--no-demo", "--addr", "0.0.0.0:0", "--mail", "log")
	if code == 0 || !strings.Contains(stderr, "demo data") || strings.Contains(stderr, "--no-demo") {
		t.Errorf("a store with demo data on all interfaces: exit code %d, %q", code, stderr)
	}
	must(t, os.WriteFile(filepath.Join(folder, "cicerone.db.key"), []byte("half a k"), 0o600))
	code, _, stderr = run(t, env)
	if code == 0 || !strings.Contains(stderr, "cicerone.db.key") || strings.Contains(stderr, "half a k") {
		t.Errorf("an invalid key: exit code %d, %q", code, stderr)
	}
}

func TestOperatorKeyIsNotKept(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	start(t, "--no-demo", "--store", "sqlite:"+filepath.Join(folder, "mine.db"), "--access-key", strings.Repeat("a2V5", 11))
	if _, err := os.Stat(filepath.Join(folder, "mine.db")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "mine.db.key")); !os.IsNotExist(err) {
		t.Errorf("the server created a file for the key: %v", err)
	}
}

func TestCommandsWhileServerRuns(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	store, copied := "sqlite:"+filepath.Join(folder, "live.db"), filepath.Join(folder, "copy.db")
	p := start(t, "--store", store, "--signup-bonus", "1000000", "--limit-user", "0")
	client := p.client(t)
	in := signUp(t, client, "ada@example.net")
	ada := client.As(in.AccessToken)
	conversation, local := openConversation(t, client, ada)
	answer := "Write as much as you like."
	_, err := client.As(local.AccessToken).Send(t.Context(), conversation, httpapi.Draft{Content: &answer}, "")
	must(t, err)

	ctx, stop := context.WithCancel(t.Context())
	begun, ended := make(chan struct{}), make(chan error, 1)
	go func() { // sends and pays for messages all the time
		for n := 0; ; n++ {
			text := fmt.Sprint("message ", n)
			if _, err := ada.Send(ctx, conversation, httpapi.Draft{Content: &text}, ""); err != nil {
				if ctx.Err() != nil {
					err = nil
				}
				ended <- err
				return
			}
			if n == 0 {
				close(begun)
			}
		}
	}()
	select {
	case <-begun:
	case err := <-ended:
		t.Fatal(err)
	}

	sound(t, nil, "--store", store)
	if code, stdout, stderr := run(t, nil, "backup", copied, "--store", store); code != 0 || !strings.Contains(stdout, copied) {
		t.Fatalf("backup: exit code %d\n%s%s", code, stdout, stderr)
	}
	before, err := os.ReadFile(copied)
	must(t, err)
	if code, _, stderr := run(t, nil, "backup", copied, "--store", store); code == 0 || !strings.Contains(stderr, "exists") {
		t.Errorf("backup over a file: exit code %d, %s", code, stderr)
	}
	if after, err := os.ReadFile(copied); err != nil || string(after) != string(before) {
		t.Errorf("the existing file was changed: %v", err)
	}
	if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others can read the copy: %v, %v", info, err)
	}
	for _, args := range [][]string{{"serve", "--addr", "localhost:0"}, {"admin", "ada@example.net"}} {
		code, _, stderr := run(t, nil, append(args, "--store", store)...)
		if code == 0 || !strings.Contains(stderr, "another server") || !strings.Contains(stderr, "stop that server") {
			t.Errorf("a second server: %v: exit code %d, %s", args, code, stderr)
		}
	}
	stop()
	must(t, <-ended)

	sound(t, nil, "--store", "sqlite:"+copied)
	restored := start(t, "--store", "sqlite:"+copied)
	client = restored.client(t)
	in, err = client.SignIn(t.Context(), "ada@example.net", "long enough")
	must(t, err)
	if page, err := client.As(in.AccessToken).Messages(t.Context(), conversation, httpapi.Paging{}); err != nil || len(page.Items) == 0 {
		t.Errorf("messages in the copy: %v, %v", page, err)
	}
}

// behind runs a statement on a file without a server.
func behind(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(30000)")
	must(t, err)
	_, err = db.Exec(statement)
	must(t, errors.Join(err, db.Close()))
}

func TestDoctorFindsViolations(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mine.db")
	p := start(t, "--store", "sqlite:"+path)
	behind(t, path, "UPDATE wallets SET balance = balance + 1 WHERE user_id = (SELECT id FROM users WHERE email = 'voyager@example.org')")
	code, stdout, stderr := run(t, nil, "doctor", "--store", "sqlite:"+path)
	if code != 1 || !strings.Contains(stdout, "wallet_balance") || !strings.Contains(stdout, "store_balance") || !strings.Contains(stderr, "violations: 2") {
		t.Errorf("doctor: exit code %d\n%s%s", code, stdout, stderr)
	}
	kill(t, p)

	behind(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
	for _, args := range [][]string{{"serve", "--addr", "localhost:0"}, {"doctor"}, {"backup", filepath.Join(t.TempDir(), "copy.db")}} {
		code, _, stderr := run(t, nil, append(args, "--store", "sqlite:"+path)...)
		if code != 1 || !strings.Contains(stderr, "newer version") {
			t.Errorf("%v on a store of a newer version: exit code %d, %s", args, code, stderr)
		}
	}
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	store := "--store=sqlite:" + filepath.Join(t.TempDir(), "mine.db")
	admin := func(stdin, email, want string) {
		t.Helper()
		code, stdout, stderr := runWith(t, stdin, nil, "admin", email, store, "--bcrypt-cost", "4")
		if code != 0 || stdout != want {
			t.Errorf("admin %s: exit code %d, %q, %s; want %q", email, code, stdout, stderr, want)
		}
	}
	if code, _, stderr := runWith(t, "short\n", nil, "admin", "grace@example.net", store); code != 1 || !strings.Contains(stderr, "password") {
		t.Errorf("a bad password: exit code %d, %s", code, stderr)
	}
	if code, _, stderr := runWith(t, "via verde 1\n", nil, "admin", "grace@example.net", store, "--password-words", "Via Verde"); code != 1 || !strings.Contains(stderr, "password") {
		t.Errorf("a password of words of the community: exit code %d, %s", code, stderr)
	}
	admin("round the corner\n", "grace@example.net", "grace@example.net is a new account, and an admin\n")

	p := start(t, "--no-demo", store, "--password-words", "Via Verde")
	_, err := p.client(t).SignUp(t.Context(), httpapi.SignUp{Name: "Ada", Email: "ada@example.net", Password: "via verde 1"}, "")
	if !errors.Is(err, fault.Invalid) {
		t.Errorf("a password of words of the community: got %v", err)
	}
	signUp(t, p.client(t), "ada@example.net")
	out, err := exec.CommandContext(t.Context(), journeyProgram, "--server", p.base,
		"--admin-email", "grace@example.net", "--admin-password", "round the corner").CombinedOutput()
	if err != nil {
		t.Errorf("journey with the new admin: %v\n%s", err, out)
	}
	kill(t, p)

	admin("", "ada@example.net", "ada@example.net is an admin\n")
	p = start(t, "--no-demo", store)
	in, err := p.client(t).SignIn(t.Context(), "ada@example.net", "long enough")
	must(t, err)
	if found, err := p.client(t).As(in.AccessToken).VerifyLedger(t.Context()); err != nil || len(found.Violations) != 0 {
		t.Errorf("the ledger as the promoted admin sees it: %v, %v", found, err)
	}
}
