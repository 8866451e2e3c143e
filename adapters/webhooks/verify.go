package webhooks

import (
	"errors"
	"net/http"
	"strings"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/cicerone-go/cicerone/core/fault"
)

// ErrNotVerified is the error of a message that was not sent by an owner of the secret, or not within
// the last five minutes.
var ErrNotVerified = fault.New(fault.Unauthenticated, "webhook_not_verified", "the webhook was not signed with this secret within the last five minutes")

// Verify checks that a message was signed with a secret, as the server returned it ("whsec_…"), and
// that its timestamp is at most five minutes from now. The body is the exact bytes of the request;
// the caller bounds what it reads, and MaxBody suffices. A message may arrive more than once: each
// attempt has the same header webhook-id, the identifier of the event. Errors: ErrNotVerified, which
// wraps the reason.
func Verify(secret string, header http.Header, body []byte) error {
	if len(strings.TrimPrefix(secret, "whsec_")) < minSecret {
		return ErrNotVerified.Wrap(errors.New("the secret is too short"))
	}
	hook, err := standard.NewWebhook(secret)
	if err == nil {
		err = hook.Verify(body, header)
	}
	if err != nil {
		return ErrNotVerified.Wrap(err)
	}
	return nil
}

// minSecret is the minimum length of a secret in base64, for the 24 bytes that the specification
// asks for. Anyone could sign with an empty secret.
const minSecret = 32
