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

// Role is what an account may do.
type Role string

// The roles.
const (
	RoleUser  Role = "user"
	RoleAdmin Role = "admin"
)

// Valid reports whether the role exists.
func (r Role) Valid() bool { return r == RoleUser || r == RoleAdmin }

// Lengths, in characters.
const (
	MaxName     = 100
	MaxEmail    = 254 // RFC 5321's path, without its brackets
	MaxBio      = 2000
	MaxLocation = 200
)

// DeletedName is what an erased person is called.
const DeletedName = "deleted"

// User is an account. The password hash is no part of it: see PasswordHash.
type User struct {
	ID        id.User
	Name      string
	Email     string // as typed; unique by text.Fold; empty of an erased person
	Bio       string
	Location  string
	Role      Role
	IsActive  bool
	Erased    bool
	Version   int64 // counts the saves; a save of another version than the stored one is a conflict
	CreatedAt time.Time
	UpdatedAt time.Time
}

// FirstName is what others see of the name of somebody who has not said how to be called.
func (u User) FirstName() string {
	first, _, _ := strings.Cut(strings.TrimSpace(u.Name), " ")
	return first
}

// Change is what an account's owner may change; nil leaves a field as it is.
type Change struct {
	Name     *string
	Bio      *string
	Location *string
}

// Apply changes the user, or returns fault.Invalid naming the fields.
func (u *User) Apply(c Change, at time.Time) error {
	at = clock.Trim(at)
	next := *u
	if c.Name != nil {
		next.Name = *c.Name
	}
	if c.Bio != nil {
		next.Bio = *c.Bio
	}
	if c.Location != nil {
		next.Location = *c.Location
	}
	var f fault.Fields
	text.CheckLine(&f, "name", next.Name, 1, MaxName)
	text.Check(&f, "bio", next.Bio, 0, MaxBio)
	text.CheckLine(&f, "location", next.Location, 0, MaxLocation)
	if err := f.Err(); err != nil {
		return err
	}
	next.UpdatedAt = at
	*u = next
	return nil
}

// erase leaves of the user what history needs.
func (u *User) erase(at time.Time) {
	u.Name, u.Email, u.Bio, u.Location = DeletedName, "", "", ""
	u.Role, u.IsActive, u.Erased, u.UpdatedAt = RoleUser, false, true, at
}

// checkEmail notes in f what is wrong with an address: it must be the bare mailbox of RFC 5322.
func checkEmail(f *fault.Fields, address string) {
	if !text.CheckLine(f, "email", address, 1, MaxEmail) {
		return
	}
	a, err := mail.ParseAddress(address)
	f.Check(err == nil && a.Name == "" && a.Address == address, "email", "must be an e-mail address like ada@example.org")
}
