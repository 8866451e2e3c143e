package users

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
)

// Policy is the decisions of a community about accounts.
type Policy struct {
	SignupBonus     int64         // tokens for a new account, or 0; default 50
	AccessLifetime  time.Duration // of an access token; default 15 minutes
	RefreshLifetime time.Duration // of a refresh token, from each refresh; default 30 days
	SessionLifetime time.Duration // of a session, from its sign-in, however often it is refreshed; default 90 days
	RefreshGrace    time.Duration // for further uses of a refresh token, from the first one; 0 or more; default 10 seconds
	ResetLifetime   time.Duration // of a password reset; default 1 hour
	OpenResets      int           // password resets of one account that work at a time, 1 or more; default 3
	ResetURL        string        // page for a reset, to which the token is appended; "" mails the token alone
}

// DefaultPolicy returns the default of each field.
func DefaultPolicy() Policy {
	return Policy{
		SignupBonus: 50, AccessLifetime: 15 * time.Minute, RefreshLifetime: 30 * 24 * time.Hour,
		SessionLifetime: 90 * 24 * time.Hour, RefreshGrace: 10 * time.Second, ResetLifetime: time.Hour, OpenResets: 3,
	}
}

// Deps are the parts of a Service. All are needed. services.New makes them for all services.
type Deps struct {
	Store     *uow.Store[Tx]
	Ledger    *tokens.Ledger
	Passwords *Passwords
	Access    AccessTokens
	Mailer    Mailer
	Clock     clock.Clock
	IDs       id.Source
	Policy    Policy
}

// Service registers users, signs them in and out, and changes their accounts.
type Service struct{ deps Deps }

// NewService returns a Service, or an error that names the parts that are missing.
func NewService(d Deps) (*Service, error) {
	if err := fault.Missing("users", d); err != nil {
		return nil, err
	}
	return &Service{d}, nil
}

// SignUp is the input of a sign-up.
type SignUp struct {
	Name     string
	Email    string
	Password string
}

// SignUp creates an account with its wallet and its bonus, and signs in. A repeat with the same key
// and the same password returns the same user with new tokens; it posts no second bonus. Errors:
// fault.Invalid with the names of the fields, ErrEmailTaken, idempotency.ErrKeyReused, and for a
// repeat also ErrSignIn.
func (s *Service) SignUp(ctx context.Context, in SignUp, key idempotency.Key) (SignedIn, error) {
	var f fault.Fields
	in = in.prepared(&f)
	if err := f.Err(); err != nil {
		return SignedIn{}, err
	}
	hash, err := s.deps.Passwords.Hash(ctx, in.Password)
	if err != nil {
		return SignedIn{}, err
	}
	// The access token is issued first: if that fails, no account is created.
	user, session := id.User(s.deps.IDs.Next()), id.Session(s.deps.IDs.Next())
	access, err := s.issue(ctx, user, session)
	if err != nil {
		return SignedIn{}, fmt.Errorf("sign up: %w", err)
	}
	var o opened
	_, replayed, err := idempotency.Run(ctx, s.deps.Store, s.deps.Clock, idempotency.Command{
		Owner: signUpOwner(in.Email), Key: key, Operation: "users.SignUp", Values: []string{in.Name, text.FoldAddress(in.Email).String()},
	}, letAnyoneIn, func(ctx context.Context, tx Tx) (id.User, error) {
		u, err := s.register(ctx, tx, user, in, hash)
		if err != nil {
			return id.User{}, err
		}
		o, err = s.openSession(ctx, tx, session, u)
		return u.ID, err
	})
	switch {
	case err != nil:
		return SignedIn{}, fmt.Errorf("sign up: %w", err)
	case replayed:
		return s.SignIn(ctx, in.Email, in.Password)
	}
	return s.signedIn(o, access), nil
}

// Register is like SignUp, but does not sign in: it is for programs that create accounts for
// others. It takes no key; a repeat returns ErrEmailTaken.
func (s *Service) Register(ctx context.Context, in SignUp) (User, error) {
	var f fault.Fields
	in = in.prepared(&f)
	if err := f.Err(); err != nil {
		return User{}, err
	}
	hash, err := s.deps.Passwords.Hash(ctx, in.Password)
	if err != nil {
		return User{}, err
	}
	var u User
	err = s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) (err error) {
		u, err = s.register(ctx, tx, id.User(s.deps.IDs.Next()), in, hash)
		return err
	})
	if err != nil {
		return User{}, fmt.Errorf("register: %w", err)
	}
	return u, nil
}

// Check adds an error to f for each field that breaks a rule.
func (in SignUp) Check(f *fault.Fields) { in.prepared(f) }

// prepared returns the input as it is stored, and adds an error to f for each field that breaks a
// rule.
func (in SignUp) prepared(f *fault.Fields) SignUp {
	return SignUp{
		Name:     text.Line(f, "name", in.Name, text.Required, MaxName),
		Email:    text.Address(f, "email", in.Email, MaxEmail),
		Password: CheckPassword(f, in.Password),
	}
}

// signUpOwner returns the owner of a sign-up's idempotency key. There is no user yet, so it is the
// address.
func signUpOwner(email string) string { return "sign-up:" + text.FoldAddress(email).String() }

func letAnyoneIn(context.Context, Tx) error { return nil }

func (s *Service) register(ctx context.Context, tx Tx, user id.User, in SignUp, hash PasswordHash) (User, error) {
	now := s.deps.Clock.Now()
	u := User{
		ID: user, Name: in.Name, Email: in.Email, Role: RoleUser, IsActive: true, Version: 1,
		CreatedAt: now, UpdatedAt: now,
	}
	created, err := tx.Users().Add(ctx, u, hash)
	if err != nil {
		return User{}, fmt.Errorf("add a user: %w", err)
	}
	if !created {
		return User{}, ErrEmailTaken
	}
	if err := s.deps.Ledger.Open(ctx, tx, u.ID); err != nil {
		return User{}, err
	}
	granted, err := s.grant(ctx, tx, u.Email)
	if err != nil || !granted {
		return u, err
	}
	_, err = s.deps.Ledger.Post(ctx, tx, now, tokens.Movement{
		UserID: u.ID, Amount: s.deps.Policy.SignupBonus, Type: tokens.SignupBonus, Reason: "welcome",
	})
	return u, err
}

// grant reports whether an address gets the bonus now, which it gets once, also if its account is
// erased meanwhile.
func (s *Service) grant(ctx context.Context, tx Tx, email string) (bool, error) {
	if s.deps.Policy.SignupBonus == 0 {
		return false, nil
	}
	key, err := tx.Users().Key(ctx, GrantKey, NewGrantKey())
	if err != nil {
		return false, fmt.Errorf("read the key of grants: %w", err)
	}
	granted, err := tx.Users().Grant(ctx, HashGrant(key, text.FoldAddress(email)))
	if err != nil {
		return false, fmt.Errorf("grant a bonus: %w", err)
	}
	return granted, nil
}

// GrantKey is the name of the key with which HashGrant hashes addresses.
const GrantKey = "signup_grants"

// NewGrantKey returns a new random key for HashGrant.
func NewGrantKey() []byte {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return key
}

// HashGrant returns the HMAC-SHA-256 of an address. It is what a store remembers of an address that
// had the bonus.
func HashGrant(key []byte, address text.Folded) SecretHash {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(address.String()))
	return SecretHash(mac.Sum(nil))
}

// SignIn starts a session. It returns ErrSignIn for every kind of wrong input, after about the same
// time. A password hash that is outdated is replaced.
func (s *Service) SignIn(ctx context.Context, email, password string) (SignedIn, error) {
	const tries = 3
	for range tries {
		in, err := s.trySignIn(ctx, email, password)
		if errors.Is(err, errPasswordReplaced) {
			continue
		}
		if err != nil && !errors.Is(err, ErrSignIn) {
			return SignedIn{}, fmt.Errorf("sign in: %w", err)
		}
		return in, err
	}
	return SignedIn{}, ErrSignIn
}

// errPasswordReplaced is returned if the hash of a password that was checked is not the stored one
// any more. The password may still be right: another sign-in may have renewed the hash.
var errPasswordReplaced = errors.New("the password hash was replaced meanwhile")

func (s *Service) trySignIn(ctx context.Context, email, password string) (SignedIn, error) {
	var u User
	var hash PasswordHash
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if !text.Valid(email) {
			return fault.NotFound
		}
		u, hash, err = tx.Users().ByEmail(ctx, email)
		return err
	})
	if err != nil && !errors.Is(err, fault.NotFound) {
		return SignedIn{}, err
	}
	fits, err := s.deps.Passwords.Check(ctx, hash, password)
	if err != nil {
		return SignedIn{}, err
	}
	if !fits || !u.IsActive {
		return SignedIn{}, ErrSignIn
	}
	renewed, err := s.deps.Passwords.Renew(ctx, hash, password)
	if err != nil {
		return SignedIn{}, err
	}
	session := id.Session(s.deps.IDs.Next())
	access, err := s.issue(ctx, u.ID, session)
	if err != nil {
		return SignedIn{}, err
	}
	var o opened
	err = s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		present, err := s.holdSignIn(ctx, tx, u.ID, hash, renewed)
		if err != nil {
			return err
		}
		o, err = s.openSession(ctx, tx, session, present)
		return err
	})
	if err != nil {
		return SignedIn{}, err
	}
	return s.signedIn(o, access), nil
}

// holdSignIn returns an account whose password was checked before the unit began, and keeps it from
// changing: no session may outlive its user or password. It stores a renewed hash.
func (s *Service) holdSignIn(ctx context.Context, tx Tx, user id.User, checked, renewed PasswordHash) (User, error) {
	var u User
	if renewed == checked {
		pinned, err := tx.Users().Pin(ctx, user)
		if err != nil {
			return User{}, fmt.Errorf("pin a user: %w", err)
		}
		u = pinned[0]
	} else {
		held, err := tx.Users().Hold(ctx, user)
		if err != nil {
			return User{}, fmt.Errorf("hold a user: %w", err)
		}
		u = held
	}
	if !u.IsActive {
		return User{}, ErrSignIn
	}
	present, err := tx.Users().Password(ctx, user)
	if err != nil {
		return User{}, fmt.Errorf("read a password: %w", err)
	}
	if present != checked {
		return User{}, errPasswordReplaced
	}
	if renewed != checked {
		if err := tx.Users().SetPassword(ctx, user, renewed, u.UpdatedAt); err != nil {
			return User{}, fmt.Errorf("renew a password hash: %w", err)
		}
	}
	return u, nil
}

// opened is a session that was just stored, with its refresh token, of which only the hash is
// stored.
type opened struct {
	user    User
	session id.Session
	refresh string
}

func (s *Service) openSession(ctx context.Context, tx Tx, session id.Session, u User) (opened, error) {
	now := s.deps.Clock.Now()
	o := opened{user: u, session: session}
	var hash SecretHash
	o.refresh, hash = newSecret()
	opening := Session{ID: o.session, UserID: u.ID, CreatedAt: now}
	err := tx.Users().AddSession(ctx, opening, s.newRefreshToken(opening, hash, now))
	if err != nil {
		return opened{}, fmt.Errorf("add a session: %w", err)
	}
	return o, nil
}

// newRefreshToken returns a refresh token of a session, which it does not outlive.
func (s *Service) newRefreshToken(session Session, hash SecretHash, now time.Time) RefreshToken {
	expires := now.Add(s.deps.Policy.RefreshLifetime)
	if end := s.end(session); end.Before(expires) {
		expires = end
	}
	return RefreshToken{Hash: hash, SessionID: session.ID, CreatedAt: now, ExpiresAt: expires}
}

// end returns the time at which a session ends if it is not revoked before.
func (s *Service) end(session Session) time.Time {
	return session.CreatedAt.Add(s.deps.Policy.SessionLifetime)
}

// mayUse reports whether a session of an account may be used now.
func (s *Service) mayUse(session Session, u User) bool {
	return session.Live() && u.IsActive && s.deps.Clock.Now().Before(s.end(session))
}

// issue returns the access token of a session, which need not be stored yet.
func (s *Service) issue(ctx context.Context, user id.User, session id.Session) (string, error) {
	access, err := s.deps.Access.Issue(ctx, user, session, s.deps.Clock.Now().Add(s.deps.Policy.AccessLifetime))
	if err != nil {
		return "", fmt.Errorf("issue an access token: %w", err)
	}
	return access, nil
}

func (s *Service) signedIn(o opened, access string) SignedIn {
	return SignedIn{User: o.user, AccessToken: access, RefreshToken: o.refresh, ExpiresIn: s.deps.Policy.AccessLifetime}
}

// Authenticate returns the user of an access token. It returns ErrNotSignedIn if the token is not
// valid, its session has ended, or the account is inactive.
func (s *Service) Authenticate(ctx context.Context, accessToken string) (Caller, error) {
	user, session, err := s.deps.Access.Verify(ctx, accessToken)
	if errors.Is(err, fault.Unauthenticated) {
		return Caller{}, ErrNotSignedIn.Wrap(err)
	}
	if err != nil {
		return Caller{}, fmt.Errorf("verify an access token: %w", err)
	}
	var c Caller
	err = s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) error {
		stored, u, err := tx.Users().Session(ctx, session)
		if errors.Is(err, fault.NotFound) {
			return ErrNotSignedIn
		}
		if err != nil {
			return fmt.Errorf("read a session: %w", err)
		}
		if stored.UserID != user || !s.mayUse(stored, u) {
			return ErrNotSignedIn
		}
		c = Caller{UserID: u.ID, SessionID: session, Role: u.Role}
		return nil
	})
	return c, err
}

// maxSuccessors is the maximum number of refresh tokens that replace one.
const maxSuccessors = 3

// Refresh exchanges a refresh token for new tokens of the same session. The answer may be lost, or
// two windows may refresh concurrently, so further uses within Policy.RefreshGrace of the first get
// tokens of their own, up to maxSuccessors in all. Any use after that revokes the session. Errors:
// ErrRefresh.
func (s *Service) Refresh(ctx context.Context, refreshToken string) (SignedIn, error) {
	var o opened
	var access string
	var refused error
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) (err error) {
		o, refused = opened{}, nil
		o, err = s.rotate(ctx, tx, refreshToken)
		if errors.Is(err, errReplayed) {
			refused, err = ErrRefresh, nil // the unit must commit, so that the session stays revoked
			return err
		}
		if err == nil { // within the unit: if it fails, the old token stays unused
			access, err = s.issue(ctx, o.user.ID, o.session)
		}
		return err
	})
	switch {
	case err != nil:
		return SignedIn{}, fmt.Errorf("refresh: %w", err)
	case refused != nil:
		return SignedIn{}, refused
	}
	return s.signedIn(o, access), nil
}

// errReplayed is returned for a refresh token that was used too often or too late, after its session
// is revoked.
var errReplayed = errors.New("the refresh token was used before")

func (s *Service) rotate(ctx context.Context, tx Tx, refreshToken string) (opened, error) {
	now := s.deps.Clock.Now()
	token, err := tx.Users().UseRefreshToken(ctx, hashSecret(refreshToken), now)
	if errors.Is(err, fault.NotFound) {
		return opened{}, ErrRefresh
	}
	if err != nil {
		return opened{}, fmt.Errorf("use a refresh token: %w", err)
	}
	if !token.UsedAt.IsZero() && (token.Uses >= maxSuccessors || now.Sub(token.UsedAt) >= s.deps.Policy.RefreshGrace) {
		if err := tx.Users().RevokeSession(ctx, token.SessionID, now); err != nil {
			return opened{}, fmt.Errorf("revoke a session: %w", err)
		}
		return opened{}, errReplayed
	}
	session, u, err := tx.Users().Session(ctx, token.SessionID)
	if errors.Is(err, fault.NotFound) {
		return opened{}, ErrRefresh
	}
	if err != nil {
		return opened{}, fmt.Errorf("read a session: %w", err)
	}
	if !s.mayUse(session, u) || !now.Before(token.ExpiresAt) {
		return opened{}, ErrRefresh
	}
	secret, hash := newSecret()
	if err := tx.Users().AddRefreshToken(ctx, s.newRefreshToken(session, hash, now)); err != nil {
		return opened{}, fmt.Errorf("add a refresh token: %w", err)
	}
	return opened{user: u, session: session.ID, refresh: secret}, nil
}

// SignOut ends the session of a refresh token, also of a used one. It does nothing if the token is
// unknown.
func (s *Service) SignOut(ctx context.Context, refreshToken string) error {
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		now := s.deps.Clock.Now()
		token, err := tx.Users().UseRefreshToken(ctx, hashSecret(refreshToken), now)
		if errors.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("use a refresh token: %w", err)
		}
		return tx.Users().RevokeSession(ctx, token.SessionID, now)
	})
	if err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	return nil
}

// PurgeSessions removes sessions of which all refresh tokens have expired, and returns their
// number. It may run at any time, and concurrently in several processes.
func (s *Service) PurgeSessions(ctx context.Context) (int, error) {
	const batch = 1000
	total := 0
	for {
		var n int
		err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) (err error) {
			n, err = tx.Users().PurgeSessions(ctx, s.deps.Clock.Now(), batch)
			return err
		})
		if err != nil {
			return total, fmt.Errorf("purge sessions: %w", err)
		}
		total += n
		if n < batch {
			return total, nil
		}
	}
}
