package users

import (
	"net/mail"
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
	ID        id.User
	Name      string
	Email     string // as typed; unique by text.Fold; empty if erased
	Bio       string
	Location  string
	Role      Role
	IsActive  bool
	Erased    bool
	Version   int64 // incremented by each save; a save with another version is a conflict
	CreatedAt time.Time
	UpdatedAt time.Time
}

// FirstName returns the first word of the name. Other users see it if the profile has no first
// name.
func (u User) FirstName() string {
	first, _, _ := strings.Cut(strings.TrimSpace(u.Name), " ")
	return first
}

// Change is a change by the account's own user. A nil field stays as it is.
type Change struct {
	Name     *string
	Bio      *string
	Location *string
}

// Check adds an error to f for each field that breaks a rule.
func (c Change) Check(f *fault.Fields) {
	if c.Name != nil {
		text.CheckLine(f, "name", *c.Name, 1, MaxName)
	}
	if c.Bio != nil {
		text.Check(f, "bio", *c.Bio, 0, MaxBio)
	}
	if c.Location != nil {
		text.CheckLine(f, "location", *c.Location, 0, MaxLocation)
	}
}

// Apply changes the user, or returns fault.Invalid with the names of the fields.
func (u *User) Apply(c Change, at time.Time) error {
	var f fault.Fields
	c.Check(&f)
	if err := f.Err(); err != nil {
		return err
	}
	if c.Name != nil {
		u.Name = *c.Name
	}
	if c.Bio != nil {
		u.Bio = *c.Bio
	}
	if c.Location != nil {
		u.Location = *c.Location
	}
	u.UpdatedAt = clock.Truncate(at)
	return nil
}

// erase removes all personal data. The rest stays, because other rows refer to it.
func (u *User) erase(at time.Time) {
	u.Name, u.Email, u.Bio, u.Location = DeletedName, "", "", ""
	u.Role, u.IsActive, u.Erased, u.UpdatedAt = RoleUser, false, true, at
}

// checkEmail adds an error to f if an address is not a bare mailbox of RFC 5322, without a name.
func checkEmail(f *fault.Fields, address string) {
	if !text.CheckLine(f, "email", address, 1, MaxEmail) {
		return
	}
	a, err := mail.ParseAddress(address)
	f.Check(err == nil && a.Name == "" && a.Address == address, "email", "must be an e-mail address like ada@example.org")
}
