package httpapi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/images"
	"github.com/cicerone-go/cicerone/adapters/jwt"
	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/adapters/totp"
	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/secret"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// world is a server over an empty memory store, with a clock that only advance moves.
type world struct {
	t        testing.TB
	ctx      context.Context
	store    *ports.Store
	auditor  *audit.Auditor
	services *services.Services
	api      *httpapi.API
	client   *httpapi.Client // not signed in
	mailbox  *mailbox
	cursors  *edge.Cursors // the same after a restart
	links    *edge.Links

	mu  sync.Mutex
	now time.Time
}

// shortStream is how long streams last, for tests of all routes.
const shortStream = 20 * time.Millisecond

func newWorld(t testing.TB, change ...func(*httpapi.Options)) *world {
	t.Helper()
	return newWorldIn(t, memory.New(), change...)
}

// newWorldIn returns a world over an empty storage.
func newWorldIn(t testing.TB, storage ports.Storage, change ...func(*httpapi.Options)) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), mailbox: &mailbox{}, cursors: edge.RandomCursors(), now: time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)}
	t.Cleanup(func() {
		w.ctx = context.Background()
		w.audit()
		if err := storage.Close(w.ctx); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	w.links = must[*edge.Links](t)(edge.NewLinks(0, w.clock, bytes.Repeat([]byte{1}, edge.LinkKeySize)))
	w.store = ports.NewStore(storage, uow.Policy{})
	w.auditor = audit.New(ports.ForAudit(w.store))

	var err error
	if w.services, err = newServices(w.store, w.clock, w.mailbox); err != nil {
		t.Fatal(err)
	}
	w.serve(change...)
	return w
}

// newServices returns services for tests, with the usual parts and the default policies as they are
// changed.
func newServices(
	store *ports.Store, now clock.Clock, mailer users.Mailer, change ...func(*services.Parts, *services.Policies),
) (*services.Services, error) {
	key, err := jwt.NewKey()
	if err != nil {
		return nil, err
	}
	access, err := jwt.New(jwt.Config{Keys: [][]byte{key}, Issuer: "cicerone", Audience: "cicerone", Now: now})
	if err != nil {
		return nil, err
	}
	codes, err := totp.New(totp.Config{Keys: [][]byte{key}, Issuer: "cicerone"})
	if err != nil {
		return nil, err
	}
	secrets, err := secret.NewBox("webhook", key)
	if err != nil {
		return nil, err
	}
	parts := services.Parts{
		Hasher: quickHasher{}, Access: access, TOTP: codes, Mailer: mailer, Images: images.New(images.DefaultLimits()), Secrets: secrets, Clock: now,
	}
	policies := services.DefaultPolicies()
	for _, c := range change {
		c(&parts, &policies)
	}
	return services.New(ports.ForServices(store), parts, policies)
}

// serve makes a new API of the same services, as after a restart.
func (w *world) serve(change ...func(*httpapi.Options)) {
	w.t.Helper()
	o := httpapi.Options{Cursors: w.cursors, Links: w.links}
	o.Limits.Streams.Longest = shortStream
	for _, c := range change {
		c(&o)
	}
	w.api = httpapi.New(w.services, o)
	var err error
	w.client, err = httpapi.NewClient("http://cicerone.test", kithttp.WithHTTPClient(&http.Client{Transport: direct{w.api}}))
	if err != nil {
		w.t.Fatal(err)
	}
}

// direct is a round tripper that calls a handler without a network.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	answer := httptest.NewRecorder()
	d.handler.ServeHTTP(answer, r)
	return answer.Result(), nil
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return clock.Truncate(w.now)
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// quickHasher is a fast password hasher, for tests only.
type quickHasher struct{}

func (quickHasher) Hash(_ context.Context, password string) (string, error) {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:]), nil
}

func (h quickHasher) Verify(ctx context.Context, hash, password string) (bool, error) {
	made, err := h.Hash(ctx, password)
	return made == hash, err
}

func (quickHasher) Outdated(string) bool { return false }

// mailbox is a mailer that keeps the mails.
type mailbox struct {
	mu        sync.Mutex
	sent      []users.Mail
	delivered int64 // the position of the last event that requested one
}

func (m *mailbox) Send(_ context.Context, mail users.Mail) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent = append(m.sent, mail)
	return nil
}

// sent sends the mail that was requested, as the relay does, and returns all mail so far.
func (w *world) sent() []users.Mail {
	w.t.Helper()
	var next []events.Numbered
	err := w.store.Do(w.ctx, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Events().Number(ctx, 1000)
		return err
	})
	if err == nil {
		err = w.store.View(w.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
			next, err = tx.Events().After(ctx, w.mailbox.delivered, 1000)
			return err
		})
	}
	for _, e := range next {
		w.mailbox.delivered = e.Position
		if e.Type == events.TypeMailRequested && err == nil {
			err = w.services.Users.SendMail(w.ctx, e.Event)
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.mailbox.mu.Lock()
	defer w.mailbox.mu.Unlock()
	return slices.Clone(w.mailbox.sent)
}

// secret returns the secret of the last mail, which resets a password.
func (w *world) secret() string {
	w.t.Helper()
	sent := w.sent()
	return sent[len(sent)-1].Data.(users.PasswordResetMail).Secret
}

// answer is a response of the server.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request. headers are pairs of names and values. The default Content-Type of a body is
// application/json.
func (w *world) ask(method, path, token, body string, headers ...string) answer {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.ctx, method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header[http.CanonicalHeaderKey(pair[0])] = append(r.Header[http.CanonicalHeaderKey(pair[0])][:0:0], pair[1])
	}
	return w.send(r)
}

func (w *world) send(r *http.Request) answer {
	recorded := httptest.NewRecorder()
	w.api.ServeHTTP(recorded, r)
	a := answer{recorded.Code, recorded.Header(), recorded.Body.String()}
	described(w.t, r, a)
	return a
}

// want fails the test unless the response has the status.
func (a answer) want(t testing.TB, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("got status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// object returns the JSON object in the body of the response.
func (a answer) object(t testing.TB) map[string]any {
	t.Helper()
	var o map[string]any
	d := json.NewDecoder(strings.NewReader(a.body))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		t.Fatalf("the body %q is not a JSON object: %v", a.body, err)
	}
	return o
}

// refused fails the test unless the response is a problem document with the status, the code (any
// if code is "") and errors of exactly the fields.
func (a answer) refused(t testing.TB, status int, code string, fields ...string) {
	t.Helper()
	a.want(t, status)
	var p kithttp.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("got %s %q, want a problem document (%v)", a.header.Get("Content-Type"), a.body, err)
	}
	if p.Status != status || p.Title != http.StatusText(status) || p.Detail == "" || code != "" && p.Code != code {
		t.Fatalf("got problem %+v, want status %d and code %q", p, status, code)
	}
	var named []string
	for _, e := range p.Errors {
		named = append(named, e.Field)
	}
	if !slices.Equal(named, fields) {
		t.Fatalf("got errors of %q, want of %q: %s", named, fields, a.body)
	}
}

// rows returns all rows of the store as text.
func (w *world) rows() string {
	w.t.Helper()
	var all bytes.Buffer
	err := w.store.Snapshot(w.ctx, func(ctx context.Context, tx ports.Tx) error {
		all.Reset()
		for _, table := range ports.Tables {
			for row, err := range ports.Scan(ctx, tx.Rows(), table, nil, 0) {
				if err != nil {
					return err
				}
				if table == ports.Tries || row[0] == users.TryKey {
					continue // a refused try is counted
				}
				for i, value := range row {
					if b, ok := value.([]byte); ok {
						row[i] = sha256.Sum256(b)
					}
				}
				fmt.Fprintf(&all, "%s\t%v\n", table.Name, row)
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatalf("read all rows: %v", err)
	}
	return all.String()
}

// unchanged runs f, and fails the test if the rows of the store have changed.
func (w *world) unchanged(f func()) {
	w.t.Helper()
	before := w.rows()
	f()
	if after := w.rows(); after != before {
		w.t.Errorf("the store changed from\n%s\nto\n%s", before, after)
	}
}

// audit fails the test for every rule that the store breaks.
func (w *world) audit() {
	w.t.Helper()
	v, err := w.auditor.Audit(w.ctx)
	if err != nil {
		w.t.Fatalf("audit the store: %v", err)
	}
	for _, broken := range v.Violations {
		w.t.Errorf("the store breaks %s at %q: %s", broken.Rule, broken.Subject, broken.Detail)
	}
}

// must returns the value of a call, and fails the test if the call returned an error.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
