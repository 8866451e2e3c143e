package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
)

// visit is what a guest and a local do.
func (h *hotel) visit(ctx context.Context, url string) error {
	var people [2]users.SignedIn
	for i, name := range []string{"guest", "rosa"} {
		email := name + "@example.org"
		if _, err := h.app.Users.Register(ctx, users.SignUp{Name: name, Email: email, Password: "a view of the sea"}); err != nil {
			return err
		}
		in, err := h.app.Users.SignIn(ctx, users.SignIn{Email: email, Password: "a view of the sea"})
		if err != nil {
			return err
		}
		people[i] = in
	}
	guest, local := people[0], people[1]
	if _, err := h.app.Matching.SaveProfile(ctx, local.User.ID, matching.Profile{City: "Lisbon", IsSearchable: true}, nil); err != nil {
		return err
	}
	opened, err := h.app.Messaging.Open(ctx, guest.User.ID, local.User.ID, "")
	if err != nil {
		return err
	}
	price, err := reservations.ParsePrice("10")
	if err != nil {
		return err
	}
	for day := range 2 {
		date := time.Now().AddDate(0, 0, day+1)
		r, err := h.app.Reservations.Propose(ctx, local.User.ID, opened.Overview.Conversation.ID, reservations.Proposal{
			Title: "A walk", Price: price, Date: date, EndDate: date.Add(time.Hour),
		}, "")
		if err != nil {
			return err
		}
		if err := h.ask(ctx, http.MethodPost, url+"/v1/reservations/"+r.ID.String()+"/accept", guest.AccessToken, "code", "status"); err != nil {
			return err
		}
	}
	fmt.Fprintln(h.out, <-h.sent)
	if err := h.ask(ctx, http.MethodGet, url+"/v1/me/desks", guest.AccessToken, "count"); err != nil {
		return err
	}
	return h.ask(ctx, http.MethodGet, url+"/v1/policy", "", "rule")
}

// ask sends a request, and prints the status and the fields of the response that are named.
func (h *hotel) ask(ctx context.Context, method, url, token string, fields ...string) error {
	request, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	fmt.Fprint(h.out, response.StatusCode)
	for _, field := range fields {
		for _, part := range strings.Split(strings.Trim(string(body), "{}\n"), ",") {
			if strings.HasPrefix(part, `"`+field+`"`) {
				fmt.Fprint(h.out, " ", part)
			}
		}
	}
	fmt.Fprintln(h.out)
	return nil
}
