package main_test

import (
	"bufio"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

func TestServeUntilSignal(t *testing.T) {
	for store, s := range map[string]os.Signal{"sqlite": syscall.SIGTERM, "memory": os.Interrupt} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			p := start(t, "--store", store)
			client := p.client(t)
			if err := client.Ready(t.Context()); err != nil {
				t.Errorf("not ready: %v", err)
			}
			for email, role := range map[string]users.Role{
				"admin@example.org": users.RoleAdmin, "voyager@example.org": users.RoleUser, "local@example.org": users.RoleUser,
			} {
				in, err := client.SignIn(t.Context(), email, "cicerone-demo")
				if err != nil || in.User.Role != role {
					t.Errorf("sign in %s: %v, %v, want role %s", email, in.User, err, role)
				}
				if !strings.Contains(p.said, email) || !strings.Contains(p.said, "cicerone-demo") {
					t.Errorf("the output does not show how to sign in as %s:\n%s", email, p.said)
				}
			}
			p.signal(t, s)
			if code, killed := p.wait(t); code != 0 {
				t.Errorf("exit code %d, %v, want 0", code, killed)
			}
		})
	}
}

func TestJourney(t *testing.T) {
	for _, args := range [][]string{{}, {"--store", "memory"}, {"--store", ":memory:"}, {"--message-cost", "3", "--token-rate", "1.5", "--log-format", "json"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			p := start(t, append(args, "--log-level", "debug", "--grpc-addr", "localhost:0")...)
			for _, server := range []string{p.base, grpcAddress.FindString(p.said)} {
				out, err := exec.CommandContext(t.Context(), journeyProgram, "--server", server).CombinedOutput()
				if err != nil || !strings.Contains(string(out), "Everything was as it should be.") {
					t.Errorf("journey to %s: %v\n%s", server, err, out)
				}
			}
			for line := range strings.Lines(p.logged()) {
				for _, secret := range []string{"one small bag", "round the corner", "cicerone-demo", "@example.org", "eyJ"} { // passwords, addresses, access tokens
					if strings.Contains(line, secret) && !strings.Contains(line, "mail, logged and not sent") {
						t.Errorf("the log contains %s: %s", secret, line)
					}
				}
			}
		})
	}
}

func TestJourneyFailures(t *testing.T) {
	p := start(t, "--no-demo")
	for _, args := range [][]string{
		{"--server", p.base}, // a store without an admin
		{"--server", "http://localhost:1"},
		{"--server", "grpc://localhost:1"},
		{"--server", "grpc://localhost"},
		{"--server", "nonsense"},
	} {
		out, err := exec.CommandContext(t.Context(), journeyProgram, args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "journey: ") {
			t.Errorf("journey %v: %v\n%s", args, err, out)
		}
	}
}

// slowRequest is a request of which the server has received the header and half of the body.
type slowRequest struct {
	conn net.Conn
	read *bufio.Reader
	rest string
}

func sendSlowly(t *testing.T, p *process) *slowRequest {
	t.Helper()
	conn, err := net.Dial("tcp", p.address(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	body := `{"email":"voyager@example.org","password":"cicerone-demo"}`
	half := len(body) / 2
	fmt.Fprintf(conn, "POST /v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	s := &slowRequest{conn: conn, read: bufio.NewReader(conn), rest: body[half:]}
	// 100 Continue shows that the handler is reading the body.
	if line, err := s.read.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("got %q (error %v), want 100 Continue", line, err)
	}
	if _, err := s.read.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(body[:half])); err != nil {
		t.Fatal(err)
	}
	return s
}

// waitUntilClosed waits until the server accepts no more connections.
func waitUntilClosed(t *testing.T, p *process) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		conn, err := net.Dial("tcp", p.address(t))
		if err != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("the server still accepts connections")
		}
	}
}

func TestFinishesRequestsInFlight(t *testing.T) {
	t.Parallel()
	p := start(t)
	slow := sendSlowly(t, p)
	p.signal(t, syscall.SIGTERM)
	waitUntilClosed(t, p)
	if _, err := slow.conn.Write([]byte(slow.rest)); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(slow.read, nil)
	if err != nil {
		t.Fatalf("the request in flight was cut off: %v", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("the request in flight got %s, want 200", answer.Status)
	}
	if code, killed := p.wait(t); code != 0 {
		t.Errorf("exit code %d, %v, want 0", code, killed)
	}
}

func TestSecondSignalEndsImmediately(t *testing.T) {
	t.Parallel()
	p := start(t)
	sendSlowly(t, p) // and never sends the rest
	p.signal(t, syscall.SIGTERM)
	waitUntilClosed(t, p)
	p.signal(t, syscall.SIGTERM)
	if code, killed := p.wait(t); killed != syscall.SIGTERM {
		t.Errorf("exit code %d, signal %v, want SIGTERM", code, killed)
	}
}

func TestWithoutDemoData(t *testing.T) {
	t.Parallel()
	p := start(t, "--no-demo", "--addr", "0.0.0.0:0", "--mail", "log", "--signup-bonus", "7")
	client := p.client(t)
	in, err := client.SignUp(t.Context(), httpapi.SignUp{Name: "Ada", Email: "ada@example.net", Password: "long enough"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if w, err := client.As(in.AccessToken).Wallet(t.Context()); err != nil || w.Balance != 7 {
		t.Errorf("wallet %v, %v, want the bonus of 7", w, err)
	}
	if _, err := client.SignIn(t.Context(), "admin@example.org", "cicerone-demo"); err == nil {
		t.Error("there is a demo account")
	}
	if strings.Contains(p.said, "cicerone-demo") {
		t.Errorf("the output names demo accounts:\n%s", p.said)
	}
}

func TestRefusesToStart(t *testing.T) {
	busy, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	folder := t.TempDir()
	text := filepath.Join(folder, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		env  []string
		args []string
		want []string // parts of standard error
	}{
		{"unknown flag", nil, []string{"--bogus"}, []string{"--bogus", "server -h"}},
		{"unknown variable", []string{"CICERONE_ADR=localhost:1"}, nil, []string{"CICERONE_ADR"}},
		{"unknown command", nil, []string{"dance"}, []string{"dance"}},
		{"bad value", nil, []string{"--message-cost", "dear"}, []string{"--message-cost", "dear"}},
		{"bad value in the environment", []string{"CICERONE_SETTLE_EVERY=soon"}, nil, []string{"--settle-every", "CICERONE_SETTLE_EVERY"}},
		{"quotas out of range", nil, []string{"--max-opened=0", "--max-proposed=0", "--max-pending=1000001"},
			[]string{"--max-opened", "--max-proposed", "--max-pending"}},
		{"quotas without an answer out of range", nil, []string{"--max-unanswered=1001", "--max-unanswered-proposals=0"},
			[]string{"--max-unanswered:", "--max-unanswered-proposals:"}},
		{"tries out of range", nil, []string{"--max-wrong=0", "--max-resets=0", "--max-resets-from=0"},
			[]string{"--max-wrong", "--max-resets", "--max-resets-from"}},
		{"lengths out of range", nil, []string{"--max-lead=0s", "--max-length=-1h"}, []string{"--max-lead", "--max-length"}},
		{"value out of range", nil, []string{"--settle-every", "6s"}, []string{"--settle-every", "5s"}},
		{"an origin with a path", nil, []string{"--cors-origins", "https://a.example,https://b.example/"}, []string{"--cors-origins", "https://b.example/"}},
		{"a certificate without a key", nil, []string{"--tls-cert", text}, []string{"--tls-cert and --tls-key"}},
		{"a certificate that is none", nil, []string{"--tls-cert", text, "--tls-key", text}, []string{"--tls-cert and --tls-key", "PEM"}},
		{"a drain that takes too long", nil, []string{"--drain-delay=11m"}, []string{"--drain-delay", "10m"}},
		{"several out of range", nil, []string{"--signup-bonus=-1", "--bcrypt-cost=3", "--limit-user=-1", "--at-once-search=-1"},
			[]string{"--signup-bonus", "--bcrypt-cost", "--limit-user", "--at-once-search"}},
		{"admission out of range", nil, []string{"--admit-most=32", "--admit-least=0", "--admit-slowdown=0.5", "--admit-queue=-1"},
			[]string{"--admit-least", "--admit-slowdown", "--admit-queue"}},
		{"room out of range", nil, []string{"--body-budget=3", "--body-reserve=-1", "--body-share=1", "--body-min-rate=-1"},
			[]string{"--body-budget", "--body-reserve", "--body-share", "--body-min-rate"}},
		{"connections out of range", nil, []string{"--store=memory", "--addr=localhost:0", "--max-connections=-1"}, []string{"--max-connections"}},
		{"key that is no base64", nil, []string{"--access-key", "!"}, []string{"--access-key", "base64"}},
		{"short key", nil, []string{"--access-key", "c2hvcnQ="}, []string{"--access-key", "32 bytes"}},
		{"cursor key that is no base64", nil, []string{"--cursor-key", "!"}, []string{"--cursor-key", "base64"}},
		{"short cursor key", []string{"CICERONE_CURSOR_KEY=c2hvcnQ="}, nil, []string{"--cursor-key", "32 bytes"}},
		{"public URL without https", nil, []string{"--public-url", "http://example.org"}, []string{"--public-url", "https"}},
		{"base path without a slash", nil, []string{"--base-path", "community"}, []string{"--base-path", "/community"}},
		{"mail without a server on any address", nil, []string{"--no-demo", "--addr", "0.0.0.0:0"}, []string{"--mail", "--mail log"}},
		{"mail without a server behind a proxy", nil, []string{"--trusted-proxies", "127.0.0.1"}, []string{"--mail", "--mail log"}},
		{"trusted proxies that are no addresses", nil, []string{"--mail=log", "--trusted-proxies", "localhost"}, []string{"--trusted-proxies", "localhost", "10.0.0.0/8"}},
		{"a trusted network with an address in it", []string{"CICERONE_TRUSTED_PROXIES=::1,10.0.0.1/8"}, []string{"--mail=log"}, []string{"--trusted-proxies", "10.0.0.0/8"}},
		{"everybody trusted", nil, []string{"--mail=log", "--trusted-proxies", "0.0.0.0/0"}, []string{"--trusted-proxies", "every address"}},
		{"webhooks to what is no network", nil, []string{"--webhook-networks", "localhost"}, []string{"--webhook-networks", "localhost"}},
		{"the PROXY protocol of no proxy", nil, []string{"--proxy-protocol"}, []string{"--proxy-protocol", "--trusted-proxies"}},
		{"another forwarded header", nil, []string{"--forwarded-header", "x-real-ip"}, []string{"--forwarded-header", "x-forwarded-for"}},
		{"unknown store", nil, []string{"--store", "oracle://scott:tiger@db"}, []string{"--store", `"oracle"`, "memory"}},
		{"memory with an address", nil, []string{"--store", "memory:here"}, []string{"--store", "memory"}},
		{"unknown mail", nil, []string{"--mail", "pigeon://loft"}, []string{"--mail", "pigeon", "smtp"}},
		{"mail without a sender", nil, []string{"--mail", "smtp://mail.example.org"}, []string{"--mail-from"}},
		{"bad address", nil, []string{"--addr", "localhost"}, []string{"--addr", "port"}},
		{"port in use", nil, []string{"--addr", busy.Addr().String()}, []string{"listen", "in use"}},
		{"demo data on any address", nil, []string{"--addr", "0.0.0.0:0", "--mail", "log"}, []string{"--addr 0.0.0.0:0", "demo", "--no-demo", "localhost"}},
		{"demo data on every interface", nil, []string{"--addr", ":0", "--mail", "log"}, []string{"demo", "--no-demo"}},
		{"demo data asked for", []string{"CICERONE_DEMO=true", "CICERONE_ADDR=[::]:0", "CICERONE_MAIL=log"}, nil, []string{"demo", "--no-demo"}},
		{"an admin of the memory store", nil, []string{"admin", "ada@example.net", "--store", "memory"}, []string{"memory", "lost when"}},
		{"a backup of the memory store", nil, []string{"backup", "copy.db", "--store", "sqlite::memory:"}, []string{"memory", "lost when"}},
		{"a check of the memory store", []string{"CICERONE_STORE=memory"}, []string{"doctor"}, []string{"memory", "lost when"}},
		{"a check of no store", nil, []string{"doctor"}, []string{"does not exist yet", filepath.Join("cicerone", "cicerone.db")}},
		{"a backup of no store", nil, []string{"backup", "copy.db"}, []string{"does not exist yet"}},
		{"a backup without a file", nil, []string{"backup"}, []string{"<file>"}},
		{"sqlite without a path", nil, []string{"--store", "sqlite:"}, []string{"--store", "sqlite:PATH"}},
		{"sqlite with something else", nil, []string{"--store", "sqlite.db"}, []string{"--store", "sqlite:PATH"}},
		{"a path alone", nil, []string{"--store", "./mine.db"}, []string{"--store", "sqlite[:PATH]"}},
		{"postgres without an address", nil, []string{"--store", "postgres"}, []string{"--store", "postgres://USER@HOST/DATABASE"}},
		{"unreachable server", nil, []string{"--store", "postgresql://scott:tiger@localhost:1/mine"}, []string{"--store postgres://localhost:1/mine:", "cannot be reached"}},
		{"a migration of an unreachable server", []string{"CICERONE_STORE=postgres://scott:tiger@localhost:1/mine"}, []string{"migrate"}, []string{"cannot be reached"}},
		{"a migration through PgBouncer", nil, []string{"migrate", "--store", "postgres://scott:tiger@localhost:1/mine?pgbouncer=true"}, []string{"PgBouncer"}},
		{"a migration of the memory store", nil, []string{"migrate", "--store", "memory"}, []string{"memory", "lost when"}},
		{"no such folder", nil, []string{"--store", "sqlite:" + filepath.Join(folder, "none", "a.db")}, []string{"none", "no such file"}},
		{"a folder", nil, []string{"--store", "sqlite:" + folder}, []string{folder, "not a file"}},
		{"not a database", nil, []string{"--store", "sqlite:" + text}, []string{text, "not a Cicerone store"}},
		{"a check of another file", nil, []string{"doctor", "--store", "sqlite:" + text}, []string{text, "not a Cicerone store"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := run(t, append(tt.env, "CICERONE_LOG_LEVEL=error"), tt.args...)
			if code == 0 || stdout != "" || !strings.HasPrefix(stderr, "server: ") {
				t.Errorf("exit code %d, output %q and %q", code, stdout, stderr)
			}
			for _, want := range tt.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q does not contain %q", stderr, want)
				}
			}
			for _, secret := range []string{"tiger", "c2hvcnQ="} {
				if strings.Contains(stderr, secret) {
					t.Errorf("%q contains a secret", stderr)
				}
			}
		})
	}
}

func TestMigrateSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.db")
	if code, stdout, stderr := run(t, nil, "migrate", "--store", "sqlite:"+path); code != 1 || stdout != "" || !strings.Contains(stderr, "does not exist yet") {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("migrate created a file: %v", err)
	}
}

func TestHelpExplainsEverySetting(t *testing.T) {
	code, stdout, stderr := run(t, nil, "-h")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	for _, want := range []string{
		"--addr=HOST:PORT", "CICERONE_ADDR", "--store=", "CICERONE_STORE", "--[no-]demo", "CICERONE_DEMO", "--bcrypt-cost",
		"--access-key", "--cursor-key", "--link-key", "--totp-key", "--require-admin-totp", "CICERONE_LINK_KEY_FILE", "CICERONE_ACCESS_KEY_FILE", "CICERONE_CURSOR_KEY_FILE", "CICERONE_MAIL_FILE", "CICERONE_STORE_FILE",
		"can see the command line", "--trusted-proxies", "--proxy-protocol", "--webhook-http", "--webhook-networks=CIDR", "--base-path=PATH", "--public-url=URL", "--cors-origins=ORIGIN", "--[no-]docs", "--tls-cert=FILE", "--tls-key=FILE", "--tls-subdomains", "--password-words=WORDS", "--drain-delay=TIME", "--mail=", "--log-level", "--limit-user-burst", "--at-once-hashing", "--admit-most=N", "--admit-slowdown=TIMES", "--settle-every",
		"--max-connections=N", "--max-connections-per-address=N", "--body-budget=MIB",
		"server admin EMAIL", "server backup FILE", "server doctor", "server ledger head", "server copy --to STORE", "server migrate", "server twins", "server events", "sqlite[:PATH]", "postgres://USER@HOST/DATABASE", "cicerone/cicerone.db",
	} {
		if !strings.Contains(strings.Join(strings.Fields(stdout), " "), want) {
			t.Errorf("the help does not contain %s:\n%s", want, stdout)
		}
	}
}

// flagNames matches the flags in a help text, like --store.
var flagNames = regexp.MustCompile(`(?m)^ +(?:-h, )?(--[a-z[\]-]+[a-z])`)

func TestHelpOfCommands(t *testing.T) {
	for args, own := range map[string][]string{
		"admin ada@example.net": {"--bcrypt-cost", "--log-format", "--log-level", "--name", "--password-words", "--reset-totp", "--signup-bonus"},
		"backup a.db":           nil,
		"copy --to memory":      {"--from", "--from-file", "--to", "--to-file"},
		"doctor":                {"--ledger-head"},
		"ledger head":           nil,
		"events list":           nil,
		"migrate":               nil,
		"twins":                 {"--email", "--erase", "--log-format", "--log-level"},
	} {
		command := strings.Fields(args)
		code, stdout, stderr := run(t, nil, command[0], "-h")
		var shown []string
		for _, m := range flagNames.FindAllStringSubmatch(stdout, -1) {
			shown = append(shown, m[1])
		}
		slices.Sort(shown)
		want := append([]string{"--help", "--store", "--store-file", "--version"}, own...)
		slices.Sort(want)
		if code != 0 || stderr != "" || !slices.Equal(shown, want) {
			t.Errorf("server %s -h: exit code %d, %s, shows %v, want %v", command[0], code, stderr, shown, want)
		}
		// A flag of another command is unknown, but its environment variable is ignored.
		code, _, stderr = run(t, []string{"CICERONE_LIMIT_USER=3"}, append(command, "--limit-user=3")...)
		if code != 2 || !strings.Contains(stderr, "unknown flag --limit-user") {
			t.Errorf("server %s --limit-user=3: exit code %d, %s", args, code, stderr)
		}
	}
}

func TestVersion(t *testing.T) {
	code, stdout, stderr := run(t, nil, "--version")
	if code != 0 || stderr != "" || !strings.HasPrefix(stdout, "cicerone ") || !strings.Contains(stdout, runtime.Version()) {
		t.Errorf("exit code %d, %q, %s", code, stdout, stderr)
	}
}

// A server that is killed while it fills its file with demo data leaves the file either empty or
// full, and the next server completes it.
func TestDemoDataAfterKill(t *testing.T) {
	store := "sqlite:" + filepath.Join(t.TempDir(), "a.db")
	for _, after := range []int{50, 100, 200, 300, 400, 600} {
		c := command(t, nil, "--addr", "localhost:0", "--bcrypt-cost", "4", "--store", store)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(after) * time.Millisecond)
		_ = c.Process.Kill() // it fails only if the server has ended
		_ = c.Wait()
	}
	p := start(t, "--store", store)
	if _, err := p.client(t).SignIn(t.Context(), "voyager@example.org", "cicerone-demo"); err != nil {
		t.Errorf("sign in: %v", err)
	}
	if code, stdout, stderr := run(t, nil, "doctor", "--store", store); code != 0 || !strings.Contains(stdout, "wallets        39\n") {
		t.Errorf("doctor: exit code %d, %s\n%s", code, stderr, stdout)
	}
}

// TestJourneyWithTLS lets the journey travel over both protocols with a certificate that it knows from
// SSL_CERT_FILE.
func TestJourneyWithTLS(t *testing.T) {
	known := httptest.NewTLSServer(nil) // its certificate is for 127.0.0.1
	known.Close()
	key, err := x509.MarshalPKCS8PrivateKey(known.TLS.Certificates[0].PrivateKey)
	must(t, err)
	folder := t.TempDir()
	certFile, keyFile := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	must(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: known.Certificate().Raw}), 0o600))
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	p := start(t, "--addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0", "--tls-cert", certFile, "--tls-key", keyFile)
	_, after, _ := strings.Cut(p.said, "gRPC ")
	rpc, _, _ := strings.Cut(strings.TrimSpace(after), "\n")
	for _, server := range []string{p.base, rpc} {
		for _, env := range []string{"SSL_CERT_FILE=" + certFile, "SSL_CERT_FILE=" + keyFile} {
			journey := exec.CommandContext(t.Context(), journeyProgram, "--server", server)
			journey.Env = append(os.Environ(), env, "SSL_CERT_DIR="+folder+"/none")
			out, err := journey.CombinedOutput()
			if trusted := env == "SSL_CERT_FILE="+certFile; trusted != (err == nil) || !trusted && !strings.Contains(string(out), "certificate") {
				t.Errorf("journey to %s, where the certificate is known: %v: %v\n%s", server, trusted, err, out)
			}
		}
	}
}
