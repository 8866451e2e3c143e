package httpapi

import (
	"context"
	"net/http"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Session is a session of the caller that has not ended, one for each sign-in.
type Session struct {
	ID           id.Session `json:"id"`
	CreatedAt    Time       `json:"created_at" description:"The time of the sign-in."`
	LastUsedAt   Time       `json:"last_used_at" description:"The time of the sign-in or the last refresh."`
	Client       *string    `json:"client" description:"The User-Agent that signed in."`
	Address      *string    `json:"address" description:"The network from which it signed in: the first 24 bits of an IPv4 address, or 48 of an IPv6 address." example:"192.0.2.0/24"`
	SecondFactor bool       `json:"second_factor" description:"It was opened with a second factor."`
	Current      bool       `json:"current" description:"True for the session of this request."`
}

type sessionRequest struct {
	ID id.Session `path:"id"`
}

var (
	sessions = kithttp.Route[Paging, Page[Session]]{
		Name: "sessions", Method: http.MethodGet, Path: "/v1/me/sessions",
		Summary: "List your sessions, newest first", Tags: tagAccount,
	}
	endSession = kithttp.Route[sessionRequest, kithttp.None]{
		Name: "endSession", Method: http.MethodDelete, Path: "/v1/me/sessions/{id}", Summary: "End one of your sessions", Tags: tagAccount,
		Faults: []*fault.Error{users.ErrSessionNotFound},
	}
	endOtherSessions = kithttp.Route[kithttp.None, kithttp.None]{
		Name: "endOtherSessions", Method: http.MethodDelete, Path: "/v1/me/sessions",
		Summary: "End all your sessions except that of this request", Tags: tagAccount,
	}
)

func (a *API) serveSessions() {
	asUser(a, edge.Cheap, sessions, a.sessions)
	asUser(a, edge.Cheap, endSession, a.endSession)
	asUser(a, edge.Cheap, endOtherSessions, a.endOtherSessions)
}

func (a *API) sessions(ctx context.Context, caller users.Caller, req Paging) (Page[Session], error) {
	return readPage(ctx, a.cursors, req, nil, func(r page.Request[page.Moment]) (page.Page[users.Session, page.Moment], error) {
		return a.services.Users.Sessions(ctx, caller.UserID, r)
	}, func(s users.Session) Session {
		return Session{
			ID: s.ID, CreatedAt: Time(s.CreatedAt), LastUsedAt: Time(s.LastUsedAt), Client: orNull(s.Client), Address: orNull(s.Address),
			SecondFactor: s.SecondFactor, Current: s.ID == caller.SessionID,
		}
	})
}

func (a *API) endSession(ctx context.Context, caller users.Caller, req sessionRequest) (kithttp.None, error) {
	return kithttp.None{}, a.services.Users.EndSession(ctx, caller.UserID, req.ID)
}

func (a *API) endOtherSessions(ctx context.Context, caller users.Caller, _ kithttp.None) (kithttp.None, error) {
	return kithttp.None{}, a.services.Users.EndOtherSessions(ctx, caller)
}
