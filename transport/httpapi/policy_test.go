package httpapi_test

import (
	"slices"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// TestPolicy checks that the policies are those with which the services were made.
func TestPolicy(t *testing.T) {
	w := newWorld(t)
	rate := must[reservations.Rate](t)(reservations.ParseRate("0.25"))
	w.services = must[*services.Services](t)(newServices(w.store, w.clock, w.mailbox, func(_ *services.Parts, p *services.Policies) {
		p.Users.SignupBonus, p.Messaging.MessageCost = 7, 3
		p.Messaging.MaxOpened, p.Reservations.MaxProposed, p.Reservations.MaxPending = 4, 5, 6
		p.Messaging.MaxUnanswered, p.Reservations.MaxUnanswered = 7, 8
		p.Messaging.MaxImagePixels = 6_000_000
		p.Reservations.Rate, p.Reservations.MaxLead, p.Reservations.MaxLength = rate, 48*time.Hour, 90*time.Minute
	}))
	w.serve()
	got := must[httpapi.Policy](t)(w.client.Policy(w.ctx))
	if got.SignupBonus != 7 || got.MessageCost != 3 || got.TokenRate != "0.25" || got.MaxLeadSeconds != 172800 || got.MaxLengthSeconds != 5400 {
		t.Errorf("got %+v", got)
	}
	if got.MaxOpened != 4 || got.MaxProposed != 5 || got.MaxPending != 6 || got.MaxUnanswered != 7 || got.MaxUnansweredProposals != 8 {
		t.Errorf("got the quotas %+v", got)
	}
	if got.MaxCharacters.Content != 5000 || got.MaxCharacters.Title != 200 || got.Image.MaxBytes != 5<<20 || got.Image.MaxPixels != 6_000_000 ||
		!slices.Contains(got.Image.MediaTypes, "image/webp") || got.MinPasswordCharacters != 8 || got.MaxPasswordBytes != 72 || got.MaxInterests != 50 {
		t.Errorf("got the limits %+v", got)
	}
}
