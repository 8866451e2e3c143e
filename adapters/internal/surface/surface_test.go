package surface_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-kit/kit/endpoint"

	"github.com/cicerone-go/cicerone/adapters/bcrypt"
	"github.com/cicerone-go/cicerone/adapters/internal/surface"
	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
	"github.com/cicerone-go/cicerone/wiring"
)

func TestSurface(t *testing.T) {
	open := func(*testing.T) ports.Storage { return memory.New() }
	surface.Surface(t, open)
	surface.Others(t, open)
}

// TestLeaksAreFound plants leaks, and checks that Leaks finds each.
func TestLeaksAreFound(t *testing.T) {
	leaks := surface.Leaks(t, memory.New(), []string{"tiger"}, func(c *wiring.Config) {
		hasher, err := bcrypt.New(4)
		if err != nil {
			t.Fatal(err)
		}
		c.Log.Info("the server starts", slog.String("store", "postgres://scott:tiger@db/cicerone"), slog.Any("keys", c.Access.Keys))
		c.Hasher, c.Mailer = loudHasher{hasher, c.Log}, loudMailer{c.Mailer, c.Log}
		c.Middleware = append(c.Middleware, talkative(c.Log))
	})
	for _, want := range []string{
		"the log has a password", "the log has a hash", "the log has a key", "the log has a reset token", "the log has a secret of the store",
		"the log has a token of a session", "the log has an e-mail address", "profile has an e-mail address", "an error has a password",
		"has the cause of a store's error",
	} {
		found := false
		for _, leak := range leaks {
			found = found || strings.Contains(leak, want)
		}
		if !found {
			t.Errorf("not found: %s", want)
		}
	}
}

// talkative returns a middleware that logs requests and tells too much.
func talkative(log *slog.Logger) endpoint.Middleware {
	return func(next endpoint.Endpoint) endpoint.Endpoint {
		return func(ctx context.Context, request any) (any, error) {
			log.Info("asked", slog.String("authorization", kithttp.RequestFrom(ctx).Header.Get("Authorization")), slog.String("request", fmt.Sprintf("%+v", request)))
			response, err := next(ctx, request)
			if p, ok := response.(httpapi.PublicProfile); ok {
				p.FirstName = new("canary-vera-1@example.org")
				response = p
			}
			if errors.Is(err, users.ErrSignIn) {
				return nil, fault.New(fault.Unauthenticated, "sign_in", fmt.Sprintf("refused: %+v", request))
			}
			if _, ok := errors.AsType[*fault.Error](err); err != nil && !ok {
				return nil, fault.New(fault.Conflict, "store_failed", err.Error())
			}
			return response, err
		}
	}
}

type loudHasher struct {
	users.Hasher
	log *slog.Logger
}

// Hash implements users.Hasher.
func (h loudHasher) Hash(ctx context.Context, password string) (string, error) {
	hash, err := h.Hasher.Hash(ctx, password)
	h.log.Info("hashed", slog.String("hash", hash))
	return hash, err
}

type loudMailer struct {
	users.Mailer
	log *slog.Logger
}

// Send implements users.Mailer.
func (m loudMailer) Send(ctx context.Context, mail users.Mail) error {
	m.log.Info("mail", slog.Any("data", mail.Data))
	return m.Mailer.Send(ctx, mail)
}
