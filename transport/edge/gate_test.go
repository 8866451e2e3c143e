package edge_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
)

// door is an Authenticator that knows four tokens. It fails for any other token.
type door struct{ asked int }

var (
	errDown  = errors.New("the Authenticator is down")
	ada, ann = users.Caller{UserID: id.User{1}, Role: users.RoleUser}, users.Caller{UserID: id.User{2}, Role: users.RoleAdmin}
)

func (d *door) Authenticate(_ context.Context, token string) (users.Caller, error) {
	d.asked++
	switch token {
	case "ada":
		return ada, nil
	case "ann":
		return ann, nil
	case "expired":
		return users.Caller{}, fault.New(fault.Unauthenticated, "expired", "this token has expired")
	case "zero":
		return users.Caller{}, nil
	}
	return users.Caller{}, errDown
}

func call(t *testing.T, token, address string) context.Context {
	return edge.WithCall(t.Context(), edge.Call{Operation: "test", Token: token, Address: address})
}

func TestSignedIn(t *testing.T) {
	for _, c := range []struct {
		token string
		want  users.Caller
		err   error
	}{
		{"ada", ada, nil},
		{"ann", ann, nil},
		{"", users.Caller{}, users.ErrNotSignedIn},
		{"expired", users.Caller{}, users.ErrNotSignedIn},
		{"other", users.Caller{}, errDown},
		{"zero", users.Caller{}, fault.Internal},
	} {
		t.Run(c.token, func(t *testing.T) {
			d := &door{}
			ctx, err := edge.NewGate(d, edge.Limits{}).SignedIn(call(t, c.token, "192.0.2.1"))
			if !errors.Is(err, c.err) && (c.err == nil || !errors.Is(fault.KindOf(err), c.err)) {
				t.Fatalf("got %v, want %v", err, c.err)
			}
			if caller, ok := edge.CallerFrom(ctx); caller != c.want || ok != (c.err == nil) {
				t.Errorf("got the caller %v, %v, want %v", caller, ok, c.want)
			}
			if c.token == "" && d.asked > 0 {
				t.Error("the Authenticator was called without a token")
			}
		})
	}
	t.Run("the refusal keeps its cause", func(t *testing.T) {
		_, err := edge.NewGate(&door{}, edge.Limits{}).SignedIn(call(t, "expired", ""))
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Detail != users.ErrNotSignedIn.Detail || f.Unwrap() == nil || f.Unwrap().Error() != "this token has expired" {
			t.Errorf("got %+v", err)
		}
	})
}

// TestWatched checks that a transport learns the caller outside of the gate, also if the gate refuses.
func TestWatched(t *testing.T) {
	gate := edge.NewGate(&door{}, edge.Limits{User: edge.Rate{PerSecond: 0.001, Burst: 1}})
	for _, c := range []struct {
		token string
		err   error
		want  users.Caller
	}{
		{"ada", nil, ada}, {"ada", edge.ErrTooManyRequests, ada}, {"expired", users.ErrNotSignedIn, users.Caller{}},
	} {
		outside := edge.Watch(t.Context())
		_, err := gate.SignedIn(edge.WithCall(outside, edge.Call{Token: c.token}))
		caller, ok := edge.Watched(outside)
		if !errors.Is(err, c.err) || caller != c.want || ok != (c.want != users.Caller{}) {
			t.Errorf("got %v, %v (error %v), want %v (error %v)", caller, ok, err, c.want, c.err)
		}
	}
	if _, ok := edge.Watched(t.Context()); ok {
		t.Error("a context that is not watched has a caller")
	}
}

func TestAdminsOnly(t *testing.T) {
	gate := edge.NewGate(&door{}, edge.Limits{})
	for token, want := range map[string]error{"ada": users.ErrAdminsOnly, "ann": nil} {
		ctx, err := gate.SignedIn(call(t, token, ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := edge.AdminsOnly(ctx); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", token, err, want)
		}
	}
	if _, err := edge.AdminsOnly(t.Context()); !errors.Is(err, users.ErrAdminsOnly) {
		t.Errorf("without a caller: got %v", err)
	}
}

func TestContextWithoutCall(t *testing.T) {
	if c := edge.CallFrom(t.Context()); c != (edge.Call{}) {
		t.Errorf("got the call %+v", c)
	}
	if c, ok := edge.CallerFrom(t.Context()); ok || c != (users.Caller{}) {
		t.Errorf("got the caller %+v", c)
	}
	if c, ok := edge.CallerFrom(edge.WithCaller(t.Context(), ada)); !ok || c != ada {
		t.Errorf("got the caller %+v", c)
	}
}

func TestNewGateNeedsAnAuthenticator(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a Gate was made without an Authenticator")
		}
	}()
	edge.NewGate(nil, edge.Limits{})
}

// slow returns a rate that admits no more requests than the burst while a test runs.
func slow(burst int) edge.Rate { return edge.Rate{PerSecond: 1.0 / 3600, Burst: burst} }

// limited fails the test unless the error is ErrTooManyRequests with a RetryAfter of about an hour.
func limited(t *testing.T, err error) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || !errors.Is(err, edge.ErrTooManyRequests) || f.RetryAfter < 59*time.Minute || f.RetryAfter > time.Hour {
		t.Errorf("got %v, want %v for an hour", err, edge.ErrTooManyRequests)
	}
}

func TestLimitOfAnAddress(t *testing.T) {
	for name, c := range map[string]struct {
		same  []string // count as one client
		other string
	}{
		"IPv4":              {[]string{"192.0.2.1", "192.0.2.1"}, "192.0.2.2"},
		"IPv6, by /64":      {[]string{"2001:db8::1", "2001:db8::ffff:1"}, "2001:db8:0:1::1"},
		"IPv6, with a zone": {[]string{"fe80::1%eth0", "fe80::2%eth1"}, "fe80:0:0:1::1"},
		"IPv4 as IPv6":      {[]string{"::ffff:192.0.2.1", "::ffff:192.0.2.1"}, "::ffff:192.0.2.2"},
		"not an address":    {[]string{"@", "@"}, "a socket"},
	} {
		t.Run(name, func(t *testing.T) {
			gate := edge.NewGate(&door{}, edge.Limits{Anonymous: slow(len(c.same))})
			for _, address := range c.same {
				if _, err := gate.Anyone(call(t, "", address)); err != nil {
					t.Fatal(err)
				}
			}
			_, err := gate.Anyone(call(t, "", c.same[0]))
			limited(t, err)
			if _, err := gate.Anyone(call(t, "", c.other)); err != nil {
				t.Errorf("another client: got %v", err)
			}
		})
	}
}

// TestRefusedTokensCount checks that refused tokens count against the limit of the address, and
// that the requests of a signed-in user do not.
func TestRefusedTokensCount(t *testing.T) {
	gate := edge.NewGate(&door{}, edge.Limits{Anonymous: slow(3)})
	for _, token := range []string{"", "expired"} {
		if _, err := gate.SignedIn(call(t, token, "192.0.2.1")); !errors.Is(err, users.ErrNotSignedIn) {
			t.Fatal(err)
		}
	}
	if _, err := gate.SignedIn(call(t, "other", "192.0.2.1")); !errors.Is(err, errDown) {
		t.Fatal(err)
	}
	if _, err := gate.Anyone(call(t, "", "192.0.2.1")); err != nil {
		t.Errorf("a failure of the Authenticator counted: %v", err)
	}
	for _, token := range []string{"", "expired"} {
		_, err := gate.SignedIn(call(t, token, "192.0.2.1"))
		limited(t, err)
	}
	if _, err := gate.SignedIn(call(t, "ada", "192.0.2.1")); err != nil {
		t.Errorf("a signed-in user: got %v", err)
	}
}

func TestLimitOfAUser(t *testing.T) {
	gate := edge.NewGate(&door{}, edge.Limits{User: slow(2)})
	for i := range 2 {
		if _, err := gate.SignedIn(call(t, "ada", fmt.Sprint("192.0.2.", i))); err != nil {
			t.Fatal(err)
		}
	}
	_, err := gate.SignedIn(call(t, "ada", "192.0.2.3"))
	limited(t, err)
	if _, err := gate.SignedIn(call(t, "ann", "192.0.2.3")); err != nil {
		t.Errorf("another user: got %v", err)
	}
}

// TestBucketsAreBounded checks that the least recently used of more than 10,000 buckets is dropped.
func TestBucketsAreBounded(t *testing.T) {
	gate := edge.NewGate(&door{}, edge.Limits{Anonymous: slow(1)})
	admit := func(address string) error {
		_, err := gate.Anyone(call(t, "", address))
		return err
	}
	address := func(i int) string { return fmt.Sprintf("10.0.%d.%d", i/250, i%250) }
	for i := range 10_000 {
		if err := admit(address(i)); err != nil {
			t.Fatal(err)
		}
	}
	limited(t, admit(address(0))) // this makes it the most recently used
	if err := admit("192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	limited(t, admit(address(0)))
	if err := admit(address(1)); err != nil {
		t.Errorf("the least recently used bucket was not dropped: %v", err)
	}
}

func TestRates(t *testing.T) {
	gate := edge.NewGate(&door{}, edge.Limits{Anonymous: edge.Rate{PerSecond: 0.0001}})
	if _, err := gate.Anyone(call(t, "", "")); err != nil {
		t.Errorf("without a burst: got %v, want one request", err)
	}
	if _, err := gate.Anyone(call(t, "", "")); !errors.Is(err, edge.ErrTooManyRequests) {
		t.Errorf("without a burst: got %v, want one request only", err)
	}
	gate = edge.NewGate(&door{}, edge.Limits{})
	for range 1000 {
		if _, err := gate.Anyone(call(t, "", "")); err != nil {
			t.Fatalf("without a limit: %v", err)
		}
	}
}

func TestPeerAddress(t *testing.T) {
	for peer, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::1", "192.0.2.1": "192.0.2.1", "@": "@", "": "",
	} {
		if got := edge.PeerAddress(peer); got != want {
			t.Errorf("%q: got %q, want %q", peer, got, want)
		}
	}
}
