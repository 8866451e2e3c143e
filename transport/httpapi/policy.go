package httpapi

import (
	"context"
	"net/http"

	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Policy is what an interface needs to know of the rules of a community before it asks for
// something.
type Policy struct {
	MessageCost            int64           `json:"message_cost" description:"Tokens for a message."`
	TokenRate              string          `json:"token_rate" description:"Tokens for each unit of price: a decimal with at most six places."`
	SignupBonus            int64           `json:"signup_bonus" description:"Tokens for a new account."`
	MaxLeadSeconds         int64           `json:"max_lead_seconds" description:"How far ahead the date of a reservation may lie."`
	MaxLengthSeconds       int64           `json:"max_length_seconds" description:"The longest time from the date of a reservation to its end."`
	MaxOpened              int             `json:"max_opened" description:"The most conversations that a user opens in any 24 hours."`
	MaxProposed            int             `json:"max_proposed" description:"The most reservations that a user proposes in any 24 hours."`
	MaxPending             int             `json:"max_pending" description:"The most pending reservations of a conversation."`
	MaxUnanswered          int             `json:"max_unanswered" description:"The most messages that a user sends in a conversation before the other has ever written to them."`
	MaxUnansweredProposals int             `json:"max_unanswered_proposals" description:"The most pending reservations that a user has proposed in a conversation before the other has ever written to them."`
	MaxCharacters          CharacterLimits `json:"max_characters" description:"The most Unicode code points of each text."`
	MinPasswordCharacters  int             `json:"min_password_characters"`
	MaxPasswordBytes       int             `json:"max_password_bytes"`
	MaxInterests           int             `json:"max_interests" description:"The most interests of a profile."`
	Image                  ImageLimits     `json:"image"`
}

// CharacterLimits are the most characters of each text. Those of a report begin with report.
type CharacterLimits struct {
	Name          int `json:"name"`
	Email         int `json:"email"`
	Bio           int `json:"bio"`
	Location      int `json:"location"`
	FirstName     int `json:"first_name"`
	LastName      int `json:"last_name"`
	Biography     int `json:"biography"`
	Country       int `json:"country"`
	City          int `json:"city"`
	ImageURL      int `json:"image_url"`
	Content       int `json:"content"`
	Title         int `json:"title"`
	ReportReason  int `json:"report_reason"`
	ReportMessage int `json:"report_message"`
}

// ImageLimits are the limits of the image of a message.
type ImageLimits struct {
	MaxBytes   int      `json:"max_bytes" description:"After base64 is decoded."`
	MaxPixels  int      `json:"max_pixels" description:"Width times height."`
	MediaTypes []string `json:"media_types"`
}

var policy = kithttp.Route[kithttp.None, Policy]{
	Name: "policy", Method: http.MethodGet, Path: "/v1/policy", Summary: "Read the prices and the limits", Tags: []string{"policy"},
}

func (a *API) servePolicy() { anyone(a, edge.Cheap, policy, a.policy) }

func (a *API) policy(context.Context, kithttp.None) (Policy, error) {
	terms := a.services.Reservations.Policy()
	return Policy{
		MessageCost: a.services.Messaging.Policy().MessageCost, TokenRate: terms.Rate.String(),
		SignupBonus:    a.services.Users.Policy().SignupBonus,
		MaxLeadSeconds: int64(terms.MaxLead.Seconds()), MaxLengthSeconds: int64(terms.MaxLength.Seconds()),
		MaxOpened: a.services.Messaging.Policy().MaxOpened, MaxProposed: terms.MaxProposed, MaxPending: terms.MaxPending,
		MaxUnanswered: a.services.Messaging.Policy().MaxUnanswered, MaxUnansweredProposals: terms.MaxUnanswered,
		MaxCharacters: CharacterLimits{
			Name: users.MaxName, Email: users.MaxEmail, Bio: users.MaxBio, Location: users.MaxLocation,
			FirstName: matching.MaxFirstName, LastName: matching.MaxLastName, Biography: matching.MaxBiography,
			Country: matching.MaxCountry, City: matching.MaxCity, ImageURL: matching.MaxImageURL,
			Content: messaging.MaxContent, Title: reservations.MaxTitle,
			ReportReason: moderation.MaxReason, ReportMessage: moderation.MaxMessage,
		},
		MinPasswordCharacters: users.MinPassword, MaxPasswordBytes: users.MaxPasswordBytes, MaxInterests: matching.MaxInterests,
		Image: ImageLimits{MaxBytes: messaging.MaxAttachment, MaxPixels: a.services.Messaging.Policy().MaxImagePixels, MediaTypes: messaging.ImageTypes()},
	}, nil
}
