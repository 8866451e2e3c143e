package users

import (
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/text"
)

// Role determines what an account may do.
type Role string

// The roles.
const (
	RoleUser  Role = "user"
	RoleAdmin Role = "admin"
)

// Valid reports whether the role exists.
func (r Role) Valid() bool { return r == RoleUser || r == RoleAdmin }

// Maximum lengths, in characters.
const (
	MaxName     = 100
	MaxEmail    = 254 // of a path in RFC 5321, without its brackets
	MaxBio      = 2000
	MaxLocation = 200
)

// DeletedName is the name of every erased user.
const DeletedName = "deleted"

// User is an account, without its password hash: see PasswordHash.
type User struct {
	ID           id.User
	Name         string
	Email        string // as typed; unique by text.FoldAddress, but for twins; empty if erased
	Bio          string
	Location     string
	Locale       string // the language of the user as a BCP 47 tag, like "fr"; "" if it is not known
	Role         Role
	IsActive     bool
	Erased       bool
	Twin         bool  // another account has, or had, the same address by text.FoldAddress: see ByEmail
	SecondFactor bool  // a sign-in needs a code, too: see SecondFactor
	Version      int64 // incremented by each save; a save with another version is a conflict
	CreatedAt    time.Time
	UpdatedAt    time.Time

	// Until when the account is restricted, and suspended: the zero time if it is not. An account is
	// suspended only if it is not active. A time that has passed may stay.
	RestrictedUntil time.Time
	SuspendedUntil  time.Time

	// EmailVerifiedAt is when the address was shown to be the user's, by a secret that was mailed to
	// it; zero if it was not.
	EmailVerifiedAt time.Time
}

// FirstName returns the first word of the name. Other users see it if the profile has no first
// name.
func (u User) FirstName() string {
	for first := range strings.FieldsSeq(u.Name) {
		return first
	}
	return ""
}

// Change is a change by the account's own user. A nil field stays as it is.
type Change struct {
	Name     *string
	Bio      *string
	Location *string
	Locale   *string
}

// Check adds an error to f for each field that breaks a rule.
func (c Change) Check(f *fault.Fields) { c.apply(f, new(User)) }

func (c Change) apply(f *fault.Fields, u *User) {
	if c.Name != nil {
		u.Name = text.Line(f, "name", *c.Name, text.Required, MaxName)
	}
	if c.Bio != nil {
		u.Bio = text.Long(f, "bio", *c.Bio, text.Optional, MaxBio)
	}
	if c.Location != nil {
		u.Location = text.Line(f, "location", *c.Location, text.Optional, MaxLocation)
	}
	if c.Locale != nil {
		u.Locale = locale(f, "locale", *c.Locale)
	}
}

// Apply changes the user, or returns fault.Invalid with the names of the fields.
func (u *User) Apply(c Change, at time.Time) error {
	next := *u
	var f fault.Fields
	c.apply(&f, &next)
	if err := f.Err(); err != nil {
		return err
	}
	next.UpdatedAt = clock.Truncate(at)
	*u = next
	return nil
}

// erase removes all personal data. The rest stays, because other rows refer to it.
func (u *User) erase(at time.Time) {
	u.Name, u.Email, u.Bio, u.Location, u.Locale = DeletedName, "", "", "", ""
	u.Role, u.IsActive, u.Erased, u.Twin, u.UpdatedAt = RoleUser, false, true, false, at
	u.RestrictedUntil, u.SuspendedUntil, u.EmailVerifiedAt = time.Time{}, time.Time{}, time.Time{}
	u.SecondFactor = false
}
