package porttest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// races tests concurrent use cases, through the services.
var races = []test{
	{"two hundred sends with fifty tokens send fifty messages", inCommunity(manySends)},
	{"sends with one key send one message", inCommunity(sendsWithOneKey)},
	{"twenty accepts of one reservation succeed once", inCommunity(manyAccepts)},
	{"concurrent accepts, declines and withdrawals leave one outcome", inCommunity(acceptDeclineCancel)},
	{"accepted reservations of a local never overlap", inCommunity(overlappingAccepts)},
	{"concurrent accepts spend a voyager's tokens, and no more", inCommunity(poorVoyager)},
	{"a busy wallet does not starve other commands", inCommunity(busyWallet)},
	{"a sign-up retried with its key creates one user and one bonus", inCommunity(signUpRetried)},
	{"concurrent sign-ups with one address create one user", inCommunity(signUpRace)},
	{"concurrent opens of a conversation create one", inCommunity(openRace)},
	{"concurrent opens stay within the quota", inStrictCommunity(openQuota)},
	{"concurrent proposals stay within the quota", inStrictCommunity(proposalQuota)},
	{"concurrent proposals leave so many pending in a conversation", inStrictCommunity(pendingQuota)},
	{"two hundred sends without an answer store as many as allowed", inShyCommunity(manyUnanswered)},
	{"concurrent proposals without an answer are as many as allowed", inShyCommunity(unansweredProposals)},
	{"no message is older than one that was acknowledged before", inCommunity(clocksApart)},
	{"concurrent uses of a refresh token end its session", inCommunity(refreshRace)},
	{"concurrent settlements pay once", inCommunity(settlers)},
	{"one active admin always stays", inCommunity(lastAdmin)},
}

func manySends(c *community) {
	for round := range rounds(1, 100) {
		ada, ben := c.join(fmt.Sprintf("ada%d", round)), c.join(fmt.Sprintf("ben%d", round))
		talk := c.talk(ada, ben)
		errs := concurrently(200, func(i int) error {
			_, err := c.messaging.Send(c.ctx, ada.ID, talk.ID, messaging.Draft{Content: fmt.Sprint("no. ", i)}, "")
			return err
		})
		c.outcomes("sends", errs, 50, fault.InsufficientTokens)
		c.balanced(ada.ID, 0)
		p, err := page.All(messaging.PlaceOfMessage, func(after *page.Moment, limit int) ([]messaging.Message, error) {
			got, err := c.messaging.Messages(c.ctx, ben.ID, talk.ID,
				page.Request[page.Moment]{After: after, Limit: limit})
			return got.Items, err
		})
		c.kept("stored messages", len(p), 50, err)
		o, err := c.messaging.Conversation(c.ctx, ben.ID, talk.ID)
		c.kept("unread messages", o.Unread, 50, err)
	}
}

func sendsWithOneKey(c *community) {
	ada, ben := c.join("ada"), c.join("ben")
	talk := c.talk(ada, ben)
	for round := range rounds(3, 40) {
		sent := make([]messaging.Message, 20)
		c.allConcurrently(len(sent), func(i int) (err error) {
			d := messaging.Draft{Content: "once", Attachment: dataURL(png)}
			sent[i], err = c.messaging.Send(c.ctx, ada.ID, talk.ID, d, idempotency.Key(fmt.Sprint("key-", round)))
			return err
		})
		for _, m := range sent {
			c.same("the answer", m, sent[0])
		}
		c.balanced(ada.ID, int64(49-round))
	}
	c.rowCount(ports.Messages, rounds(3, 40))
	c.rowCount(ports.Attachments, rounds(3, 40))
}

func manyAccepts(c *community) {
	for round := range rounds(3, 100) {
		talk := c.talk(c.join(fmt.Sprintf("ada%d", round)), c.join(fmt.Sprintf("ben%d", round)))
		r := c.propose(talk, aWalk(20, 0))
		errs := concurrently(20, func(int) error {
			_, err := c.reservations.Accept(c.ctx, talk.LocalID, r.ID, "")
			return err
		})
		c.outcomes("accepts", errs, 1, reservations.ErrStatus)
		c.balanced(talk.VoyagerID, 30)
	}
}

// acceptDeclineCancel lets the local accept and decline while the voyager withdraws.
func acceptDeclineCancel(c *community) {
	for round := range rounds(8, 200) {
		talk := c.talk(c.join(fmt.Sprintf("ada%d", round)), c.join(fmt.Sprintf("ben%d", round)))
		r := c.propose(talk, aWalk(20, 0))
		errs := concurrently(9, func(i int) error {
			var err error
			switch i % 3 {
			case 0:
				_, err = c.reservations.Accept(c.ctx, talk.LocalID, r.ID, "")
			case 1:
				_, err = c.reservations.Decline(c.ctx, talk.LocalID, r.ID, "")
			case 2:
				_, err = c.reservations.Cancel(c.ctx, talk.VoyagerID, r.ID, "")
			}
			return err
		})
		c.onlyErrors("concurrent moves", errs, reservations.ErrStatus)
		status, want := c.statusOf(r), int64(50)
		if status == reservations.Accepted {
			want = 30
		}
		// Two moves succeed if the reservation was accepted and then cancelled.
		if n := count(errs, nil); n != 1 && (n != 2 || status != reservations.Cancelled) {
			c.Errorf("%d concurrent moves succeeded, and the reservation is %s", n, status)
		}
		c.balanced(talk.VoyagerID, want)
	}
}

func overlappingAccepts(c *community) {
	for round := range rounds(2, 60) {
		local := c.join(fmt.Sprint("local", round))
		var all []reservations.Reservation
		for i := range 5 {
			talk := c.talk(c.join(fmt.Sprint("voyager", round, "-", i)), local)
			for k := range 4 {
				all = append(all, c.propose(talk, aWalk(1, 25*(5*k+i))))
			}
		}
		errs := concurrently(len(all), func(i int) error {
			_, err := c.reservations.Accept(c.ctx, local.ID, all[i].ID, "")
			return err
		})
		c.onlyErrors("concurrent accepts", errs, reservations.ErrOverlap)
		c.checkCalendar(local.ID, all)
	}
}

func poorVoyager(c *community) {
	for round := range rounds(3, 60) {
		ada := c.join(fmt.Sprint("ada", round)) // she has 50 tokens
		var all []reservations.Reservation
		for i := range 8 {
			all = append(all, c.propose(c.talk(ada, c.join(fmt.Sprint("local", round, "-", i))), aWalk(20, 0)))
		}
		errs := concurrently(len(all), func(i int) error {
			_, err := c.reservations.Accept(c.ctx, all[i].LocalID, all[i].ID, "")
			return err
		})
		c.outcomes("accepts", errs, 2, fault.InsufficientTokens)
		c.balanced(ada.ID, 10)
	}
}

// busyWallet accepts and cancels reservations while the voyager keeps sending messages: a unit that
// holds more than the wallet must get the wallet, too.
func busyWallet(c *community) {
	ada, ben := c.join("ada"), c.join("ben")
	c.must(c.grant(c.admin("eve"), ada, tokens.Bonus, 1_000_000))
	talk := c.talk(ada, ben)
	var all []reservations.Reservation
	for i := range rounds(5, 100) {
		all = append(all, c.propose(talk, aWalk(20, 60*i)))
	}
	done := make(chan struct{})
	c.allConcurrently(5, func(i int) error {
		if i == 0 {
			defer close(done)
			for _, r := range all {
				if _, err := c.reservations.Accept(c.ctx, ben.ID, r.ID, ""); err != nil {
					return err
				}
				if _, err := c.reservations.Cancel(c.ctx, ada.ID, r.ID, ""); err != nil {
					return err
				}
			}
			return nil
		}
		for {
			select {
			case <-done:
				return nil
			default:
			}
			d := messaging.Draft{Content: "by the way"}
			if _, err := c.messaging.Send(c.ctx, ada.ID, talk.ID, d, ""); err != nil {
				return err
			}
		}
	})
}

func signUpRetried(c *community) {
	for round := range rounds(3, 60) {
		in := signUp(fmt.Sprint("ada", round))
		got := make([]users.SignedIn, 10)
		sign := func(i int) (err error) {
			got[i], err = c.accounts.SignUp(c.ctx, in, "key")
			return err
		}
		c.allConcurrently(len(got)-1, sign)
		if err := sign(len(got) - 1); err != nil { // one more retry, later
			c.Fatal(err)
		}
		for _, s := range got {
			c.same("the user who was signed up", s.User.ID, got[0].User.ID)
			caller, err := c.accounts.Authenticate(c.ctx, s.AccessToken)
			c.kept("the user who is signed in", caller.UserID, got[0].User.ID, err)
		}
		c.balanced(got[0].User.ID, 50)
	}
	c.rowCount(ports.Users, rounds(3, 60))
}

func signUpRace(c *community) {
	for round := range rounds(3, 60) {
		errs := concurrently(10, func(i int) error {
			in := signUp(fmt.Sprint([]string{"ada", "ADA", "Ada"}[i%3], round))
			_, err := c.accounts.SignUp(c.ctx, in, idempotency.Key(fmt.Sprint("key-", i)))
			return err
		})
		c.outcomes("sign-ups", errs, 1, users.ErrEmailTaken)
	}
	c.rowCount(ports.Users, rounds(3, 60))
}

func openRace(c *community) {
	ben := c.join("ben")
	for round := range rounds(3, 60) {
		ada := c.join(fmt.Sprint("ada", round))
		got := make([]messaging.OpenResult, 10)
		c.allConcurrently(len(got), func(i int) (err error) {
			got[i], err = c.messaging.Open(c.ctx, ada.ID, ben.ID, "")
			return err
		})
		created := filter(got, func(o messaging.OpenResult) bool { return o.Created })
		c.same("the number of callers that created the conversation", len(created), 1)
		for _, o := range got {
			c.same("the conversation", o.Overview, created[0].Overview)
		}
	}
}

// clocksApart sends messages in one conversation from servers whose clocks differ.
func clocksApart(c *community) {
	ada, ben := c.join("ada"), c.join("ben")
	talk := c.talk(ada, ben)
	var mu sync.Mutex
	var latest time.Time // of the acknowledged messages
	seen := func(at time.Time) time.Time {
		mu.Lock()
		defer mu.Unlock()
		if at.After(latest) {
			latest = at
		}
		return latest
	}
	clocks := []time.Duration{0, 500 * time.Millisecond, -500 * time.Millisecond, -3 * time.Hour}
	c.allConcurrently(len(clocks), func(i int) error {
		server := c.communityAt(newWatch(noon.Add(clocks[i])))
		sender := []users.User{ada, ben}[i%2]
		for n := range rounds(8, 24) {
			before := seen(time.Time{})
			m, err := server.messaging.Send(c.ctx, sender.ID, talk.ID, messaging.Draft{Content: fmt.Sprint("no. ", n)}, "")
			if err != nil {
				return err
			}
			if !m.CreatedAt.After(before) {
				return fmt.Errorf("a message has the time %v, one that was acknowledged before has %v", m.CreatedAt, before)
			}
			seen(m.CreatedAt)
		}
		return nil
	})
}

// refreshRace uses one refresh token concurrently, without a step of the clock: as often as there
// may be successors, which all work, and then more often, which revokes the session.
func refreshRace(c *community) {
	for round := range rounds(3, 100) {
		in, err := c.accounts.SignUp(c.ctx, signUp(fmt.Sprint("ada", round)), "")
		if err != nil {
			c.Fatal(err)
		}
		refresh := func(n int, token string) (all []users.SignedIn, errs []error) {
			all = make([]users.SignedIn, n)
			return all, concurrently(n, func(i int) (err error) {
				all[i], err = c.accounts.Refresh(c.ctx, token)
				return err
			})
		}
		successors, errs := refresh(3, in.RefreshToken)
		c.outcomes("refreshes within the grace", errs, 3, users.ErrRefresh)
		for _, s := range successors {
			if _, err := c.accounts.Authenticate(c.ctx, s.AccessToken); err != nil {
				c.Errorf("authenticating after a refresh within the grace returned %v", err)
			}
		}
		got, errs := refresh(8, successors[0].RefreshToken)
		c.outcomes("refreshes beyond the grace", errs, 3, users.ErrRefresh)
		for _, s := range slices.Concat(got, successors, []users.SignedIn{in}) { // the session is revoked with all its tokens
			if s.AccessToken == "" {
				continue
			}
			if _, err := c.accounts.Authenticate(c.ctx, s.AccessToken); !errors.Is(err, users.ErrNotSignedIn) {
				c.Errorf("authenticating with a session whose refresh token was used too often returned %v", err)
			}
			if _, err := c.accounts.Refresh(c.ctx, s.RefreshToken); !errors.Is(err, users.ErrRefresh) {
				c.Errorf("refreshing a session whose refresh token was used too often returned %v", err)
			}
		}
	}
}

func settlers(c *community) {
	for round := range rounds(2, 40) {
		c.clock.set(noon)
		ben := c.join(fmt.Sprint("ben", round))
		var all []reservations.Reservation
		for i := range 6 {
			r := c.propose(c.talk(c.join(fmt.Sprint("ada", round, "-", i)), ben), aWalk(5, 60*i))
			all = append(all, c.accept(r))
		}
		c.clock.set(all[3].EndDate) // the first four have ended
		settled := make([]int, 4)
		c.allConcurrently(len(settled), func(i int) (err error) {
			settled[i], err = c.reservations.Settle(c.ctx)
			return err
		})
		c.same("the number of settled reservations", settled[0]+settled[1]+settled[2]+settled[3], 4)
		c.balanced(ben.ID, 70)
		for i, r := range all {
			c.same("the reservation is completed", c.statusOf(r) == reservations.Completed, i < 4)
		}
		c.clock.set(all[5].EndDate.Add(time.Hour))
		n, err := c.reservations.Settle(c.ctx)
		c.kept("the number of reservations settled later", n, 2, err)
	}
}

// lastAdmin demotes, deactivates and erases all admins concurrently: they change one another and
// erase themselves.
func lastAdmin(c *community) {
	var admins []users.User
	for round := range rounds(4, 100) {
		for i := len(admins); i < 4; i++ {
			admins = append(admins, c.admin(fmt.Sprint("admin", round, "-", i)))
		}
		errs := concurrently(3*len(admins), func(i int) error {
			target, by := admins[i%4].ID, admins[(i+1)%4].ID
			switch i / 4 {
			case 0:
				return c.change(by, target, moderation.AccountChange{Role: ptr(users.RoleUser)})
			case 1:
				return c.change(by, target, moderation.AccountChange{IsActive: ptr(false)})
			default:
				return c.privacy.Erase(c.ctx, target, password, users.Device{})
			}
		})
		c.onlyErrors("concurrent changes of admins", errs, users.ErrLastAdmin, users.ErrAdminsOnly,
			users.ErrNotSignedIn, users.ErrErased)
		admins = filter(admins, func(u users.User) bool {
			now := c.accountOf(u.ID)
			return now.Role == users.RoleAdmin && now.IsActive
		})
		if len(admins) == 0 {
			c.Fatalf("round %d: no active admin is left", round)
		}
	}
}
