package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/wiring"
)

// logger returns a logger that writes to w as the flags say.
func (s logSettings) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.Level)); err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	options := &slog.HandlerOptions{Level: level}
	if s.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return slog.New(slog.NewTextHandler(w, options)), nil
}

// config returns the configuration that the flags describe. reachable is true if other machines can
// reach the server.
func (s *serverSettings) config(log *slog.Logger, reachable bool) (wiring.Config, error) {
	mailer, err := s.Mail.mailer(log, reachable)
	if err != nil {
		return wiring.Config{}, err
	}
	c := wiring.DefaultConfig()
	c.Log, c.Mailer, c.Version, c.BasePath = log, mailer, version(), s.BasePath
	c.PublicURL, c.Origins, c.NoDocs = s.PublicURL, s.CorsOrigins, !s.Docs

	if s.MatchIndex != "auto" {
		c.MatchIndex.Mode = wiring.IndexMode(s.MatchIndex)
	}
	if c.ClientAddress, err = s.Proxies.clientAddress(); err != nil {
		return wiring.Config{}, err
	}

	c.Users.SignupBonus, c.Users.Words = s.Accounts.SignupBonus, s.Accounts.PasswordWords
	c.Users.Locales = s.Mail.Locales
	c.Users.AccessLifetime, c.Users.RefreshLifetime = s.Security.AccessLifetime, s.Security.RefreshLifetime
	c.Users.SessionLifetime, c.Users.RefreshGrace = s.Security.SessionLifetime, s.Security.RefreshGrace
	c.Users.OpenResets, c.Users.MaxWrong = s.Security.OpenResets, s.Security.MaxWrong
	c.Users.MaxResets, c.Users.MaxResetsFrom = s.Security.MaxResets, s.Security.MaxResetsFrom
	c.Users.ResetLifetime, c.Users.ResetURL = s.Security.ResetLifetime, s.Security.ResetURL
	c.Webhooks.AllowHTTP, c.WebhookNetworks = s.Webhooks.HTTP, s.Webhooks.Networks
	c.Messaging = messaging.Policy{
		MessageCost: s.Policies.MessageCost, MaxOpened: s.Policies.MaxOpened, MaxUnanswered: s.Policies.MaxUnanswered,
		MaxImagePixels: s.Policies.MaxImagePixels,
	}
	c.Reservations = reservations.Policy{
		Rate: s.Policies.TokenRate, MaxLead: s.Policies.MaxLead, MaxLength: s.Policies.MaxLength,
		SettleEvery: s.Policies.SettleEvery, MaxProposed: s.Policies.MaxProposed, MaxPending: s.Policies.MaxPending,
		MaxUnanswered: s.Policies.MaxUnansweredProposals,
	}
	c.Tokens.SealEvery = s.Policies.SealEvery
	c.PurgeEvery = s.Policies.PurgeEvery

	if c.Access.Keys, err = keys("--access-key", s.Security.AccessKey, s.Security.AccessKeyFile); err != nil {
		return wiring.Config{}, err
	}
	if c.CursorKeys, err = keys("--cursor-key", s.Security.CursorKey, s.Security.CursorKeyFile); err != nil {
		return wiring.Config{}, err
	}
	if c.LinkKeys, err = keys("--link-key", s.Security.LinkKey, s.Security.LinkKeyFile); err != nil {
		return wiring.Config{}, err
	}
	if c.TOTPKeys, err = keys("--totp-key", s.Security.TotpKey, s.Security.TotpKeyFile); err != nil {
		return wiring.Config{}, err
	}
	c.Users.RequireAdminTOTP = s.Security.RequireAdminTotp
	c.LinkLifetime = s.Security.LinkLifetime
	c.Access.Issuer, c.Access.Audience = s.Security.AccessIssuer, s.Security.AccessAudience
	c.Access.Leeway = s.Security.AccessLeeway
	c.PasswordCost = s.Accounts.BcryptCost
	c.Limits.Anonymous = edge.Rate{PerSecond: s.Limits.Anonymous, Burst: s.Limits.AnonymousBurst}
	c.Limits.User = edge.Rate{PerSecond: s.Limits.User, Burst: s.Limits.UserBurst}
	c.Limits.Admission.Most, c.Limits.Admission.Least = s.Admit.Most, s.Admit.Least
	c.Limits.Admission.Slowdown, c.Limits.Admission.Queue = s.Admit.Slowdown, s.Admit.Queue
	c.Limits.Lanes.Hashing.AtOnce = s.AtOnce.Hashing
	c.Limits.Lanes.Search.AtOnce, c.Limits.Lanes.Images.AtOnce = s.AtOnce.Search, s.AtOnce.Images
	c.Limits.Bodies = s.Room.bodies()
	if err := c.Validate(); err != nil {
		return wiring.Config{}, inFlags(err)
	}
	return c, nil
}
