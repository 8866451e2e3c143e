// Package flood measures how long others wait for a server while one caller floods it with requests
// that cost much.
package flood

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// server is a server with a network, over a store with many people.
type server struct {
	t    *testing.T
	size size
	app  *wiring.App
	http *httptest.Server

	others []person
	admin  person
	signed int // the number of accounts that signed up
}

// person is a signed-in user.
type person struct{ email, token string }

const (
	password = "a sunny harbour"

	// from is the header with the address of the client.
	from = "X-Client"
)

// serve starts a server over an empty store with the default limits, and fills the store. Both are
// closed when the test ends.
func serve(t *testing.T, storage ports.Storage, size size) *server {
	t.Helper()
	c := wiring.DefaultConfig()
	c.Log = slog.New(slog.DiscardHandler)
	c.PasswordCost = size.passwordCost
	c.ClientAddress = func(r *http.Request) string { return r.Header.Get(from) }
	app, err := wiring.New(t.Context(), c, storage)
	must(t, err)
	t.Cleanup(func() { must(t, app.Close(context.Background())) })
	cores := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(cores + c.Limits.Lanes.Hashing.AtOnce) // as the example server does
	t.Cleanup(func() { runtime.GOMAXPROCS(cores) })
	s := &server{t: t, size: size, app: app, http: httptest.NewServer(app.Handler)}
	s.http.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 200 //nolint:forcetypeassert // httptest made it
	t.Cleanup(s.http.Close)

	s.fill(storage)
	for range 4 {
		s.others = append(s.others, s.signUp())
	}
	s.admin = s.signUp()
	_, err = app.Moderation.MakeAdmin(t.Context(), s.admin.email)
	must(t, err)
	return s
}

// fill adds people with searchable profiles and interests to the store.
func (s *server) fill(storage ports.Storage) {
	s.t.Helper()
	const interests, batch = 200, 1000
	ids, now := id.NewGenerator(nil), time.Now().UTC().Truncate(time.Millisecond)
	topics := make([]ports.Row, interests)
	for i := range topics {
		topics[i] = ports.InterestLayout.Row(matching.Interest{ID: id.Interest(ids.Next()), Name: fmt.Sprint("Interest ", i), IsActive: true})
	}
	var people, wallets, profiles, links []ports.Row
	for i := range s.size.profiles {
		user, profile := id.User(ids.Next()), id.Profile(ids.Next())
		people = append(people, ports.AccountLayout.Row(ports.Account{User: users.User{
			ID: user, Name: fmt.Sprint("Ada Lovelace ", i), Email: fmt.Sprintf("ada.%d@example.net", i), Role: users.RoleUser, IsActive: true,
			Version: 1, CreatedAt: now, UpdatedAt: now,
		}}))
		wallets = append(wallets, ports.WalletLayout.Row(ports.Wallet{Wallet: tokens.Wallet{ID: id.Wallet(ids.Next()), UserID: user}}))
		profiles = append(profiles, ports.ProfileLayout.Row(matching.Profile{
			ID: profile, UserID: user, FirstName: "Ada", LastName: fmt.Sprint(i), Age: 18 + i%60, Country: fmt.Sprint("Country ", i%10),
			City: fmt.Sprint("City ", i%40), Biography: strings.Repeat("Ask me about the old harbour. ", 10), IsSearchable: true,
		}))
		for n := range i % 6 {
			links = append(links, ports.ProfileInterestLayout.Row(ports.ProfileInterest{
				ProfileID: profile, InterestID: topics[(i*7+n*31)%interests][0].([16]byte), //nolint:forcetypeassert // made above
			}))
		}
	}
	store := ports.NewStore(storage, uow.Policy{})
	for _, part := range []struct {
		table *ports.Table
		rows  []ports.Row
	}{
		{ports.Users, people}, {ports.Wallets, wallets}, {ports.Interests, topics}, {ports.Profiles, profiles}, {ports.ProfileInterests, links},
	} {
		for at := 0; at < len(part.rows); at += batch {
			must(s.t, store.Do(s.t.Context(), func(ctx context.Context, tx ports.Tx) error {
				return tx.Rows().Write(ctx, part.table, part.rows[at:min(at+batch, len(part.rows))])
			}))
		}
	}
}

// signUp makes a signed-in user.
func (s *server) signUp() person {
	s.t.Helper()
	s.signed++
	p := person{email: fmt.Sprintf("person.%d@example.org", s.signed)}
	status, body, err := s.ask(http.MethodPost, "/v1/auth/signup", "", fmt.Sprint("198.51.100.", s.signed%250),
		fmt.Sprintf(`{"name":"Person","email":%q,"password":%q}`, p.email, password))
	must(s.t, err)
	var in struct {
		Token string `json:"access_token"`
	}
	if status != http.StatusCreated || json.Unmarshal(body, &in, json.RejectUnknownMembers(false)) != nil {
		s.t.Fatalf("a sign-up was answered %d: %s", status, body)
	}
	p.token = in.Token
	return p
}

// ask sends a request and reads the whole answer.
func (s *server) ask(method, path, token, address, body string) (status int, answer []byte, err error) {
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set(from, address)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := s.http.Client().Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
