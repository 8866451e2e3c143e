package programs

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/workload"
)

// Migrate migrates the store at an address.
func (s Server) Migrate(t *testing.T, address string) {
	t.Helper()
	got := s.Run(t, "migrate", "--store", address)
	scheme, _, _ := strings.Cut(address, "://")
	if got.Code != 0 || !strings.HasPrefix(got.Stdout, scheme+"://") || !strings.HasSuffix(got.Stdout, " is up to date\n") || got.Stderr != "" {
		t.Fatalf("migrate: %v", got)
	}
	Discreet(t, address, got.String())
}

// Sound fails the test if the doctor command finds a violation of the rules in a store.
func (s Server) Sound(t *testing.T, address string) {
	t.Helper()
	if got := s.Run(t, "doctor", "--store", address); got.Code != 0 || !strings.Contains(got.Stdout, "violations     0\n") || got.Stderr != "" {
		t.Errorf("doctor: %v", got)
	}
}

// Discreet fails the test if the output contains the password of an address.
func Discreet(t *testing.T, address, output string) {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	if password, _ := u.User.Password(); password != "" && strings.Contains(output, password) {
		t.Errorf("the output contains the password of the database:\n%s", output)
	}
}

// Copy copies a store. The command itself fails if the audits of the two stores differ.
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

// Refusal is a command that must fail, and the parts of its error.
type Refusal struct {
	command, address string
	parts            []string
}

// Refused returns the Refusal of a command for the store at an address. Its error must contain all
// parts.
func Refused(command, address string, parts ...string) Refusal {
	return Refusal{command, address, parts}
}

// Refuses runs commands that must fail, each in a subtest.
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
			for _, want := range tt.parts {
				if !strings.Contains(got.Stderr, want) {
					t.Errorf("%q does not contain %q", got.Stderr, want)
				}
			}
			Discreet(t, tt.address, got.String())
		})
	}
}

// Shared is a store that several servers may use.
type Shared struct {
	Address string // of an empty store
	Missing string // a part of the error before a migration
	Named   string // the end of the address in the output of the server
	Backup  string // the backup command of the database
}

// Several runs two servers on one store, and commands of an operator at the same time.
func (s Server) Several(t *testing.T, store Shared) {
	address := store.Address
	for range 2 { // the first attempt must not migrate the store
		got := s.Run(t, "--store", address, "--addr", "localhost:0")
		if got.Code != 1 || !strings.Contains(got.Stderr, "server migrate") || !strings.Contains(got.Stderr, store.Missing) {
			t.Fatalf("before a migration: %v", got)
		}
	}
	s.Migrate(t, address)
	s.Migrate(t, address)
	if s := (Server{s.Path, append(s.Env, "CICERONE_STORE="+address)}); s.Run(t, "migrate").Code != 0 {
		t.Error("migrate did not use the address in the environment")
	}

	flags := []string{"--store", address, "--access-key", strings.Repeat("a2V5", 11)}
	one, two := s.Serve(t, flags...), s.Serve(t, flags...)
	if !strings.Contains(one.Said, store.Named+"\n") || strings.Contains(one.Said, "sign in") {
		t.Errorf("the output was:\n%s", one.Said)
	}
	in, err := one.SignUp(t)
	must(t, err)
	if w, err := two.Ask(t, http.MethodGet, "/v1/wallet", in.AccessToken, nil); err != nil || w.Balance != 50 {
		t.Errorf("the other server returned the wallet %v, %v, want 50 tokens", w, err)
	}
	if two.Demo(t) == nil {
		t.Error("there is demo data")
	}

	// The commands of the operator, while the servers are running.
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
		t.Errorf("copy of a store in use: %v", got)
	}
	s.Sound(t, address)

	one.Kill(t)
	if _, err := two.Ask(t, http.MethodPost, "/v1/auth/refresh", "", map[string]string{"refresh_token": in.RefreshToken}); err != nil {
		t.Errorf("refresh after the other server was killed: %v", err)
	}
	Discreet(t, address, one.Said+one.Logged()+two.Said+two.Logged())
}

// Journey runs examples/journey against a server on an empty store, over HTTP and over gRPC. Build must
// have built that program, too.
func (s Server) Journey(t *testing.T, address string) {
	s.Migrate(t, address)
	r := s.Serve(t, "--store", address, "--demo", "--grpc-addr", "localhost:0")
	for _, at := range []string{r.Base, r.GRPC} {
		got := Run(t, Command(t.Context(), nil, filepath.Join(filepath.Dir(s.Path), "journey"), "--server", at))
		if got.Code != 0 || !strings.Contains(got.Stdout, "Everything was as it should be.") {
			t.Errorf("journey to %s: %v", at, got)
		}
	}
	// Without a mail server, the log has whole mails, and each mail has an address.
	logged := strings.Join(slices.DeleteFunc(strings.Split(r.Logged(), "\n"), func(line string) bool {
		return strings.Contains(line, `msg="mail, logged and not sent"`)
	}), "\n")
	for _, secret := range []string{"one small bag", "round the corner", "cicerone-demo", "@example.org", "eyJ"} { // passwords, addresses, access tokens
		if strings.Contains(logged, secret) {
			t.Errorf("the log of a journey contains %s", secret)
		}
	}
	Discreet(t, address, r.Said+r.Logged())
	s.Sound(t, address)
	if got := s.Run(t, "--store", address, "--addr", "0.0.0.0:0", "--mail", "log"); got.Code != 1 || !strings.Contains(got.Stderr, "demo data") {
		t.Errorf("demo data on a public address: %v", got)
	}
}

// ComesBack checks a server while its database stops and starts again. In between it returns 503.
// Afterwards it works again without a restart.
func (s Server) ComesBack(t *testing.T, address string, takeAway, bringBack func()) {
	r := s.Serve(t, "--store", address)
	must(t, r.Ready(t))
	takeAway()
	workload.Within(t, time.Minute, func() error { // the answer of a probe holds for a second
		if r.Ready(t) == nil {
			return errors.New("the server is ready without a database")
		}
		return nil
	})
	if _, err := r.SignUp(t); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("sign-up without a database: %v", err)
	}
	bringBack()
	workload.Within(t, time.Minute, func() error { return r.Ready(t) })
	if _, err := r.SignUp(t); err != nil {
		t.Errorf("sign-up after the database came back: %v", err)
	}
	if !strings.Contains(r.Logged(), "cannot be reached") {
		t.Error("the server did not log the error")
	}
	Discreet(t, address, r.Logged())
}
