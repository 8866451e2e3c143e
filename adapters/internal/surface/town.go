package surface

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/pquerna/otp/totp"

	sending "github.com/cicerone-go/cicerone/adapters/webhooks"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// town is a server with four people, who have something of everything.
type town struct {
	testing.TB
	app        *wiring.App
	log        *lines
	mailbox    *mailbox
	operations []operation
	words      map[string]string // what stands for words in braces
	answered   func(r request, a answer)

	voyager, local, stranger, admin *person
	people                          int // who have signed up
}

// operation is an operation of the OpenAPI document.
type operation struct {
	*openapi3.Operation
	method, path string
}

// person is a signed-in user.
type person struct {
	id, email, password, access, refresh string
	address                              string // of the machine, other than that of all others
	recovery                             string // a recovery code; "" without a second factor
}

// request is a request of an operation. by is nil if its sender is not signed in.
type request struct {
	operation
	by         *person
	parameters map[string]string // in the path and the query
	headers    map[string]string
	body       map[string]any
	raw        string // the body, if it is not ""
}

type answer struct {
	status int
	header http.Header
	body   string
}

// newTown makes a town over an empty store. change changes the configuration of the server; answered
// is called for every answer.
func newTown(t testing.TB, storage ports.Storage, change func(c *wiring.Config), answered func(request, answer)) *town {
	t.Helper()
	tn := &town{TB: t, log: &lines{}, mailbox: &mailbox{}, words: map[string]string{}, answered: answered}
	c := wiring.DefaultConfig()
	c.PasswordCost = 4
	c.Limits.Anonymous.PerSecond, c.Limits.User.PerSecond, c.Limits.Streams.Longest = 0, 0, 20*time.Millisecond
	c.Log = slog.New(slog.NewJSONHandler(tn.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.Mailer, c.LinkKeys = tn.mailbox, [][]byte{[]byte("the key of links of this town, 32 bytes")}
	c.Users.SignupBonus = 1_000_000
	c.Messaging.MaxOpened, c.Reservations.MaxProposed, c.Reservations.MaxPending = 1_000_000, 1_000_000, 1_000_000
	c.Webhooks.MaxEndpoints = webhooks.MaxEndpoints
	c.Messaging.MaxUnanswered, c.Reservations.MaxUnanswered = wiring.MaxUnanswered, 1_000_000
	change(&c)
	app, err := wiring.New(t.Context(), c, storage)
	tn.must(err)
	tn.app = app
	t.Cleanup(func() { tn.must(app.Close(context.Background())) })
	tn.describe()
	tn.settle()
	links, err := wiring.NewLinks(wiring.Checked(c), nil)
	tn.must(err)
	var user id.User
	tn.must(user.UnmarshalText([]byte(tn.voyager.id)))
	tn.words["unsubscribe"] = links.Unsubscribe(user, notifications.NewMessage)
	return tn
}

func (tn *town) must(err error) {
	tn.Helper()
	if err != nil {
		tn.Fatal(err)
	}
}

// describe reads the OpenAPI document.
func (tn *town) describe() {
	recorded := httptest.NewRecorder()
	tn.app.Handler.ServeHTTP(recorded, httptest.NewRequestWithContext(tn.Context(), "GET", "/openapi.json", nil))
	d, err := openapi3.NewLoader().LoadFromData(recorded.Body.Bytes())
	tn.must(err)
	for _, path := range slices.Sorted(maps.Keys(d.Paths.Map())) {
		item := d.Paths.Value(path).Operations()
		for _, method := range slices.Sorted(maps.Keys(item)) {
			tn.operations = append(tn.operations, operation{item[method], method, path})
		}
	}
	if len(tn.operations) < 60 {
		tn.Fatalf("the document has only %d operations", len(tn.operations))
	}
}

// operation returns the operation of a name.
func (tn *town) operation(name string) operation {
	tn.Helper()
	i := slices.IndexFunc(tn.operations, func(o operation) bool { return o.OperationID == name })
	if i < 0 {
		tn.Fatalf("there is no operation %s", name)
	}
	return tn.operations[i]
}

// settle gives everybody something of everything, and of every list at least two items.
func (tn *town) settle() {
	tn.voyager, tn.local, tn.stranger, tn.admin = tn.person("Vera"), tn.person("Luis"), tn.person("Sam"), tn.person("Ann")
	_, err := tn.app.Moderation.MakeAdmin(tn.Context(), tn.admin.email)
	tn.must(err)
	var b bytes.Buffer
	tn.must(png.Encode(&b, image.NewGray(image.Rect(0, 0, 2, 2))))
	now := time.Now().UTC()
	maps.Copy(tn.words, map[string]string{
		"voyager": tn.voyager.id, "local": tn.local.id, "stranger": tn.stranger.id, "admin": tn.admin.id,
		"picture":  "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes()),
		"tomorrow": now.Add(24 * time.Hour).Format(time.RFC3339), "later": now.Add(25 * time.Hour).Format(time.RFC3339),
	})
	for i := range 2 {
		tn.words["interest"] = tn.make("createInterest", tn.admin, "", map[string]any{"name": fmt.Sprint("Hiking ", i), "is_active": true})
		for _, p := range []*person{tn.local, tn.stranger} {
			tn.ask("saveProfile", p, "", map[string]any{
				"first_name": "First", "country": "Land of " + p.address, "city": "Lisbon", "is_searchable": true, "interest_ids": []string{tn.words["interest"]},
			})
		}
		for _, p := range []*person{tn.stranger, tn.local} {
			tn.words["conversation"] = tn.make("openConversation", tn.voyager, "", map[string]any{"local_id": p.id})
		}
		tn.words["message"] = tn.make("send", tn.local, tn.words["conversation"], map[string]any{"content": "Hello", "attachment": tn.words["picture"]})
		tn.words["declined"] = tn.words["reservation"]
		tn.words["reservation"] = tn.make("propose", tn.voyager, tn.words["conversation"], map[string]any{
			"title": "A walk", "price": "1", "date": tn.words["tomorrow"], "end_date": tn.words["later"],
		})
		reported := []*person{tn.local, tn.stranger}[i]
		tn.words["report"] = tn.make("report", tn.voyager, "", map[string]any{"reported_user_id": reported.id, "reason": "rude"})
		for _, p := range []*person{tn.voyager, tn.stranger} {
			tn.make("postTokens", tn.admin, p.id, map[string]any{"type": "BONUS", "amount": 1, "reason": "kind"})
		}
		for word, p := range map[string]*person{"warning": tn.voyager, "sanction": tn.stranger} {
			tn.words[word] = tn.make("impose", tn.admin, p.id, map[string]any{"kind": "warning", "reason": "rude"})
		}
		tn.words["removed"] = tn.words["webhook"]
		tn.words["webhook"] = tn.make("createWebhook", tn.admin, "", map[string]any{"url": fmt.Sprint("https://192.0.2.1/", i)})
		tn.signIn(tn.voyager)
		tn.ask("block", tn.voyager, tn.person("Block").id, nil)
	}
	tn.setAside()
	tn.words["session"] = tn.object(tn.ask("sessions", tn.voyager, "", nil))["items"].([]any)[1].(map[string]any)["id"].(string)
}

// person signs up a person with secrets of their own.
func (tn *town) person(name string) *person {
	tn.Helper()
	tn.people++
	n := tn.people
	p := &person{
		email: fmt.Sprintf("canary-%s-%d@example.org", strings.ToLower(name), n), password: fmt.Sprintf("canary password %d!", n),
		address: fmt.Sprintf("10.%d.%d.7", n/250, n%250),
	}
	a := tn.send(request{operation: tn.operation("signUp"), by: p, body: map[string]any{"name": name, "email": p.email, "password": p.password}})
	tn.take(p, a)
	return p
}

func (tn *town) signIn(p *person) {
	tn.Helper()
	tn.take(p, tn.ask("logIn", p, "", map[string]any{"email": p.email, "password": p.password}))
}

// take keeps the tokens of an answer.
func (tn *town) take(p *person, a answer) {
	tn.Helper()
	in := tn.object(a)
	if a.status/100 != 2 {
		tn.Fatalf("sign in: got %d: %s", a.status, a.body)
	}
	p.id = in["user"].(map[string]any)["id"].(string)
	p.access, p.refresh = in["access_token"].(string), in["refresh_token"].(string)
}

// make sends a request that must succeed, and returns the id of what it has made.
func (tn *town) make(name string, by *person, in string, body map[string]any) string {
	tn.Helper()
	made := tn.object(tn.ask(name, by, in, body))
	if made["id"] == nil {
		tn.Fatalf("%s: got no id: %v", name, made)
	}
	return made["id"].(string)
}

// ask sends a request that must succeed. in is the id in the path.
func (tn *town) ask(name string, by *person, in string, body map[string]any) answer {
	tn.Helper()
	a := tn.send(request{operation: tn.operation(name), by: by, parameters: map[string]string{"id": in, "user_id": in}, body: body})
	if a.status/100 != 2 {
		tn.Fatalf("%s: got %d: %s", name, a.status, a.body)
	}
	return a
}

func (tn *town) object(a answer) (o map[string]any) {
	tn.Helper()
	if err := json.Unmarshal([]byte(a.body), &o); err != nil {
		tn.Fatalf("%q is not a JSON object: %v", a.body, err)
	}
	return o
}

// send sends a request.
func (tn *town) send(r request) answer {
	tn.Helper()
	q := r.http(tn)
	recorded := httptest.NewRecorder()
	func() {
		defer func() { // an export that fails in the middle closes its connection
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				panic(p)
			}
		}()
		tn.app.Handler.ServeHTTP(recorded, q)
	}()
	a := answer{recorded.Code, recorded.Result().Header, recorded.Body.String()}
	tn.answered(r, a)
	return a
}

// mailbox is a mailer that keeps the mails.
type mailbox struct {
	mu   sync.Mutex
	sent []users.Mail
}

// Send implements users.Mailer.
func (m *mailbox) Send(_ context.Context, mail users.Mail) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent = append(m.sent, mail)
	return nil
}

// reset lets a person forget the password, and returns the token of the mail.
func (tn *town) reset(p *person) string {
	tn.Helper()
	tn.ask("forgotPassword", p, "", map[string]any{"email": p.email})
	ctx, stop := context.WithCancel(tn.Context())
	ended := make(chan error)
	report := func(err error) {
		if !errors.Is(err, sending.ErrForbidden) { // webhooks go to an address that is not a public one
			tn.Error(err)
		}
	}
	go func() { ended <- tn.app.Relay.Run(ctx, report) }()
	defer func() {
		stop()
		tn.must(<-ended)
	}()
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(time.Millisecond) {
		tn.mailbox.mu.Lock()
		i := slices.IndexFunc(tn.mailbox.sent, func(m users.Mail) bool { return m.To == p.email })
		if i >= 0 {
			data := tn.mailbox.sent[i].Data.(users.PasswordResetMail)
			tn.mailbox.mu.Unlock()
			return data.Secret
		}
		tn.mailbox.mu.Unlock()
	}
	tn.Fatal("no mail was sent")
	return ""
}

// code returns a valid code of a person for an operation: the code that confirms a second factor, or
// a recovery code of one that is active.
func (tn *town) code(o operation, p *person) string {
	tn.Helper()
	if p.recovery != "" {
		return p.recovery
	}
	begun := tn.object(tn.ask("setUpSecondFactor", p, "", map[string]any{"password": p.password}))
	code, err := totp.GenerateCode(begun["secret"].(string), time.Now())
	tn.must(err)
	if o.OperationID == "confirmSecondFactor" {
		return code
	}
	confirmed := tn.object(tn.ask("confirmSecondFactor", p, "", map[string]any{"code": code}))
	p.recovery = confirmed["recovery_codes"].([]any)[0].(string)
	return p.recovery
}

// lines collects the log.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}
