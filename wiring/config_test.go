package wiring_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/wiring"
)

func TestTheDefaultConfigIsValid(t *testing.T) {
	if err := wiring.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}

// New refuses to leave out a route that does not exist.
func TestWithoutRoutes(t *testing.T) {
	c := wiring.DefaultConfig()
	c.WithoutRoutes = []string{"policy", "nothing"}
	if _, err := wiring.New(t.Context(), c, memory.New()); err == nil || !strings.Contains(err.Error(), `WithoutRoutes: there is no route named "nothing"`) {
		t.Errorf("New = %v", err)
	}
}

func ignore(context.Context, events.Event) error { return nil }

func TestValidateNamesTheField(t *testing.T) {
	key := bytes.Repeat([]byte("k"), 32)
	tests := []struct {
		field  string
		change func(c *wiring.Config)
	}{
		{"Users.SignupBonus", func(c *wiring.Config) { c.Users.SignupBonus = -1 }},
		{"Users.SignupBonus", func(c *wiring.Config) { c.Users.SignupBonus = 1 << 53 }},
		{"Users.AccessLifetime", func(c *wiring.Config) { c.Users.AccessLifetime = 0 }},
		{"Users.RefreshLifetime", func(c *wiring.Config) { c.Users.RefreshLifetime = time.Minute }},
		{"Users.ResetLifetime", func(c *wiring.Config) { c.Users.ResetLifetime = -time.Second }},
		{"Origins", func(c *wiring.Config) { c.Origins = []string{"https://app.example.org", "*"} }},
		{"Users.ResetURL", func(c *wiring.Config) { c.Users.ResetURL = "javascript:alert(1)" }},
		{"Messaging.MessageCost", func(c *wiring.Config) { c.Messaging.MessageCost = -1 }},
		{"Messaging.MaxOpened", func(c *wiring.Config) { c.Messaging.MaxOpened = 0 }},
		{"Messaging.MaxUnanswered", func(c *wiring.Config) { c.Messaging.MaxUnanswered = 0 }},
		{"Messaging.MaxUnanswered", func(c *wiring.Config) { c.Messaging.MaxUnanswered = wiring.MaxUnanswered + 1 }},
		{"Messaging.MaxImagePixels", func(c *wiring.Config) { c.Messaging.MaxImagePixels = 0 }},
		{"Images.Memory", func(c *wiring.Config) { c.Images.Memory = -1 }},
		{"Images.Waiting", func(c *wiring.Config) { c.Images.Waiting = -1 }},
		{"Reservations.MaxProposed", func(c *wiring.Config) { c.Reservations.MaxProposed = 1_000_001 }},
		{"Users.MaxWrong", func(c *wiring.Config) { c.Users.MaxWrong = 0 }},
		{"Users.MaxPause", func(c *wiring.Config) { c.Users.MaxPause = c.Users.CountWindow + 1 }},
		{"Users.MaxResets", func(c *wiring.Config) { c.Users.MaxResets = 0 }},
		{"Users.MaxResetsFrom", func(c *wiring.Config) { c.Users.MaxResetsFrom = -1 }},
		{"Users.CountWindow", func(c *wiring.Config) { c.Users.CountWindow = 0 }},
		{"Reservations.MaxPending", func(c *wiring.Config) { c.Reservations.MaxPending = -1 }},
		{"Reservations.MaxUnanswered", func(c *wiring.Config) { c.Reservations.MaxUnanswered = 0 }},
		{"Reservations.MaxLead", func(c *wiring.Config) { c.Reservations.MaxLead = 0 }},
		{"Reservations.MaxLength", func(c *wiring.Config) { c.Reservations.MaxLength = -time.Hour }},
		{"Tokens.SealEvery", func(c *wiring.Config) { c.Tokens.SealEvery = 0 }},
		{"Tokens.SealEvery", func(c *wiring.Config) { c.Tokens.SealEvery = 10*time.Second + 1 }},
		{"Reservations.SettleEvery", func(c *wiring.Config) { c.Reservations.SettleEvery = 0 }},
		{"Reservations.SettleEvery", func(c *wiring.Config) { c.Reservations.SettleEvery = 5*time.Second + 1 }},
		{"MatchIndex.Mode", func(c *wiring.Config) { c.MatchIndex.Mode = "perhaps" }},
		{"MatchIndex.Policy.MaxStale", func(c *wiring.Config) { c.MatchIndex.Policy.MaxStale = time.Hour }},
		{"Units.MaxTime", func(c *wiring.Config) { c.Units.MaxTime = -1 }},
		{"Units.MinPause", func(c *wiring.Config) { c.Units.MinPause = -1 }},
		{"Units.MaxPause", func(c *wiring.Config) { c.Units.MaxPause = -1 }},
		{"Access.Keys", func(c *wiring.Config) { c.Access.Keys = [][]byte{[]byte("short")} }},
		{"Access.Keys", func(c *wiring.Config) { c.Access.Keys = [][]byte{key, key} }},
		{"CursorKeys", func(c *wiring.Config) { c.CursorKeys = [][]byte{[]byte("short")} }},
		{"CursorKeys", func(c *wiring.Config) { c.CursorKeys = [][]byte{key, key} }},
		{"LinkKeys", func(c *wiring.Config) { c.LinkKeys = [][]byte{[]byte("short")} }},
		{"TOTPKeys", func(c *wiring.Config) { c.TOTPKeys = [][]byte{[]byte("short")} }},
		{"Webhooks.MaxEndpoints", func(c *wiring.Config) { c.Webhooks.MaxEndpoints = 101 }},
		{"WebhookNetworks[0]", func(c *wiring.Config) { c.WebhookNetworks = make([]netip.Prefix, 1) }},
		{"Moderation.MaxSignInAge", func(c *wiring.Config) { c.Moderation.MaxSignInAge = 0 }},
		{"LinkLifetime", func(c *wiring.Config) { c.LinkLifetime = 0 }},
		{"LinkLifetime", func(c *wiring.Config) { c.LinkLifetime = 2 * time.Hour }},
		{"Access.Issuer", func(c *wiring.Config) { c.Access.Issuer = "" }},
		{"Access.Audience", func(c *wiring.Config) { c.Access.Audience = "" }},
		{"Users.SessionLifetime", func(c *wiring.Config) { c.Users.SessionLifetime = 0 }},
		{"Users.RefreshGrace", func(c *wiring.Config) { c.Users.RefreshGrace = -1 }},
		{"Users.OpenResets", func(c *wiring.Config) { c.Users.OpenResets = 0 }},
		{"Users.OpenResets", func(c *wiring.Config) { c.Users.OpenResets = wiring.MaxOpenResets + 1 }},
		{"Users.RefreshGrace", func(c *wiring.Config) { c.Users.RefreshGrace = c.Users.RefreshLifetime + 1 }},
		{"Access.Leeway", func(c *wiring.Config) { c.Access.Leeway = -1 }},
		{"PasswordCost", func(c *wiring.Config) { c.PasswordCost = 3 }},
		{"PasswordCost", func(c *wiring.Config) { c.PasswordCost = 32 }},
		{"Limits.Anonymous.PerSecond", func(c *wiring.Config) { c.Limits.Anonymous.PerSecond = -1 }},
		{"Limits.Admission.Most", func(c *wiring.Config) { c.Limits.Admission.Most = -1 }},
		{"Limits.Admission.Most", func(c *wiring.Config) { c.Limits.Admission.Most = 10_001 }},
		{"Limits.Admission.Least", func(c *wiring.Config) { c.Limits.Admission.Most, c.Limits.Admission.Least = 100, 0 }},
		{"Limits.Admission.Least", func(c *wiring.Config) { c.Limits.Admission.Most, c.Limits.Admission.Least = 100, 101 }},
		{"Limits.Admission.Slowdown", func(c *wiring.Config) { c.Limits.Admission.Most, c.Limits.Admission.Slowdown = 100, 0.9 }},
		{"Limits.Admission.Slowdown", func(c *wiring.Config) { c.Limits.Admission.Most, c.Limits.Admission.Slowdown = 100, math.NaN() }},
		{"Limits.Admission.Slowdowns", func(c *wiring.Config) {
			c.Limits.Admission.Most, c.Limits.Admission.Slowdowns = 100, map[string]float64{"send": 101}
		}},
		{"Limits.Admission.Queue", func(c *wiring.Config) { c.Limits.Admission.Most, c.Limits.Admission.Queue = 100, 10_001 }},
		{"Limits.Admission.Reserve", func(c *wiring.Config) { c.Limits.Admission.Most, c.Limits.Admission.Reserve = 100, -1 }},
		{"Limits.Admission.Wait", func(c *wiring.Config) { c.Limits.Admission.Most, c.Limits.Admission.Wait = 100, -1 }},
		{"Limits.Exports.PerUser", func(c *wiring.Config) { c.Limits.Exports.PerUser = -1 }},
		{"Limits.Exports.AtOnce", func(c *wiring.Config) { c.Limits.Exports.AtOnce = -1 }},
		{"Limits.Exports.MinRate", func(c *wiring.Config) { c.Limits.Exports.MinRate = -1 }},
		{"Limits.Exports.Over", func(c *wiring.Config) { c.Limits.Exports.Over = -1 }},
		{"Limits.Lanes.Search.AtOnce", func(c *wiring.Config) { c.Limits.Lanes.Search.AtOnce = -1 }},
		{"Limits.Lanes.Audit.Each", func(c *wiring.Config) { c.Limits.Lanes.Audit.Each = -1 }},
		{"Limits.Lanes.Images.Queue", func(c *wiring.Config) { c.Limits.Lanes.Images.Queue = 10_001 }},
		{"Limits.Lanes.Images.QueueEach", func(c *wiring.Config) { c.Limits.Lanes.Images.QueueEach = -1 }},
		{"Limits.Lanes.Hashing.Wait", func(c *wiring.Config) { c.Limits.Lanes.Hashing.Wait = -1 }},
		{"Limits.Bodies.Total", func(c *wiring.Config) { c.Limits.Bodies.Total = 15 << 20 }},
		{"Limits.Bodies.Total", func(c *wiring.Config) { c.Limits.Bodies.Total = -1 }},
		{"Limits.Bodies.Reserve", func(c *wiring.Config) { c.Limits.Bodies.Reserve = -1 }},
		{"Limits.Bodies.PerCaller", func(c *wiring.Config) { c.Limits.Bodies.PerCaller = 1 << 20 }},
		{"Limits.Bodies.MinRate", func(c *wiring.Config) { c.Limits.Bodies.MinRate = -1 }},
		{"Limits.Bodies.Over", func(c *wiring.Config) { c.Limits.Bodies.Over = -1 }},
		{"Limits.User.Burst", func(c *wiring.Config) { c.Limits.User.Burst = -1 }},
		{"BasePath", func(c *wiring.Config) { c.BasePath = "community/" }},
		{"Notifications.MessageDelay", func(c *wiring.Config) { c.Notifications.MessageDelay = time.Minute }},
		{"Notifications.RemindBefore", func(c *wiring.Config) { c.Notifications.RemindBefore = 0 }},
		{"Notifications.SendEvery", func(c *wiring.Config) { c.Notifications.SendEvery = time.Hour }},
		{"PublicURL", func(c *wiring.Config) { c.PublicURL = "http://example.org" }},
		{"PublicURL", func(c *wiring.Config) { c.PublicURL = "https://example.org/?community" }},
		{"PublicURL", func(c *wiring.Config) { c.PublicURL = "https://example.org/" + strings.Repeat("a", 500) }},
		{"Events.LookEvery", func(c *wiring.Config) { c.Events.LookEvery = 0 }},
		{"Events.Batch", func(c *wiring.Config) { c.Events.Batch = 1001 }},
		{"Events.HandleTime", func(c *wiring.Config) { c.Events.HandleTime = 0 }},
		{"Events.Lease", func(c *wiring.Config) { c.Events.Lease = 2*c.Events.HandleTime - 1 }},
		{"Events.MaxTries", func(c *wiring.Config) { c.Events.MaxTries = 0 }},
		{"Events.MinPause", func(c *wiring.Config) { c.Events.MinPause = -1 }},
		{"Events.MaxPause", func(c *wiring.Config) { c.Events.MaxPause = 0 }},
		{"Events.BehindAfter", func(c *wiring.Config) { c.Events.BehindAfter = time.Second }},
		{"Events.Keep", func(c *wiring.Config) { c.Events.Keep = -1 }},
		{"Subscribers[0].Name", func(c *wiring.Config) { c.Subscribers = []events.Subscriber{{Name: "a\nb", Handle: ignore}} }},
		{"Subscribers[1].Name", func(c *wiring.Config) {
			c.Subscribers = []events.Subscriber{{Name: "post", Handle: ignore}, {Name: "post", Handle: ignore}}
		}},
		{"Subscribers[0].Handle", func(c *wiring.Config) { c.Subscribers = []events.Subscriber{{Name: "post"}} }},
		{"Subscribers[0].Types", func(c *wiring.Config) {
			c.Subscribers = []events.Subscriber{{Name: "post", Types: []events.Type{"user.born"}, Handle: ignore}}
		}},
		{"PurgeEvery", func(c *wiring.Config) { c.PurgeEvery = 0 }},
	}
	for _, tt := range tests {
		c := wiring.DefaultConfig()
		tt.change(&c)
		err := c.Validate()
		if err == nil || !strings.HasPrefix(err.Error(), tt.field+": ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one problem with that field", tt.field, err)
		}
		if _, built := wiring.NewServices(c, memory.New()); built == nil || !strings.Contains(built.Error(), err.Error()) {
			t.Errorf("%s: NewServices returned %v", tt.field, built)
		}
	}
}

func TestValidateNamesAllFields(t *testing.T) {
	var c wiring.Config
	err := c.Validate()
	if err == nil {
		t.Fatal("the zero Config is valid")
	}
	for _, field := range []string{"Users.AccessLifetime", "Reservations.SettleEvery", "Access.Issuer", "PurgeEvery"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
}

// TestDerivedKeys checks the keys of cursors and of links with keys set, with Access.Keys only, and
// with neither: they are the configured keys, keys derived from those of access tokens in their
// order, or one random key.
func TestDerivedKeys(t *testing.T) {
	for name, kind := range map[string]struct {
		of     func(*wiring.Checked) *[][]byte
		derive func([]byte) ([]byte, error)
	}{
		"cursors": {func(c *wiring.Checked) *[][]byte { return &c.CursorKeys }, edge.DeriveCursorKey},
		"links":   {func(c *wiring.Checked) *[][]byte { return &c.LinkKeys }, edge.DeriveLinkKey},
	} {
		t.Run(name, func(t *testing.T) {
			checked := func(access, own [][]byte) [][]byte {
				t.Helper()
				c := wiring.Checked(wiring.DefaultConfig())
				c.Access.Keys, *kind.of(&c) = access, own
				found, err := wiring.Check(wiring.Config(c))
				if err != nil {
					t.Fatal(err)
				}
				_, err = wiring.NewCursors(found)
				_, err2 := wiring.NewLinks(found, clock.System())
				if err := errors.Join(err, err2); err != nil {
					t.Fatal(err)
				}
				return *kind.of(&found)
			}
			first, second := bytes.Repeat([]byte("1"), 32), bytes.Repeat([]byte("2"), 40)
			given := [][]byte{first, second}
			if got := checked(given[:1], given[1:]); !reflect.DeepEqual(got, given[1:]) {
				t.Errorf("got %q, want the configured keys", got)
			}
			var derived [][]byte
			for _, secret := range given {
				key, err := kind.derive(secret)
				if err != nil {
					t.Fatal(err)
				}
				derived = append(derived, key)
			}
			if got := checked(given, nil); !reflect.DeepEqual(got, derived) {
				t.Errorf("got %q, want the keys derived from those of access tokens", got)
			}
			if got, again := checked(nil, nil), checked(nil, nil); len(got) != 1 || len(again) != 1 || bytes.Equal(got[0], again[0]) {
				t.Errorf("got %q and %q, want one random key each", got, again)
			}
		})
	}
}

func TestIdentifiersFollowTheClock(t *testing.T) {
	then := time.Date(2021, 5, 6, 7, 8, 9, 0, time.UTC)
	c := wiring.DefaultConfig()
	c.Clock = clock.Clock(func() time.Time { return then })
	checked, err := wiring.Check(c)
	if err != nil {
		t.Fatal(err)
	}
	u := wiring.NewIDs(checked, checked.Clock).Next()
	ms := int64(u[0])<<40 | int64(u[1])<<32 | int64(u[2])<<24 | int64(u[3])<<16 | int64(u[4])<<8 | int64(u[5])
	if made := time.UnixMilli(ms).UTC(); !made.Equal(then) {
		t.Errorf("an identifier was made at %v, want %v", made, then)
	}
}
