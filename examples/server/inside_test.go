package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/cicerone-go/cicerone/adapters/bcrypt"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/examples/server/internal/demo"
	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/memory"
)

// The tests in this file call the package's functions without starting a process.

func newApp(t *testing.T) *wiring.App {
	t.Helper()
	c := wiring.DefaultConfig()
	c.PasswordCost = 4
	c.Log = slog.New(slog.DiscardHandler)
	app, err := memory.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return app
}

func TestAppointCreatesAccount(t *testing.T) {
	app := newApp(t)
	c := &adminCommand{Email: "ada@example.net"}
	asked := 0
	ask := func(context.Context) (string, error) { asked++; return "long enough", nil }
	admin, created, err := c.appoint(t.Context(), app.Services, ask)
	if err != nil || !created || admin.Role != users.RoleAdmin || admin.Name != "ada" {
		t.Errorf("got %v, created %v, %v", admin, created, err)
	}
	if _, err := app.Users.SignIn(t.Context(), users.SignIn{Email: "ada@example.net", Password: "long enough"}); err != nil {
		t.Errorf("the password does not work: %v", err)
	}
	if _, created, err := c.appoint(t.Context(), app.Services, ask); err != nil || created || asked != 1 {
		t.Errorf("again: created %v, %v, asked %d times, want once", created, err, asked)
	}
}

func TestAppointExistingAccount(t *testing.T) {
	app := newApp(t)
	if _, err := app.Users.Register(t.Context(), users.SignUp{Name: "Ada", Email: "Ada@example.net", Password: "long enough"}); err != nil {
		t.Fatal(err)
	}
	admin, created, err := (&adminCommand{Email: "ada@EXAMPLE.net"}).appoint(t.Context(), app.Services,
		func(context.Context) (string, error) { return "", errors.New("unexpected question") })
	if err != nil || created || admin.Role != users.RoleAdmin || admin.Name != "Ada" {
		t.Errorf("got %v, created %v, %v", admin, created, err)
	}
}

func TestAppointBadPassword(t *testing.T) {
	app := newApp(t)
	_, _, err := (&adminCommand{Email: "ada@example.net", Name: "Ada"}).appoint(t.Context(), app.Services,
		func(context.Context) (string, error) { return "short", nil })
	if !errors.Is(err, fault.Invalid) {
		t.Errorf("got %v, want fault.Invalid", err)
	}
	if _, err := app.Moderation.MakeAdmin(t.Context(), "ada@example.net"); !errors.Is(err, users.ErrNotFound) {
		t.Errorf("the account exists: %v", err)
	}
}

func TestPasswordFromStandardInput(t *testing.T) {
	for given, want := range map[string]string{"long enough\n": "long enough", "no line end": "no line end", "windows\r\nmore\n": "windows", " blanks \n": " blanks "} {
		path := filepath.Join(t.TempDir(), "stdin")
		if err := os.WriteFile(path, []byte(given), 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := askPassword(t.Context(), in, io.Discard)
		if err != nil || got != want {
			t.Errorf("%q: got the password %q (error %v), want %q", given, got, err, want)
		}
		_ = in.Close()
	}
	if _, err := firstLine(strings.NewReader("")); err == nil {
		t.Error("got no error for empty input")
	}
}

func TestAskTwice(t *testing.T) {
	typed := []string{"one", "two", "same", "same"}
	var prompts strings.Builder
	got, err := askTwice(&prompts, func() (string, error) {
		next := typed[0]
		typed = typed[1:]
		return next, nil
	})
	if err != nil || got != "same" || len(typed) != 0 {
		t.Errorf("got %q, %v", got, err)
	}
	if !strings.Contains(prompts.String(), "not the same") || strings.Contains(prompts.String(), "two") {
		t.Errorf("prompts: %q", prompts.String())
	}
	if _, err := askTwice(io.Discard, func() (string, error) { return "", io.EOF }); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want io.EOF", err)
	}
}

func TestDemoDataIsLoopbackOnlyWithAnyFlag(t *testing.T) {
	app := newApp(t)
	hasher, err := bcrypt.New(4)
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Fill(t.Context(), app.Storage, hasher, time.Now()); err != nil {
		t.Fatal(err)
	}
	no, yes := false, true
	for _, wanted := range []*bool{nil, &no, &yes} {
		plan, err := planDemo(t.Context(), app.Storage, wanted, false)
		if err != nil || !plan.present() {
			t.Fatalf("plan %v, %v, want demo data to be present", plan, err)
		}
		if err := plan.fill(t.Context(), app.Storage, wiring.DefaultConfig()); err != nil {
			t.Errorf("fill of a filled store: %v", err)
		}
		if text := plan.refuse("--addr", "0.0.0.0:80").Error(); strings.Contains(text, "--no-demo") {
			t.Errorf("%q names a flag that has no effect", text)
		}
	}
}

func TestDemoDataNeedsEmptyStore(t *testing.T) {
	app := newApp(t)
	if _, err := app.Users.Register(t.Context(), users.SignUp{Name: "Ada", Email: "ada@example.net", Password: "long enough"}); err != nil {
		t.Fatal(err)
	}
	yes := true
	plan, err := planDemo(t.Context(), app.Storage, &yes, true)
	if err != nil || plan.present() {
		t.Errorf("plan %v, %v, want none", plan, err)
	}
}

// TestMailTemplates checks that a folder replaces templates, and that an error names the file.
func TestMailTemplates(t *testing.T) {
	folder := t.TempDir()
	templates := filepath.Join(folder, "password_reset.en.tmpl")
	source := `{{define "subject"}}{{.Community}}{{end}}{{define "text"}}{{.URL}}{{end}}{{define "html"}}{{end}}`
	if err := os.WriteFile(templates, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	s := mailSettings{Community: "Walks", Pages: "https://example.org", Templates: folder}
	made, err := s.templates()
	if err != nil {
		t.Fatal(err)
	}
	r, err := made.Render(users.Mail{Kind: users.MailPasswordReset})
	if err != nil || r.Subject != "Walks" || r.Text != "https://example.org\n" {
		t.Errorf("got %+v, %v", r, err)
	}
	if err := os.WriteFile(templates, []byte("{{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.mailer(slog.Default(), false); err == nil || !strings.Contains(err.Error(), "password_reset.en.tmpl") {
		t.Errorf("a template with a wrong syntax: %v", err)
	}
}

func TestSMTPSettings(t *testing.T) {
	for _, good := range []string{
		"smtp://mail.example.org", "smtp://ada:secret@mail.example.org:2525", "smtps://ada:secret@mail.example.org", "smtp://localhost:1025?tls=none",
	} {
		if _, err := (mailSettings{Mail: &good, From: "no-reply@example.org"}).mailer(slog.Default(), true); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "smtp:", "smtp://", "smtp://ada:secret@mail.example.org?tls=none", "smtps://mail.example.org?tls=none",
		"smtp://ada:secret@mail.example.org/folder", "smtp://mail.example.org?timeout=1", "smtp://ada:secret@mail.example.org:0",
		"smtp://ada:secret@mail example org", "smtp://ada:secret@mail.example.org?tls=none&tls=none",
	} {
		_, err := (mailSettings{Mail: &bad, From: "no-reply@example.org"}).mailer(slog.Default(), false)
		if err == nil || !strings.HasPrefix(err.Error(), "--mail") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want an error about --mail without the password", bad, err)
		}
	}
}

func TestBaseURL(t *testing.T) {
	tests := []struct {
		asked     string
		listening net.TCPAddr
		want      string
	}{
		{"localhost:8080", net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}, "http://localhost:8080"},
		{"localhost:0", net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4711}, "http://localhost:4711"},
		{"[::1]:0", net.TCPAddr{IP: net.IPv6loopback, Port: 4711}, "http://[::1]:4711"},
		{":80", net.TCPAddr{IP: net.IPv6unspecified, Port: 80}, "http://localhost:80"},
		{"0.0.0.0:80", net.TCPAddr{IP: net.IPv4zero, Port: 80}, "http://localhost:80"},
	}
	for _, tt := range tests {
		if got := baseURL("http", tt.asked, &tt.listening, false); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.asked, got, tt.want)
		}
	}
}

func TestMemoryLimitFromTheCgroup(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "") // restores it
	if err := os.Unsetenv("GOMEMLIMIT"); err != nil {
		t.Fatal(err)
	}
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	for _, c := range []struct {
		cgroup memlimit.Provider
		limit  int64
		log    string
	}{
		{memlimit.Limit(1000 << 20), 900 << 20, "the memory is limited, by GOMEMLIMIT or the cgroup\" bytes=943718400"},
		{func() (uint64, error) { return 0, memlimit.ErrNoLimit }, math.MaxInt64, "the cgroup has no limit"},
		{memlimit.Limit(9223372036854771712), 0, "the cgroup has no limit"},
		{func() (uint64, error) { return 0, memlimit.ErrNoCgroup }, 0, "the limit of the cgroup is not known"},
	} {
		var log strings.Builder
		limitMemory(slog.New(slog.NewTextHandler(&log, nil)), c.cgroup)
		if limit := debug.SetMemoryLimit(-1); c.limit > 0 && limit != c.limit || !strings.Contains(log.String(), c.log) {
			t.Errorf("got the limit %d and the log %s, want %d and %q", limit, log.String(), c.limit, c.log)
		}
	}
}

func TestDescribe(t *testing.T) {
	got := describe(&debug.BuildInfo{GoVersion: "go1.26.0", Settings: []debug.BuildSetting{
		{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "132c017"},
		{Key: "vcs.time", Value: "2026-03-01T10:00:00Z"}, {Key: "vcs.modified", Value: "true"},
	}})
	if want := ", revision 132c017 of 2026-03-01T10:00:00Z, with uncommitted changes, go1.26.0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := describe(&debug.BuildInfo{GoVersion: "go1.26.0"}); got != ", go1.26.0" {
		t.Errorf("without a revision: got %q", got)
	}
}

// TestMetricsWrapNoEndpoint checks that a server with metrics has no middleware: with any, each
// request takes a round trip to the store more.
func TestMetricsWrapNoEndpoint(t *testing.T) {
	if _, c := measure(wiring.DefaultConfig()); len(c.Middleware) > 0 {
		t.Errorf("%d middlewares", len(c.Middleware))
	}
}
