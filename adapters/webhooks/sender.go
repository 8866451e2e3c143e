// Package webhooks sends webhooks and verifies them, as the Standard Webhooks specification says: the
// headers webhook-id, webhook-timestamp and webhook-signature, which has an HMAC-SHA-256 for each
// secret. Sender is the webhooks.Sender of a server; Verify is for those who receive.
//
// An address comes from an admin, but the network of a server has more than what its admins may
// reach. So a Sender checks each address to which a name resolves when it connects, not before: a
// name cannot resolve to something else after the check. It follows no redirects, uses no proxy, and
// sends no cookies.
package webhooks

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/webhooks"
)

// The errors of Send.
var (
	ErrForbidden   = fault.New(fault.Unavailable, "webhook_address_forbidden", "the address of the webhook is not a public one")
	ErrUnreachable = fault.New(fault.Unavailable, "webhook_unreachable", "the webhook could not be reached, or did not answer in time")
	ErrRefused     = fault.New(fault.Unavailable, "webhook_refused", "the webhook did not answer with a status of 200 to 299")
	ErrTooLarge    = fault.New(fault.TooLarge, "webhook_too_large", "the body is too large for a webhook")
)

// The limits of a Sender.
const (
	MaxBody   = 64 << 10 // bytes of the body of a request
	MaxAnswer = 4 << 10  // bytes of the body of a response that are read; the rest is not

	maxHeaders  = 16 << 10
	connectTime = 5 * time.Second
	idleTime    = 30 * time.Second
)

// DefaultTimeout is the default of Config.Timeout.
const DefaultTimeout = 10 * time.Second

// Config is the configuration of a Sender. Its zero value sends to public addresses only.
type Config struct {
	// Networks are private addresses that may be reached as well.
	Networks []netip.Prefix

	// Timeout bounds each attempt: resolving, connecting, sending and reading the response. It must
	// not be negative; 0 means DefaultTimeout.
	Timeout time.Duration

	TLS      *tls.Config   // nil means the default, with the certificates of the system
	Resolver *net.Resolver // nil means that of the system
}

// Sender sends webhooks. It is safe for concurrent use.
type Sender struct {
	client  *http.Client
	timeout time.Duration
}

// NewSender returns a Sender. Errors: fault.Invalid with the names of the fields.
func NewSender(c Config) (*Sender, error) {
	var f fault.Fields
	for i, network := range c.Networks {
		f.Check(network.IsValid(), fmt.Sprintf("Networks[%d]", i), "must be a network")
	}
	f.Check(c.Timeout >= 0, "Timeout", "must not be negative")
	if err := f.Err(); err != nil {
		return nil, err
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	dialer := &net.Dialer{Timeout: connectTime, Resolver: c.Resolver, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("read an address: %w", err)
		}
		if !allowed(at.Addr(), c.Networks) {
			return ErrForbidden.WithDetail("the address " + at.Addr().String() + " of the webhook is not a public one")
		}
		return nil
	}}
	return &Sender{timeout: c.Timeout, client: &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: c.TLS, TLSHandshakeTimeout: connectTime, ForceAttemptHTTP2: true,
			MaxResponseHeaderBytes: maxHeaders, IdleConnTimeout: idleTime, MaxIdleConnsPerHost: 1, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Send implements webhooks.Sender. Errors: ErrForbidden, ErrUnreachable, ErrRefused, also for a
// redirect, and ErrTooLarge.
func (s *Sender) Send(ctx context.Context, m webhooks.Message) error {
	if len(m.Body) > MaxBody {
		return ErrTooLarge
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(m.Body))
	if err != nil {
		return fmt.Errorf("make the request of a webhook: %w", err)
	}
	if err := sign(r.Header, m); err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "cicerone-webhooks")
	answer, err := s.client.Do(r)
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err // without the address, which may have a secret
		}
		if forbidden, ok := errors.AsType[*fault.Error](err); ok {
			return forbidden.Wrap(err)
		}
		return ErrUnreachable.Wrap(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, MaxAnswer)) // so that the connection can be used again
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return ErrRefused.WithDetail("the webhook answered with the status " + strconv.Itoa(answer.StatusCode))
	}
	return nil
}

// sign sets the headers of Standard Webhooks.
func sign(h http.Header, m webhooks.Message) error {
	var signatures []string
	for _, secret := range m.Secrets {
		hook, err := standard.NewWebhookRaw(secret)
		if err != nil {
			return fmt.Errorf("sign a webhook: %w", err)
		}
		signature, err := hook.Sign(m.ID, m.At, m.Body)
		if err != nil {
			return fmt.Errorf("sign a webhook: %w", err)
		}
		signatures = append(signatures, signature)
	}
	h.Set(standard.HeaderWebhookID, m.ID)
	h.Set(standard.HeaderWebhookTimestamp, strconv.FormatInt(m.At.Unix(), 10))
	h.Set(standard.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}
