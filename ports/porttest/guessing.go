package porttest

import (
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// guessing tests that passwords cannot be guessed, through the services.
var guessing = []test{
	{"of concurrent wrong passwords, ten are compared", inGuarded(tenCompared)},
	{"right passwords are not counted, however many there are", inGuarded(rightPasswords)},
	{"strangers do not lock out a network from which the account signed in", inGuarded(knownNetwork)},
	{"of concurrent sign-ins with one code, one is let in", inCommunity(oneCodeSignsInOnce)},
	{"an erasure removes the counts of the account", inGuarded(triesErased)},
}

// inGuarded is inCommunity with the default limits of tries.
func inGuarded(test func(c *community)) func(f *fixture) {
	return func(f *fixture) {
		f.Helper()
		c := f.communityAt(newWatch(noon), func(p *services.Policies) {
			d := users.DefaultPolicy()
			p.Users.MaxWrong, p.Users.MaxResets, p.Users.MaxResetsFrom = d.MaxWrong, d.MaxResets, d.MaxResetsFrom
		})
		test(c)
		c.audited()
	}
}

func (c *community) signIn(email, password string, from users.Device) error {
	_, err := c.accounts.SignIn(c.ctx, users.SignIn{Email: email, Password: password, From: from})
	return err
}

// compared fails the test unless as many of the errors are of wrong passwords, and all others of too
// many tries.
func (c *community) compared(what string, errs []error, want int) {
	c.Helper()
	n := 0
	for _, err := range errs {
		switch {
		case errors.Is(err, users.ErrSignIn):
			n++
		case !errors.Is(err, users.ErrTooManyTries):
			c.Errorf("%s: got %v", what, err)
		}
	}
	c.same(what+": the number of compared passwords", n, want)
}

func tenCompared(c *community) {
	const n = 24
	for round := range rounds(1, 20) {
		known, unknown := c.join(fmt.Sprint("ada", round)).Email, fmt.Sprintf("nobody%d@example.org", round)
		for i, email := range []string{known, unknown} {
			c.compared("one address from many networks", concurrently(n, func(from int) error {
				return c.signIn(email, "wrong horse", device("203.%d.%d.%d", round, i, from))
			}), 10)
			c.waits("another try", c.signIn(email, "wrong horse", device("203.%d.9.9", round)), time.Second)
		}
		c.compared("many addresses from one network", concurrently(n, func(i int) error {
			return c.signIn(fmt.Sprintf("%d-%s", i, unknown), "wrong horse", device("2001:db8:%x:1::%x", round, i))
		}), 10)
	}
}

func rightPasswords(c *community) {
	ada := c.join("ada")
	for i := range 30 {
		c.must(c.signIn(ada.Email, password, device("192.0.2.%d", i%3)))
	}
	for _, err := range concurrently(8, func(int) error { return c.signIn(ada.Email, password, device("192.0.2.9")) }) {
		c.must(err)
	}
	c.compared("wrong passwords after right ones", concurrently(12, func(i int) error {
		return c.signIn(ada.Email, "wrong horse", device("203.0.113.%d", i))
	}), 10)
}

func knownNetwork(c *community) {
	ada := c.join("ada")
	home, stranger := device("192.0.2.1"), device("203.0.113.1")
	c.must(c.signIn(ada.Email, password, home))
	for range 10 {
		c.compared("a stranger", []error{c.signIn(ada.Email, "wrong horse", stranger)}, 1)
	}
	c.waits("a stranger's next try", c.signIn(ada.Email, password, stranger), time.Second)
	c.waits("a try from a neighbour's network", c.signIn(ada.Email, password, device("192.0.2.2")), time.Second)
	c.must(c.signIn(ada.Email, password, home))
	c.must(c.accounts.ChangePassword(c.ctx, ada.ID, password, "another horse", home))
	c.must(c.signIn(ada.Email, "another horse", home))
	for range 10 {
		c.compared("at home", []error{c.signIn(ada.Email, "wrong horse", home)}, 1)
	}
	c.waits("the next try at home", c.signIn(ada.Email, "another horse", home), time.Second)
	c.clock.set(noon.Add(time.Second))
	c.must(c.signIn(ada.Email, "another horse", home))
	c.must(c.signIn(ada.Email, "another horse", device("192.0.2.2")))
}

func triesErased(c *community) {
	ada, home := c.join("ada"), device("192.0.2.1")
	c.must(c.signIn(ada.Email, password, home))
	for i := range 3 {
		c.compared("a stranger", []error{c.signIn(ada.Email, "wrong horse", device("203.0.113.%d", i))}, 1)
	}
	c.must(c.accounts.ForgotPassword(c.ctx, ada.Email, home))
	c.must(c.privacy.Erase(c.ctx, ada.ID, password, home))
	c.rowCount(ports.Tries, 3+1+1) // of networks: the strangers', that of the sign-in, and that of the request
	c.clock.set(noon.Add(users.DefaultPolicy().CountWindow))
	n, err := c.accounts.PurgeTries(c.ctx)
	c.must(err)
	c.same("the number of purged counts", n, 5)
}
