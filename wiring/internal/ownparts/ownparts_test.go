package ownparts_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"image"
	"image/png"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/internal/ownparts"
)

func TestOwnParts(t *testing.T) {
	ctx, outbox := t.Context(), &ownparts.Outbox{}
	c := wiring.DefaultConfig()
	c.PasswordCost = 4
	c.Log = slog.New(slog.DiscardHandler)
	app, err := ownparts.New(c, memory.New(), outbox)
	if err != nil {
		t.Fatal(err)
	}
	register := func(name string) users.User {
		u, err := app.Users.Register(ctx, users.SignUp{Name: name, Email: name + "@example.org", Password: "long enough"})
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	voyager, local := register("voyager"), register("local")
	if _, err := app.Matching.SaveProfile(ctx, local.ID, matching.Profile{IsSearchable: true}, nil); err != nil {
		t.Fatal(err)
	}
	opened, err := app.Messaging.Open(ctx, voyager.ID, local.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	var picture bytes.Buffer // which the default images.Cleaner accepts
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	draft := messaging.Draft{Attachment: messaging.ParseDataURL([]byte("data:image/png;base64," + base64.StdEncoding.EncodeToString(picture.Bytes())))}
	_, err = app.Messaging.Send(ctx, voyager.ID, opened.Overview.Conversation.ID, draft, "")
	if !errors.Is(err, fault.Invalid) {
		t.Errorf("a picture: got error %v, want fault.Invalid", err)
	}

	answer := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/auth/password/forgot", strings.NewReader(`{"email":"local@example.org"}`))
	request.Header.Set("Content-Type", "application/json")
	app.Handler.ServeHTTP(answer, request)
	running, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- app.Run(running) }()
	for begun := time.Now(); len(outbox.Sent()) == 0 && time.Since(begun) < time.Minute; time.Sleep(time.Millisecond) {
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if mail := outbox.Sent(); answer.Code != http.StatusAccepted || len(mail) != 1 || mail[0].To != "local@example.org" {
		t.Errorf("a forgotten password: got status %d and the mail %v, want one to local@example.org", answer.Code, mail)
	}
	if err := app.Close(ctx); err != nil {
		t.Error(err)
	}
}
