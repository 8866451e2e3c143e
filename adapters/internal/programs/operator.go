package programs

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/workload"
)

// What an operator does with the server is the same whatever its store is: these are the parts of it.

// Migrate makes the store at an address ready.
func (s Server) Migrate(t *testing.T, address string) {
	t.Helper()
	got := s.Run(t, "migrate", "--store", address)
	scheme, _, _ := strings.Cut(address, "://")
	if got.Code != 0 || !strings.HasPrefix(got.Stdout, scheme+"://") || !strings.HasSuffix(got.Stdout, " is up to date\n") || got.Stderr != "" {
		t.Fatalf("migrate: %v", got)
	}
	Discreet(t, address, got.String())
}

// Sound fails the test unless a store keeps all rules.
func (s Server) Sound(t *testing.T, address string) {
	t.Helper()
	if got := s.Run(t, "doctor", "--store", address); got.Code != 0 || !strings.Contains(got.Stdout, "violations     0\n") || got.Stderr != "" {
		t.Errorf("doctor: %v", got)
	}
}

// Discreet fails the test where the password of an address was told.
func Discreet(t *testing.T, address, said string) {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	if password, _ := u.User.Password(); password != "" && strings.Contains(said, password) {
		t.Errorf("the password of the database is told:\n%s", said)
	}
}

// Copy copies a store. The command itself fails where the audits are not equal.
func (s Server) Copy(t *testing.T, from, to string) error {
	t.Helper()
	got := s.Run(t, "copy", "--from", from, "--to", to)
	Discreet(t, from, got.String())
	Discreet(t, to, got.String())
	if got.Code != 0 || !strings.Contains(got.Stdout, "violations     0\n") || !strings.Contains(got.Stdout, "is a copy of") {
		return fmt.Errorf("copy: %v", got)
	}
	return nil
}

// Refusal is a command that is refused, and what is said then.
type Refusal struct {
	command, address string
	says             []string
}

// Refused is the refusal of a command for the store at an address, which says all of these.
func Refused(command, address string, says ...string) Refusal { return Refusal{command, address, says} }

// Refuses runs commands that are refused, each as a test of its own.
func (s Server) Refuses(t *testing.T, cases map[string]Refusal) {
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			args := []string{tt.command, "--store", tt.address}
			if tt.command == "serve" {
				args = append(args, "--addr", "localhost:0", "--log-level", "debug")
			}
			got := s.Run(t, args...)
			scheme, _, _ := strings.Cut(tt.address, "://")
			blamed, isStore := strings.CutPrefix(got.Stderr, "server: --store")
			if got.Code != 1 || !isStore || !strings.HasPrefix(blamed, " "+scheme+"://") && !strings.HasPrefix(blamed, ": ") {
				t.Errorf("%v", got)
			}
			for _, want := range tt.says {
				if !strings.Contains(got.Stderr, want) {
					t.Errorf("%q does not say %q", got.Stderr, want)
				}
			}
			Discreet(t, tt.address, got.String())
		})
	}
}

// Shared is a store that several servers may use.
type Shared struct {
	Address string // of an empty one
	Missing string // what is said of it before it was migrated, besides the command that does it
	Named   string // how its address ends where it is told
	Backup  string // the database's own command
}

// Several lets two servers work on one store, and an operator beside them.
func (s Server) Several(t *testing.T, store Shared) {
	address := store.Address
	for range 2 { // nothing is done without being asked for
		got := s.Run(t, "--store", address, "--addr", "localhost:0")
		if got.Code != 1 || !strings.Contains(got.Stderr, "server migrate") || !strings.Contains(got.Stderr, store.Missing) {
			t.Fatalf("before a migration: %v", got)
		}
	}
	s.Migrate(t, address)
	s.Migrate(t, address)
	if s := (Server{s.Path, append(s.Env, "CICERONE_STORE="+address)}); s.Run(t, "migrate").Code != 0 {
		t.Error("an address in the environment was not taken")
	}

	flags := []string{"--store", address, "--access-key", strings.Repeat("a2V5", 11)}
	one, two := s.Serve(t, flags...), s.Serve(t, flags...)
	if !strings.Contains(one.Said, store.Named+"\n") || strings.Contains(one.Said, "sign in with") {
		t.Errorf("it said:\n%s", one.Said)
	}
	in, err := one.SignUp(t)
	must(t, err)
	if w, err := two.Ask(t, http.MethodGet, "/v1/wallet", in.AccessToken, nil); err != nil || w.Balance != 50 {
		t.Errorf("at the other server: wallet %v, %v, want 50 tokens", w, err)
	}
	if two.Demo(t) == nil {
		t.Error("there is demo data")
	}

	// Beside servers.
	admin := Command(t.Context(), s.Env, s.Path, "admin", "grace@example.net", "--store", address, "--bcrypt-cost", "4")
	admin.Stdin = strings.NewReader("round the corner\n")
	if got := Run(t, admin); got.Code != 0 || got.Stdout != "grace@example.net is a new account, and an admin\n" {
		t.Errorf("admin: %v", got)
	}
	grace, err := one.SignIn(t, "grace@example.net", "round the corner")
	must(t, err)
	if found, err := two.Ask(t, http.MethodGet, "/v1/admin/ledger/verify", grace.AccessToken, nil); err != nil || found.Wallets != 2 {
		t.Errorf("an audit found %v, %v", found, err)
	}
	file := filepath.Join(t.TempDir(), "copy.db")
	if got := s.Run(t, "backup", file, "--store", address); got.Code != 1 || !strings.Contains(got.Stderr, store.Backup) {
		t.Errorf("backup: %v", got)
	}
	if got := s.Run(t, "copy", "--store", address, "--to", "sqlite:"+file); got.Code != 1 || !strings.Contains(got.Stderr, "stop every server") {
		t.Errorf("a copy of a store in use: %v", got)
	}
	s.Sound(t, address)

	one.Kill(t)
	if _, err := two.Ask(t, http.MethodPost, "/v1/auth/refresh", "", map[string]string{"refresh_token": in.RefreshToken}); err != nil {
		t.Errorf("after the other server was killed: %v", err)
	}
	Discreet(t, address, one.Said+one.Logged()+two.Said+two.Logged())
}

// Journey lives through the story of examples/journey on an empty store. Build has made that program, too.
func (s Server) Journey(t *testing.T, address string) {
	s.Migrate(t, address)
	r := s.Serve(t, "--store", address, "--demo")
	got := Run(t, Command(t.Context(), nil, filepath.Join(filepath.Dir(s.Path), "journey"), "--server", r.Base))
	if got.Code != 0 || !strings.Contains(got.Stdout, "Everything was as it should be.") {
		t.Errorf("journey: %v", got)
	}
	s.Sound(t, address)
	if got := s.Run(t, "--store", address, "--addr", "0.0.0.0:0"); got.Code != 1 || !strings.Contains(got.Stderr, "demo data") {
		t.Errorf("demo data, for all to see: %v", got)
	}
}

// ComesBack takes the database of a server away, and brings it back: meanwhile the answer is 503, and nothing of it has to be told
// to the server.
func (s Server) ComesBack(t *testing.T, address string, takeAway, bringBack func()) {
	r := s.Serve(t, "--store", address)
	must(t, r.Ready(t))
	takeAway()
	if err := r.Ready(t); err == nil {
		t.Error("it says that it is ready without a database")
	}
	if _, err := r.SignUp(t); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("without a database: %v", err)
	}
	bringBack()
	workload.Within(t, time.Minute, func() error { return r.Ready(t) })
	if _, err := r.SignUp(t); err != nil {
		t.Errorf("after the database came back: %v", err)
	}
	if !strings.Contains(r.Logged(), "cannot be reached") {
		t.Error("nothing was logged of it")
	}
	Discreet(t, address, r.Logged())
}
