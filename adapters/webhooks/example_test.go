package webhooks_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/cicerone-go/cicerone/adapters/webhooks"
	core "github.com/cicerone-go/cicerone/core/webhooks"
)

// A server that receives webhooks reads a bounded body, verifies it, and answers soon.
func ExampleVerify() {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // from the configuration
	receive := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, webhooks.MaxBody))
		if err != nil || webhooks.Verify(secret, r.Header, body) != nil {
			http.Error(w, "not for us", http.StatusUnauthorized)
			return
		}
		var p core.Payload
		if err := json.Unmarshal(body, &p); err != nil {
			http.Error(w, "not a webhook", http.StatusBadRequest)
			return
		}
		fmt.Println(r.Header.Get("webhook-id"), p.Type, string(p.Data)) // drop an id that was seen before
	}

	const body = `{"type":"user.verified","timestamp":"2031-03-01T12:00:00Z","version":1,"data":{"user_id":"42"}}`
	hook, err := standard.NewWebhook(secret)
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Now()
	signature, err := hook.Sign("event-1", now, []byte(body))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, sent := range []string{body, strings.Replace(body, "42", "43", 1)} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(sent))
		r.Header.Set("webhook-id", "event-1")
		r.Header.Set("webhook-timestamp", fmt.Sprint(now.Unix()))
		r.Header.Set("webhook-signature", signature)
		w := httptest.NewRecorder()
		receive(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// event-1 user.verified {"user_id":"42"}
	// 200
	// 401
}
