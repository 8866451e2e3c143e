package httpapi

import (
	"context"
	"io"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Client calls an API, over HTTP or over gRPC. It is safe for concurrent use.
//
// An error of the server is returned as the same error that the services return, so errors.Is(err,
// tokens.ErrTooFewTokens) and errors.Is(err, fault.Conflict) hold. For other errors see
// [kithttp.Call]. A method with a key may be repeated with the same key, also over the other protocol;
// the key "" means no key. Methods that only read may be repeated, too.
type Client struct{ transport Transport }

// NewClient returns a client of the server at base, an http or https URL, which may have a path.
// The client is not signed in; see [Client.As]. Package transport/client has clients of both protocols.
func NewClient(base string, opts ...kithttp.ClientOption) (*Client, error) {
	c, err := kithttp.NewClient(base, opts...)
	if err != nil {
		return nil, err
	}
	return NewClientOver(&overHTTP{base, opts, c}), nil
}

// NewClientOver returns a client whose requests are carried by t. It is not signed in if t is not.
func NewClientOver(t Transport) *Client { return &Client{t} }

// As returns a copy of the client that sends the access token, or no token if it is "". It has the
// same connections.
func (c *Client) As(accessToken string) *Client { return &Client{c.transport.As(accessToken)} }

// Close ends the connections over gRPC, also those of copies. An HTTP client's connections are its own,
// and stay.
func (c *Client) Close() error { return c.transport.Close() }

// call sends a request to a route, and returns the response.
func call[Req, Resp any](ctx context.Context, c *Client, r kithttp.Route[Req, Resp], req Req) (Resp, error) {
	var resp Resp
	err := c.transport.Call(ctx, r.Info(), req, &resp)
	return resp, err
}

func keyedBy(key idempotency.Key) keyed { return keyed{Key: keyHeader(key)} }

// SignUp creates an account with a wallet and a bonus, and signs in. A repeat with the same key and
// the right password signs in again.
func (c *Client) SignUp(ctx context.Context, in SignUp, key idempotency.Key) (SignedIn, error) {
	return call(ctx, c, signUp, signUpRequest{keyedBy(key), in})
}

// SignIn starts a session.
func (c *Client) SignIn(ctx context.Context, email, password string) (SignedIn, error) {
	return call(ctx, c, logIn, logInRequest{Email: email, Password: password})
}

// Refresh exchanges a refresh token for new tokens. A token may be used up to three times, within
// ten seconds of its first use by default. Any other use ends its session.
func (c *Client) Refresh(ctx context.Context, refreshToken string) (SignedIn, error) {
	return call(ctx, c, refresh, refreshRequest{refreshToken})
}

// SignOut ends the session of a refresh token. It may run more than once.
func (c *Client) SignOut(ctx context.Context, refreshToken string) error {
	_, err := call(ctx, c, logOut, refreshRequest{refreshToken})
	return err
}

// ForgotPassword makes the server mail a secret for a new password, if the account exists.
func (c *Client) ForgotPassword(ctx context.Context, email string) error {
	_, err := call(ctx, c, forgotPassword, forgotPasswordRequest{email})
	return err
}

// ResetPassword sets a new password with the mailed secret, and ends all sessions.
func (c *Client) ResetPassword(ctx context.Context, token, password string) error {
	_, err := call(ctx, c, resetPassword, resetPasswordRequest{Token: token, Password: password})
	return err
}

// Me reads the caller's account, and how many messages are unread.
func (c *Client) Me(ctx context.Context) (Me, error) {
	return call(ctx, c, me, kithttp.None{})
}

// ChangeMe changes the caller's account.
func (c *Client) ChangeMe(ctx context.Context, in UserChange) (User, error) {
	return call(ctx, c, changeMe, in)
}

// EraseMe erases the caller's account permanently. The password is "" if the account has none.
func (c *Client) EraseMe(ctx context.Context, password string) error {
	_, err := call(ctx, c, eraseMe, eraseMeRequest{orNull(password)})
	return err
}

// ChangePassword changes the caller's password, and ends all their sessions.
func (c *Client) ChangePassword(ctx context.Context, current, password string) error {
	_, err := call(ctx, c, changePassword, changePasswordRequest{CurrentPassword: current, Password: password})
	return err
}

// Sessions lists the caller's sessions that have not ended, newest first.
func (c *Client) Sessions(ctx context.Context, p Paging) (Page[Session], error) {
	return call(ctx, c, sessions, p)
}

// EndSession ends a session of the caller. It returns an error if the session has ended already.
func (c *Client) EndSession(ctx context.Context, session id.Session) error {
	_, err := call(ctx, c, endSession, sessionRequest{session})
	return err
}

// EndOtherSessions ends all sessions of the caller except the one that the client uses. It may run
// more than once.
func (c *Client) EndOtherSessions(ctx context.Context) error {
	_, err := call(ctx, c, endOtherSessions, kithttp.None{})
	return err
}

// ExportMe returns all data that is stored about the caller, as a JSON document that is an
// [Export]. It can be large. If reading fails, the document is not complete. The caller must close
// it.
func (c *Client) ExportMe(ctx context.Context) (io.ReadCloser, error) {
	return c.transport.Open(ctx, exportMe.Info(), kithttp.None{})
}

// MyProfile reads the caller's profile.
func (c *Client) MyProfile(ctx context.Context) (Profile, error) {
	return call(ctx, c, myProfile, kithttp.None{})
}

// SaveProfile replaces the caller's profile. It may run more than once.
func (c *Client) SaveProfile(ctx context.Context, in ProfileInput) (Profile, error) {
	return call(ctx, c, saveProfile, in)
}

// Policy reads the prices and the limits.
func (c *Client) Policy(ctx context.Context) (Policy, error) {
	return call(ctx, c, policy, kithttp.None{})
}

// Interests lists the active interests with q in their name, or all if q is "", by name.
func (c *Client) Interests(ctx context.Context, q string, p Paging) (Page[Interest], error) {
	return call(ctx, c, interests, interestsRequest{q, p})
}

// Places lists the countries and cities with searchable people, by country and city.
func (c *Client) Places(ctx context.Context, p Paging) (Page[Place], error) {
	return call(ctx, c, places, p)
}

// Profile reads the part of a user's profile that the caller may see.
func (c *Client) Profile(ctx context.Context, user id.User) (PublicProfile, error) {
	return call(ctx, c, profile, profileRequest{pathID(user)})
}

// Matches searches for people. Those who share the most interests with the caller come first.
func (c *Client) Matches(ctx context.Context, s Search, p Paging) (Page[Match], error) {
	return call(ctx, c, matches, matchesRequest{s, p})
}

// Wallet reads the caller's wallet.
func (c *Client) Wallet(ctx context.Context) (Wallet, error) {
	return call(ctx, c, wallet, kithttp.None{})
}

// Transactions lists the transactions of the caller's wallet, newest first.
func (c *Client) Transactions(ctx context.Context, p Paging) (Page[Transaction], error) {
	return call(ctx, c, transactions, p)
}

// Report reports a user.
func (c *Client) Report(ctx context.Context, in Complaint, key idempotency.Key) (Report, error) {
	return call(ctx, c, report, reportRequest{keyedBy(key), in})
}

// MyReports lists the reports that the caller filed, newest first.
func (c *Client) MyReports(ctx context.Context, p Paging) (Page[Report], error) {
	return call(ctx, c, reports, p)
}

// Blocks lists the caller's blocks, newest first.
func (c *Client) Blocks(ctx context.Context, p Paging) (Page[Block], error) {
	return call(ctx, c, blocks, p)
}

// Block blocks a user for the caller. It may run more than once.
func (c *Client) Block(ctx context.Context, user id.User) error {
	_, err := call(ctx, c, block, blockRequest{user})
	return err
}

// Unblock removes a block of the caller. It may run more than once.
func (c *Client) Unblock(ctx context.Context, user id.User) error {
	_, err := call(ctx, c, unblock, blockRequest{user})
	return err
}

// Healthy returns nil if the server runs.
func (c *Client) Healthy(ctx context.Context) error {
	_, err := call(ctx, c, healthz, kithttp.None{})
	return err
}

// Ready returns nil if the server can serve requests, and ErrNotReady if it cannot.
func (c *Client) Ready(ctx context.Context) error {
	_, err := call(ctx, c, readyz, kithttp.None{})
	return err
}

// OpenAPI returns the OpenAPI document. It returns an error of kind fault.Unimplemented over gRPC, which
// has the .proto files.
func (c *Client) OpenAPI(ctx context.Context) ([]byte, error) {
	b, err := call(ctx, c, openAPI, kithttp.None{})
	return b.Body, err
}
