package wired

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/wiring"
)

// wakes checks that a subscriber of one server handles soon what another server has committed,
// although its relay looks for events once in a minute. It reports how long that takes.
func wakes(t *testing.T, root New) {
	messages := 20
	if os.Getenv("CICERONE_SOAK") == "1" {
		messages = 2000
	}
	c := Config()
	c.Events.LookEvery, c.Users.SignupBonus = time.Minute, int64(messages)
	one := root.start(t, c)
	type handling struct {
		message id.Message
		at      time.Time
	}
	handled := make(chan handling, messages)
	c.Subscribers = []events.Subscriber{{
		Name: "inbox", Types: []events.Type{events.TypeMessageSent}, Handle: func(_ context.Context, e events.Event) error {
			handled <- handling{e.Data.(events.MessageSent).MessageID, time.Now()}
			return nil
		},
	}}
	two := root.start(t, c)
	running, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- two.Run(running) }()
	workload.Within(t, time.Minute, func() error {
		if p := two.Relay.Progress(); !p.Watching || len(p.Subscriptions) == 0 {
			return errors.New("the relay is not ready")
		}
		return nil
	})

	talk, people := conversation(t, one)
	var took []time.Duration
	send := func(n int) {
		sent, err := one.Messaging.Send(t.Context(), people[n%2], talk, messaging.Draft{Content: "Hello"}, "")
		must(t, err)
		committed := time.Now()
		select {
		case h := <-handled:
			if h.message != sent.ID {
				t.Fatal("another message was handled")
			}
			took = append(took, h.at.Sub(committed))
		case <-time.After(30 * time.Second): // twice before the relay looks by itself
			t.Fatal("the other server has not handled the message")
		}
	}
	for n := range messages / 2 {
		send(n)
	}
	go func() { ended <- one.Run(running) }() // now it numbers events itself
	for n := range messages - len(took) {
		send(n)
	}
	stop()
	must(t, errors.Join(<-ended, <-ended))
	for name, half := range map[string][]time.Duration{"without-run": took[:messages/2], "with-run": took[messages/2:]} {
		slices.Sort(half)
		t.Attr("latency-"+name, fmt.Sprintf("%d messages, p50 %v, p99 %v", len(half), half[len(half)/2], half[len(half)*99/100]))
	}
}

// conversation opens a conversation, and returns it and those who talk.
func conversation(t *testing.T, app *wiring.App) (id.Conversation, [2]id.User) {
	t.Helper()
	voyager, local := register(t, app, "voyager@example.net"), register(t, app, "local@example.net")
	_, err := app.Matching.SaveProfile(t.Context(), local.ID, matching.Profile{IsSearchable: true}, nil)
	must(t, err)
	opened, err := app.Messaging.Open(t.Context(), voyager.ID, local.ID, "")
	must(t, err)
	return opened.Overview.Conversation.ID, [2]id.User{voyager.ID, local.ID}
}
