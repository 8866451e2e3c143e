package users

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
)

// Policy is the decisions of a community about accounts.
type Policy struct {
	SignupBonus      int64         // tokens for a new account, or 0; default 50
	AccessLifetime   time.Duration // of an access token; default 15 minutes
	RefreshLifetime  time.Duration // of a session, from its sign-in and from each refresh; default 30 days
	SessionLifetime  time.Duration // of a session, from its sign-in, however often it is refreshed; default 90 days
	RefreshGrace     time.Duration // for further uses of a refresh token, from the first one; 0 or more; default 10 seconds
	ResetLifetime    time.Duration // of a password reset; default 1 hour
	OpenResets       int           // password resets of one account that work at a time, 1 or more; default 3
	ResetURL         string        // page for a reset, to which the token is appended; "" mails the token alone
	Words            string        // words of the community, of which no password may be made; default "cicerone voyager"
	Locales          string        // languages of mail, as BCP 47 tags: a sign-up chooses one; default "en fr"
	RequireAdminTOTP bool          // admins need a session that was opened with a second factor; default false

	MaxWrong      int           // wrong passwords for an address, or from a network, before the pauses; default 10
	MaxPause      time.Duration // the longest pause before the next try after MaxWrong; default 1 minute
	MaxResets     int           // resets mailed to an address in CountWindow; default 3
	MaxResetsFrom int           // resets requested from a network in CountWindow; default 10
	CountWindow   time.Duration // after the last of them, wrong passwords and resets are forgotten; default 1 hour
}

// DefaultPolicy returns the default of each field.
func DefaultPolicy() Policy {
	return Policy{
		SignupBonus: 50, AccessLifetime: 15 * time.Minute, RefreshLifetime: 30 * 24 * time.Hour,
		SessionLifetime: 90 * 24 * time.Hour, RefreshGrace: 10 * time.Second, ResetLifetime: time.Hour, OpenResets: 3,
		Words: "cicerone voyager", Locales: "en fr",
		MaxWrong: 10, MaxPause: time.Minute, MaxResets: 3, MaxResetsFrom: 10, CountWindow: time.Hour,
	}
}

// Deps are the parts of a Service. All are needed. services.New makes them for all services.
type Deps struct {
	Store     *uow.Store[Tx]
	Ledger    *tokens.Ledger
	Passwords *Passwords
	Guard     *Guard
	Access    AccessTokens
	TOTP      TOTP
	Mailer    Mailer
	Clock     clock.Clock
	IDs       id.Source
	Policy    Policy
}

// Service registers users, signs them in and out, and changes their accounts.
type Service struct {
	deps Deps

	opening sync.Mutex
	opened  openedReset // the last one
}

// NewService returns a Service, or an error that names the parts that are missing.
func NewService(d Deps) (*Service, error) {
	if err := fault.Missing("users", d); err != nil {
		return nil, err
	}
	return &Service{deps: d}, nil
}

// Policy returns the policy that the service was made with.
func (s *Service) Policy() Policy { return s.deps.Policy }

// SignUp is the input of a sign-up.
type SignUp struct {
	Name      string
	Email     string
	Password  string
	Languages string // which the user prefers, as in the header Accept-Language of HTTP; "" if they are not known
	From      Device // of the session; Register ignores it
}

// SignIn is the input of a sign-in.
type SignIn struct {
	Email    string
	Password string
	Code     string // of the second factor, or a recovery code; not read if the account has no active one
	From     Device
}

// SignUp creates an account with its wallet and its bonus, and signs in. A repeat with the same key
// and the same password returns the same user with new tokens; it posts no second bonus. Errors:
// fault.Invalid with the names of the fields, ErrEmailTaken, idempotency.ErrKeyReused, and for a
// repeat also ErrSignIn, and ErrCodeRequired if the account has a second factor meanwhile.
func (s *Service) SignUp(ctx context.Context, in SignUp, key idempotency.Key) (SignedIn, error) {
	var f fault.Fields
	in = in.prepared(&f, s.deps.Policy)
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
	known, err := s.deps.Guard.names(ctx, in.Email, in.From)
	if err != nil {
		return SignedIn{}, fmt.Errorf("sign up: %w", err)
	}
	address := text.FoldAddress(in.Email)
	var o opened
	_, replayed, err := idempotency.Run(ctx, s.deps.Store, s.deps.Clock, idempotency.Command{
		Owner: signUpOwner(address), Key: key, Operation: "users.SignUp", Values: []string{in.Name, address.String()},
	}, letAnyoneIn, func(ctx context.Context, tx Tx) (id.User, error) {
		u, err := s.register(ctx, tx, user, in, hash)
		if err != nil {
			return id.User{}, err
		}
		if o, err = s.openSession(ctx, tx, session, u, in.From); err != nil {
			return id.User{}, err
		}
		return u.ID, s.deps.Guard.know(ctx, tx, known)
	}, idempotency.Whole[Tx, id.User]())
	switch {
	case err != nil:
		return SignedIn{}, fmt.Errorf("sign up: %w", err)
	case replayed:
		return s.SignIn(ctx, SignIn{Email: in.Email, Password: in.Password, From: in.From})
	}
	return s.signedIn(ctx, o, access), nil
}

// Register is like SignUp, but does not sign in: it is for programs that create accounts for
// others. It takes no key; a repeat returns ErrEmailTaken.
func (s *Service) Register(ctx context.Context, in SignUp) (User, error) {
	var f fault.Fields
	in = in.prepared(&f, s.deps.Policy)
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
func (in SignUp) Check(f *fault.Fields, p Policy) { in.prepared(f, p) }

// prepared returns the input as it is stored, and adds an error to f for each field that breaks a
// rule.
func (in SignUp) prepared(f *fault.Fields, p Policy) SignUp {
	in.Name = text.Line(f, "name", in.Name, text.Required, MaxName)
	in.Email = text.Address(f, "email", in.Email, MaxEmail)
	in.Password = p.CheckPassword(f, in.Password, in.Name, in.Email)
	return in
}

// signUpOwner returns the owner of a sign-up's idempotency key. There is no user yet, so it is the
// address.
func signUpOwner(address text.Folded) string { return "sign-up:" + address.String() }

func letAnyoneIn(context.Context, Tx) error { return nil }

func (s *Service) register(ctx context.Context, tx Tx, user id.User, in SignUp, hash PasswordHash) (User, error) {
	now := s.deps.Clock.Now()
	u := User{
		ID: user, Name: in.Name, Email: in.Email, Locale: s.deps.Policy.preferred(in.Languages),
		Role: RoleUser, IsActive: true, Version: 1,
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
	if err := events.Add(ctx, tx, s.deps.IDs, now, u.Version, events.UserSignedUp{UserID: u.ID}); err != nil {
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
func NewGrantKey() []byte { return newStoreKey() }

func newStoreKey() []byte {
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
// time, and ErrTooManyTries, before it computes anything, if there were too many (see Guard). A
// password hash that is outdated is replaced. If the password is right and the second factor of the
// account is active, it returns ErrCodeRequired without a code, and ErrWrongCode for a wrong one,
// which counts as a wrong password does.
func (s *Service) SignIn(ctx context.Context, in SignIn) (SignedIn, error) {
	under, err := s.deps.Guard.begin(ctx, in.Email, in.From)
	if err != nil {
		return SignedIn{}, fmt.Errorf("sign in: %w", err)
	}
	const tries = 3
	for range tries {
		done, err := s.trySignIn(ctx, in, under)
		if errors.Is(err, errPasswordReplaced) {
			continue
		}
		if err != nil && !errors.Is(err, ErrSignIn) && !errors.Is(err, ErrWrongCode) {
			return SignedIn{}, fmt.Errorf("sign in: %w", under.giveBack(ctx, err))
		}
		return done, err
	}
	return SignedIn{}, ErrSignIn
}

// errPasswordReplaced is returned if the hash of a password that was checked is not the stored one
// any more. The password may still be right: another sign-in may have renewed the hash.
var errPasswordReplaced = errors.New("the password hash was replaced meanwhile")

func (s *Service) trySignIn(ctx context.Context, in SignIn, under *try) (SignedIn, error) {
	var u User
	var hash PasswordHash
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if !text.Valid(in.Email) {
			return fault.NotFound
		}
		u, hash, err = tx.Users().ByEmail(ctx, in.Email)
		return err
	})
	if err != nil && !errors.Is(err, fault.NotFound) {
		return SignedIn{}, err
	}
	fits, err := s.deps.Passwords.Check(ctx, hash, in.Password)
	if err != nil {
		return SignedIn{}, err
	}
	if !fits || !u.admitted() {
		note(ctx, u.ID, whyNotSignedIn(u, fits))
		return SignedIn{}, under.wrong(ctx, ErrSignIn)
	}
	renewed, err := s.deps.Passwords.Renew(ctx, hash, in.Password)
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
		present, err := s.holdSignIn(ctx, tx, u, hash, renewed)
		if err != nil {
			return err
		}
		if err := s.checkSecondFactor(ctx, tx, present, in.Code); err != nil {
			return err
		}
		if present, err = s.resumed(ctx, tx, present, s.deps.Clock.Now()); err != nil {
			return err
		}
		if o, err = s.openSession(ctx, tx, session, present, in.From); err != nil {
			return err
		}
		return under.right(ctx, tx)
	})
	if errors.Is(err, ErrWrongCode) || errors.Is(err, ErrCodeRequired) {
		note(ctx, u.ID, "")
	}
	if errors.Is(err, ErrWrongCode) {
		return SignedIn{}, under.wrong(ctx, ErrWrongCode)
	}
	if err != nil {
		return SignedIn{}, err
	}
	return s.signedIn(ctx, o, access), nil
}

func whyNotSignedIn(u User, fits bool) Reason {
	switch {
	case u.ID.IsZero():
		return UnknownAddress
	case !fits:
		return WrongPassword
	default:
		return InactiveAccount
	}
}

// holdSignIn returns an account whose password was checked before the unit began, and keeps it from
// changing: no session may outlive its user or password. It stores a renewed hash.
func (s *Service) holdSignIn(ctx context.Context, tx Tx, read User, checked, renewed PasswordHash) (User, error) {
	user, u := read.ID, User{}
	if renewed == checked && !read.Suspended() {
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
	if !u.admitted() {
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
