package surface

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/histories"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// Leaks sends valid and wrong requests of every operation, by everybody, to a server over an empty
// store, and then again while the store fails. It plants passwords, hashes, tokens, keys, e-mail
// addresses and the secrets of the store, and returns a line for each that is in an answer, an
// error or the log where it may not be. change may change the server.
func Leaks(t testing.TB, storage ports.Storage, secrets []string, change func(*wiring.Config)) []string {
	t.Helper()
	var c canaries
	for _, s := range secrets {
		c.plant(store, nil, s)
	}
	accessKey, cursorKey := "canary key of access tokens, long", "canary key of cursors, also long enough"
	for _, k := range []string{accessKey, cursorKey} {
		c.plant(key, nil, k)
		c.plant(key, nil, base64.StdEncoding.EncodeToString([]byte(k)))
	}
	const cause = "canary cause: SELECT secret FROM postgres://ada:tiger@db/cicerone"
	c.plant(inside, nil, cause)
	failing := &failing{Storage: storage, err: errors.New(cause)}
	tn := newTown(t, failing, func(config *wiring.Config) {
		config.Access.Keys, config.CursorKeys = [][]byte{[]byte(accessKey)}, [][]byte{[]byte(cursorKey)}
		config.Middleware = watched(&c, config.Middleware)
		change(config)
	}, c.answered)
	c.admin = tn.admin
	c.plant(session, nil, "canary.bearer.token")

	outsider := &person{email: "canary-outsider@example.org", password: "canary of an outsider", refresh: "canary.refresh", address: "10.9.9.8"}
	for _, o := range tn.operations {
		callers := []*person{tn.right(o), tn.stranger, tn.admin, outsider}
		if o.isAccount() {
			callers = []*person{callers[0], outsider}
		}
		for _, by := range callers {
			r := tn.valid(o, by)
			for _, wrong := range tn.wrong(r) {
				tn.send(wrong)
			}
			tn.send(r)
		}
	}
	c.stored(tn)
	for _, o := range tn.operations { // otherwise nothing was looked at
		if !slices.ContainsFunc(c.texts, func(s seen) bool { return s.where == o.OperationID && s.ok }) && o.OperationID != "endReservation" {
			t.Errorf("no request of %s succeeded", o.OperationID)
		}
	}
	for healthy := range int64(2) { // all units of a request fail, or all but that of the authentication
		for _, o := range tn.operations {
			tn.send(failing.during(tn, o, healthy))
		}
	}
	failing.stop()
	c.texts = append(c.texts, seen{where: "the log", log: true, text: tn.log.String()})
	return c.leaks()
}

// wrong returns wrong requests that have the secrets of their sender in places where a refusal might
// repeat them.
func (tn *town) wrong(r request) (all []request) {
	tn.Helper()
	all = append(all, r.withHeader("Authorization", "Bearer canary.bearer.token"))
	if r.bodySchema() == nil {
		return all
	}
	for name, s := range r.bodySchema().Properties {
		if s.Value.Format != "password" && s.Value.Format != "email" && s.Value.Format != "uuid" && s.Value.Format != "date-time" && name != "token" {
			continue
		}
		for _, secret := range []string{r.by.password, r.by.access, r.by.refresh, r.by.email + "\u0000"} {
			all = append(all, r.with(name, secret), r.with(name, []string{secret}))
		}
	}
	cut := r
	cut.raw = fmt.Sprintf(`{"password":%q,"token":%q`, r.by.password, r.by.refresh)
	return append(all, cut, r.withHeader("Idempotency-Key", r.by.password).withHeader("X-Request-Id", r.by.password))
}

// answered looks at an answer, and plants the secrets of the request and of the answer.
func (c *canaries) answered(r request, a answer) {
	s := seen{where: r.OperationID, ok: a.status/100 == 2, to: r.by, text: fmt.Sprint(a.header, "\n", a.body)}
	if by := r.by; by != nil {
		c.plant(password, by, by.password)
		c.plant(email, by, by.email)
		c.plant(session, by, by.access)
		c.plant(session, by, by.refresh)
		s.admin = by == c.admin
	}
	if address, ok := r.body["email"].(string); ok && s.ok {
		c.plant(email, r.by, address)
	}
	if token, ok := r.body["token"].(string); ok && r.OperationID == "resetPassword" {
		c.plant(reset, r.by, token)
	}
	if s.ok && slices.Contains(issuing, r.OperationID) {
		var in struct{ AccessToken, RefreshToken string }
		if err := json.Unmarshal([]byte(strings.ReplaceAll(a.body, "_token", "Token")), &in); err == nil {
			c.plant(session, r.by, in.AccessToken)
			c.plant(session, r.by, in.RefreshToken)
		}
	}
	if s.ok && slices.Contains(hooking, r.OperationID) {
		var made struct{ Secret string }
		if err := json.Unmarshal([]byte(a.body), &made); err == nil {
			c.plant(hook, r.by, made.Secret)
		}
	}
	if s.ok && (r.OperationID == "setUpSecondFactor" || r.OperationID == "confirmSecondFactor") {
		var made struct {
			Secret        string
			RecoveryCodes []string `json:"recovery_codes"`
		}
		if err := json.Unmarshal([]byte(a.body), &made); err == nil {
			for _, secret := range append(made.RecoveryCodes, made.Secret) {
				c.plant(factor, r.by, secret)
				c.plant(factor, r.by, strings.ReplaceAll(secret, "-", ""))
			}
		}
	}
	c.texts = append(c.texts, s)
}

// watched adds a middleware that looks at the errors of endpoints, with their causes. E and M are
// go-kit's types of endpoints and of middleware.
func watched[E ~func(context.Context, any) (any, error), M ~func(E) E](c *canaries, middleware []M) []M {
	return append(middleware, func(next E) E {
		return func(ctx context.Context, request any) (any, error) {
			response, err := next(ctx, request)
			for cause := err; cause != nil; cause = errors.Unwrap(cause) {
				c.texts = append(c.texts, seen{where: "an error", log: true, text: fmt.Sprintf("%v %+v", cause, cause)})
			}
			return response, err
		}
	})
}

// stored plants the secrets and hashes in the rows of the store.
func (c *canaries) stored(tn *town) {
	tn.Helper()
	err := ports.NewStore(tn.app.Storage, uow.Policy{}).Snapshot(tn.Context(), func(ctx context.Context, tx ports.Tx) error {
		for _, table := range ports.Tables {
			columns := histories.Secrets[table]
			if table == ports.Users {
				columns = []int{slices.IndexFunc(table.Columns, func(c ports.Column) bool { return c.Name == "password" })}
			}
			if len(columns) == 0 {
				continue
			}
			for row, err := range ports.Scan(ctx, tx.Rows(), table, nil, 0) {
				if err != nil {
					return err
				}
				for _, column := range columns {
					if list, ok := row[column].([]string); ok {
						for _, text := range list {
							c.plant(hash, nil, text)
						}
						continue
					}
					switch value := reflect.ValueOf(row[column]); value.Kind() {
					case reflect.String, reflect.Slice:
						c.plant(hash, nil, fmt.Sprintf("%s", value.Interface()))
					}
				}
			}
		}
		return nil
	})
	tn.must(err)
}

// failing is a storage whose units fail with err, once some of them have succeeded.
type failing struct {
	ports.Storage
	now     atomic.Bool
	healthy atomic.Int64 // how many units succeed before they fail
	err     error
}

// during lets units fail, and returns a request for that time. It makes no request before it.
func (f *failing) during(tn *town, o operation, healthy int64) request {
	f.stop()
	by := tn.voyager
	if strings.HasPrefix(o.path, "/v1/admin/") {
		by = tn.admin
	}
	r := request{operation: o, by: by, parameters: map[string]string{"id": tn.words["conversation"], "user_id": tn.local.id}}
	if o.OperationID == "resetPassword" {
		r.body = map[string]any{"token": by.refresh, "password": "another " + by.password}
	} else if o.bodySchema() != nil {
		r = tn.valid(o, by)
	}
	f.healthy.Store(healthy)
	f.now.Store(true)
	return r
}

// stop lets all units succeed.
func (f *failing) stop() { f.now.Store(false) }

func (f *failing) fails() bool { return f.now.Load() && f.healthy.Add(-1) < 0 }

// Run implements ports.Storage.
func (f *failing) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	if f.fails() {
		return f.err
	}
	return f.Storage.Run(ctx, mode, fn)
}

// Ping implements ports.Storage.
func (f *failing) Ping(ctx context.Context) error {
	if f.fails() {
		return f.err
	}
	return f.Storage.Ping(ctx)
}
