package programs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// Ask sends a request to a server as whoever reads the API's description writes it, without the Go client: body is nil or becomes
// JSON, token is "" or an access token. Whatever is no success is an error, with what the server says.
func (r *Serving) Ask(t *testing.T, method, path, token string, body any) (answer Answer, err error) {
	t.Helper()
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		must(t, err)
		sent = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, r.Base+path, sent)
	must(t, err)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer, err
	}
	defer func() { _ = response.Body.Close() }() // it was read to its end
	said, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, said)
	}
	if err == nil && len(said) > 0 {
		err = json.Unmarshal(said, &answer)
	}
	return answer, err
}

// Answer is what the tests look at of all answers.
type Answer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	Balance      int64  `json:"balance"`
	Wallets      int64  `json:"wallets"`
}

// SignUp makes an account for Ada.
func (r *Serving) SignUp(t *testing.T) (Answer, error) {
	t.Helper()
	return r.Ask(t, http.MethodPost, "/v1/auth/signup", "", map[string]string{"name": "Ada", "email": "ada@example.net", "password": "long enough"})
}

// SignIn starts a session.
func (r *Serving) SignIn(t *testing.T, email, password string) (Answer, error) {
	t.Helper()
	return r.Ask(t, http.MethodPost, "/v1/auth/login", "", map[string]string{"email": email, "password": password})
}

// Demo signs in with what demo data has.
func (r *Serving) Demo(t *testing.T) error {
	t.Helper()
	_, err := r.SignIn(t, "voyager@example.org", "cicerone-demo")
	return err
}

// Ready asks a server whether it can do its work.
func (r *Serving) Ready(t *testing.T) error {
	t.Helper()
	_, err := r.Ask(t, http.MethodGet, "/readyz", "", nil)
	return err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
