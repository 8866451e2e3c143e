package surface

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// kind is a kind of canary.
type kind string

// The kinds of canaries, and where they may be seen.
const (
	password kind = "a password"                   // nowhere
	hash     kind = "a hash"                       // nowhere
	key      kind = "a key"                        // nowhere
	reset    kind = "a reset token"                // in the mail only
	store    kind = "a secret of the store"        // nowhere
	factor   kind = "a part of a second factor"    // in the answer with which it was made
	hook     kind = "a secret of a webhook"        // in the answer with which it was made
	session  kind = "a token of a session"         // in the answer with which it was issued
	email    kind = "an e-mail address"            // in answers to its owner, and to admins
	inside   kind = "the cause of a store's error" // in the log only
)

// canary is a secret that is looked for in everything that the server gives away.
type canary struct {
	kind  kind
	forms []string // in which it may be written
	owner *person
}

// seen is a text that the server has given away.
type seen struct {
	where string // the name of the operation, or of another place
	log   bool
	ok    bool // an answer of status 2xx
	to    *person
	admin bool // the reader is an admin
	text  string
}

// canaries holds all canaries and all texts.
type canaries struct {
	planted []canary
	known   map[string]bool
	texts   []seen
	admin   *person
}

// plant adds a secret. A value has the kind and the owner with which it was planted first.
func (c *canaries) plant(k kind, owner *person, value string) {
	if value == "" || c.known[value] {
		return
	}
	if c.known == nil {
		c.known = map[string]bool{}
	}
	c.known[value] = true
	quoted, err := json.Marshal(value)
	if err != nil {
		panic(err) // never, for a string
	}
	forms := []string{
		value, strings.Trim(string(quoted), `"`), url.QueryEscape(value), url.PathEscape(value), hex.EncodeToString([]byte(value)),
		base64.StdEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value)),
	}
	slices.Sort(forms)
	c.planted = append(c.planted, canary{k, slices.Compact(forms), owner})
}

// leaks returns a line for each canary that was seen where it may not be.
func (c *canaries) leaks() (leaks []string) {
	for _, s := range c.texts {
		for _, p := range c.planted {
			if p.may(s) {
				continue
			}
			for _, form := range p.forms {
				if i := strings.Index(s.text, form); i >= 0 {
					leaks = append(leaks, fmt.Sprintf("%s has %s: %.300s", s.where, p.kind, s.text[max(0, i-100):]))
					break
				}
			}
		}
	}
	slices.Sort(leaks)
	return slices.Compact(leaks)
}

// These operations may return secrets or addresses: hooking the secret of a webhook, issuing new tokens,
// accounts the account of the caller, and administration any account, to an admin.
var (
	hooking        = []string{"createWebhook", "rotateWebhook"}
	issuing        = []string{"signUp", "logIn", "refresh"}
	accounts       = append([]string{"me", "changeMe", "exportMe", "setUpSecondFactor"}, issuing...)
	administration = []string{"adminUsers", "adminUser", "changeUser"}
)

// may reports whether a text may have a canary.
func (c canary) may(s seen) bool {
	own := s.ok && c.owner == s.to
	switch c.kind {
	case factor:
		return own && slices.Contains([]string{"setUpSecondFactor", "confirmSecondFactor"}, s.where)
	case hook:
		return own && slices.Contains(hooking, s.where)
	case session:
		return own && slices.Contains(issuing, s.where)
	case email:
		return own && slices.Contains(accounts, s.where) || s.ok && s.admin && slices.Contains(administration, s.where)
	case inside:
		return s.log
	}
	return false
}
