package programs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// Ask sends a request to a server without the Go client, as a reader of the API's description
// would. body is nil or is sent as JSON; token is "" or an access token. If the status is not 2xx,
// Ask returns an error with the body of the response.
func (r *Serving) Ask(t *testing.T, method, path, token string, body any) (answer Answer, err error) {
	t.Helper()
	return r.AskByKey(t, method, path, token, "", body)
}

// AskByKey is Ask with an idempotency key, unless that is "".
func (r *Serving) AskByKey(t *testing.T, method, path, token, key string, body any) (answer Answer, err error) {
	t.Helper()
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		must(t, err)
		content = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, r.Base+path, content)
	must(t, err)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer, err
	}
	defer func() { _ = response.Body.Close() }() // after reading it completely
	received, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, received)
	}
	if err == nil && len(received) > 0 {
		err = json.Unmarshal(received, &answer)
	}
	return answer, err
}

// Answer has the fields of responses that the tests use.
type Answer struct {
	ID           string `json:"id"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	Balance      int64  `json:"balance"`
	Wallets      int64  `json:"wallets"`
	User         struct {
		ID string `json:"id"`
	} `json:"user"`
}

// SignUp creates an account for Ada.
func (r *Serving) SignUp(t *testing.T) (Answer, error) {
	t.Helper()
	return r.Ask(t, http.MethodPost, "/v1/auth/signup", "", map[string]string{
		"name": "Ada", "email": "ada@example.net", "password": "long enough",
	})
}

// SignIn starts a session.
func (r *Serving) SignIn(t *testing.T, email, password string) (Answer, error) {
	t.Helper()
	return r.Ask(t, http.MethodPost, "/v1/auth/login", "", map[string]string{"email": email, "password": password})
}

// Demo signs in as a user of the demo data.
func (r *Serving) Demo(t *testing.T) error {
	t.Helper()
	_, err := r.SignIn(t, "voyager@example.org", "cicerone-demo")
	return err
}

// Ready returns an error if the server is not ready.
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
