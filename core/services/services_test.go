package services_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/privacy"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

func parts() services.Parts {
	return services.Parts{
		Hasher: &coretest.Hasher{}, Access: &coretest.AccessTokens{Clock: coretest.NewClock()}, TOTP: coretest.TOTP{},
		Mailer: &coretest.Mailbox{}, Images: coretest.Images{}, Secrets: coretest.Secrets(),
	}
}

func TestNewMissingParts(t *testing.T) {
	store := ports.ForServices(ports.NewStore(memory.New(), uow.Policy{}))
	var nilMailbox *coretest.Mailbox
	for _, test := range []struct {
		store *uow.Store[services.Tx]
		spoil func(p *services.Parts)
		want  string
	}{
		{store, func(*services.Parts) {}, ""},
		{store, func(p *services.Parts) { p.Access = nil }, "Access"},
		{store, func(p *services.Parts) { p.TOTP = nil }, "TOTP"},
		{store, func(p *services.Parts) { p.Mailer = nilMailbox }, "Mailer"},
		{ports.ForServices(ports.NewStore(nil, uow.Policy{})), func(*services.Parts) {}, "Store"},
		{nil, func(p *services.Parts) { *p = services.Parts{} }, "Store, Hasher, Access, TOTP, Mailer, Images, Secrets"},
	} {
		p := parts()
		test.spoil(&p)
		all, err := services.New(test.store, p, services.DefaultPolicies())
		if test.want == "" {
			if err != nil || fault.Missing("services", *all) != nil {
				t.Errorf("with all parts: %+v, %v", all, err)
			}
			continue
		}
		if all != nil || !errors.Is(err, fault.Internal) || err.Error() != "services cannot be made without "+test.want {
			t.Errorf("without %s: %v", test.want, err)
		}
	}
}

func TestNewServiceMissingParts(t *testing.T) {
	for name, err := range map[string]error{
		"users":        second(users.NewService(users.Deps{Passwords: users.NewPasswords(nil)})),
		"tokens":       second(tokens.NewService(nil)),
		"moderation":   second(moderation.NewService(moderation.Deps{})),
		"matching":     second(matching.NewService(matching.Deps{})),
		"messaging":    second(messaging.NewService(messaging.Deps{})),
		"reservations": second(reservations.NewService(reservations.Deps{})),
		"webhooks":     second(webhooks.NewService(webhooks.Deps{})),
		"privacy":      second(privacy.NewService(privacy.Deps{})),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), name+" cannot be made without Store") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
