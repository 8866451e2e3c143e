package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/client"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// settleTimeout is the time limit for the settlement of a reservation.
const settleTimeout = 30 * time.Second

// journey is the state of a journey.
type journey struct {
	out       io.Writer
	settings  settings
	run       string // random, so that journeys on one server are independent
	anonymous *client.Client

	admin, voyager, local *person
	signedIn              []*person          // voyager and local, while they are signed in
	interests             []httpapi.Interest // shared by voyager and local
	conversation          id.Conversation
	lastMessage           httpapi.Message
	reservation           httpapi.Reservation
}

// travel runs all steps of the story.
func travel(ctx context.Context, out io.Writer, s settings) error {
	anonymous, err := connect(s.Server)
	if err != nil {
		return err
	}
	defer func() { _ = anonymous.Close() }() // no call is under way then
	j := &journey{out: out, settings: s, anonymous: anonymous, run: strings.ToLower(rand.Text()[:10])}
	for i, step := range []struct {
		title string
		take  func(context.Context) error
	}{
		{"The server is ready, and the admin signs in", j.arrive},
		{"Two users sign up, and each gets a bonus", j.signUp},
		{"They fill in their profiles", j.introduce},
		{"They find each other by city and interest", j.find},
		{"The voyager opens a conversation", j.open},
		{"They talk, and each message is charged once", j.talk},
		{"The local proposes an activity, the voyager accepts, and the tokens are held", j.agree},
		{"The activity ends, and the local is paid", j.complete},
		{"A price that the voyager cannot pay is refused, and no balance changes", j.overreach},
		{"The voyager reports the local, and the admin resolves it", j.report},
		{"The ledger is verified", j.verify},
		{"They sign out", j.signOut},
	} {
		fmt.Fprintf(out, "%2d. %s\n", i+1, step.title)
		if err := step.take(ctx); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, strings.ToLower(step.title[:1])+step.title[1:], err)
		}
		if err := j.checkWallets(ctx); err != nil {
			return fmt.Errorf("after step %d: %w", i+1, err)
		}
	}
	fmt.Fprintln(out, "    Everything was as it should be.")
	return nil
}

// connect returns a client for the protocol that the scheme of an address names.
func connect(address string) (*client.Client, error) {
	if strings.HasPrefix(address, "grpc") {
		return client.New(client.GRPC(address))
	}
	return client.New(client.HTTP(address))
}

func (j *journey) say(format string, args ...any) { fmt.Fprintf(j.out, "    "+format+"\n", args...) }

func (j *journey) key(name string) idempotency.Key { return idempotency.Key(j.run + "-" + name) }

// checkWallets compares both wallets with the expected ones, and prints them.
func (j *journey) checkWallets(ctx context.Context) error {
	for _, p := range j.signedIn {
		if err := p.checkWallet(ctx); err != nil {
			return err
		}
		j.say("%s", p)
	}
	return nil
}

// refused returns an error unless got is the error want.
func refused(action string, got, want error) error {
	switch {
	case errors.Is(got, want):
		return nil
	case got == nil:
		return fmt.Errorf("%s: succeeded, want the error: %w", action, want)
	default:
		return fmt.Errorf("%s: want the error: %w, but got: %w", action, want, got)
	}
}

func (j *journey) arrive(ctx context.Context) error {
	if err := j.anonymous.Ready(ctx); err != nil {
		return fmt.Errorf("%s (is the server running? go run ./examples/server): %w", j.settings.Server, err)
	}
	in, err := j.anonymous.SignIn(ctx, j.settings.AdminEmail, j.settings.AdminPassword)
	if err != nil {
		return fmt.Errorf("sign in %s: %w", j.settings.AdminEmail, err)
	}
	j.admin = newPerson(j.anonymous, in)
	return nil
}

func (j *journey) signUp(ctx context.Context) (err error) {
	j.voyager, err = signUp(ctx, j.anonymous, httpapi.SignUp{
		Name: "Vera Voyager", Email: "vera-" + j.run + "@example.org", Password: "one small bag",
	})
	if err != nil {
		return err
	}
	j.local, err = signUp(ctx, j.anonymous, httpapi.SignUp{
		Name: "Luca Local", Email: "luca-" + j.run + "@example.org", Password: "round the corner",
	})
	j.signedIn = []*person{j.voyager, j.local}
	return err
}

func (j *journey) introduce(ctx context.Context) error {
	existing, err := j.anonymous.Interests(ctx, "", httpapi.Paging{Limit: 2})
	if err != nil {
		return err
	}
	j.interests = existing.Items
	for n := len(j.interests); n < 2; n++ { // a server without demo data
		input := httpapi.InterestInput{Name: fmt.Sprintf("Walking %s %d", j.run, n)}
		added, err := j.admin.CreateInterest(ctx, input, j.key(fmt.Sprint("interest-", n)))
		if err != nil {
			return fmt.Errorf("create an interest: %w", err)
		}
		j.interests = append(j.interests, added)
	}
	picked := []id.Interest{j.interests[0].ID, j.interests[1].ID}
	for i, p := range []*person{j.voyager, j.local} {
		age := 31 + 13*i
		first, _, _ := strings.Cut(p.user.Name, " ")
		city, country := j.city(), "Nowhere"
		saved, err := p.SaveProfile(ctx, httpapi.ProfileInput{
			FirstName: &first, Age: &age, City: &city, Country: &country, IsSearchable: true, InterestIDs: &picked,
		})
		if err != nil {
			return fmt.Errorf("save the profile of %s: %w", p.user.Name, err)
		}
		if len(saved.Interests) != 2 {
			return fmt.Errorf("the profile of %s has %d interests, want 2", p.user.Name, len(saved.Interests))
		}
	}
	j.say("both live in %s, and share %s and %s", j.city(), j.interests[0].Name, j.interests[1].Name)
	return nil
}

func (j *journey) city() string { return "Journey " + j.run }

func (j *journey) find(ctx context.Context) error {
	for _, pair := range [][2]*person{{j.voyager, j.local}, {j.local, j.voyager}} {
		seeker, sought := pair[0], pair[1]
		found, err := seeker.Matches(ctx, httpapi.Search{
			City: strings.ToUpper(j.city()), InterestIDs: []id.Interest{j.interests[1].ID},
		}, httpapi.Paging{})
		if err != nil {
			return fmt.Errorf("%s searches: %w", seeker.user.Name, err)
		}
		if len(found.Items) != 1 || found.Items[0].Profile.UserID != sought.user.ID || found.Items[0].Score != 2 {
			return fmt.Errorf("%s found %v, want only %s with a score of 2", seeker.user.Name, found.Items, sought.user.Name)
		}
	}
	return nil
}

func (j *journey) open(ctx context.Context) error {
	c, err := j.voyager.OpenConversation(ctx, j.local.user.ID, j.key("open"))
	if err != nil {
		return err
	}
	again, err := j.voyager.OpenConversation(ctx, j.local.user.ID, "")
	if err != nil {
		return fmt.Errorf("open the conversation again: %w", err)
	}
	if c.ID != again.ID {
		return fmt.Errorf("opening the conversation twice created two, %s and %s", c.ID, again.ID)
	}
	j.conversation = c.ID
	return nil
}

func (j *journey) talk(ctx context.Context) error {
	cost, err := j.firstMessage(ctx)
	if err != nil {
		return err
	}
	for i, line := range []struct {
		speaker *person
		text    string
	}{
		{j.local, "Hello Vera! I could, what would you like to see?"},
		{j.voyager, "Whatever you would show a friend."},
		{j.local, "Then meet me at the fountain. Bring good shoes."},
	} {
		key := j.key(fmt.Sprint("say-", i))
		if j.lastMessage, err = line.speaker.Send(ctx, j.conversation, httpapi.Draft{Content: &line.text}, key); err != nil {
			return fmt.Errorf("send a message of %s: %w", line.speaker.user.Name, err)
		}
		line.speaker.wallet.Balance -= cost
		if err := line.speaker.checkWallet(ctx); err != nil {
			return err
		}
	}
	c, err := j.voyager.Conversation(ctx, j.conversation)
	if err != nil {
		return fmt.Errorf("read the conversation: %w", err)
	}
	if c.UnreadCount != 2 || c.LastMessage == nil || c.LastMessage.ID != j.lastMessage.ID {
		return fmt.Errorf("%s has %d unread messages, want 2, and %s as the last message",
			j.voyager.user.Name, c.UnreadCount, j.lastMessage.ID)
	}
	me, err := j.voyager.Me(ctx)
	if err != nil {
		return fmt.Errorf("read an account: %w", err)
	}
	if c.Closed || me.UnreadCount != c.UnreadCount {
		return fmt.Errorf("the conversation is closed: %t; the account counts %d unread messages, want %d",
			c.Closed, me.UnreadCount, c.UnreadCount)
	}
	marked, err := j.voyager.Read(ctx, j.conversation, j.lastMessage.ID, "")
	if err != nil {
		return fmt.Errorf("mark messages as read: %w", err)
	}
	if marked != 2 {
		return fmt.Errorf("%d messages were marked as read, want 2", marked)
	}
	j.say("a message costs %d", cost)
	return nil
}

// firstMessage sends a message twice with one key, and returns its cost.
func (j *journey) firstMessage(ctx context.Context) (cost int64, err error) {
	text := "Hello Luca! Would you show me your city?"
	first, err := j.voyager.Send(ctx, j.conversation, httpapi.Draft{Content: &text}, j.key("hello"))
	if err != nil {
		return 0, err
	}
	w, err := j.voyager.Wallet(ctx)
	if err != nil {
		return 0, err
	}
	cost = j.voyager.wallet.Balance - w.Balance
	j.voyager.wallet = w
	again, err := j.voyager.Send(ctx, j.conversation, httpapi.Draft{Content: &text}, j.key("hello"))
	if err != nil {
		return 0, fmt.Errorf("send the message again with the same key: %w", err)
	}
	if first.ID != again.ID {
		return 0, fmt.Errorf("sending twice with one key saved two messages, %s and %s", first.ID, again.ID)
	}
	return cost, j.voyager.checkWallet(ctx)
}

func (j *journey) agree(ctx context.Context) error {
	price, err := reservations.ParsePrice("12.50")
	if err != nil {
		return err
	}
	begin := time.Time(j.lastMessage.CreatedAt).Add(5 * time.Second) // by the server's clock
	j.reservation, err = j.local.Propose(ctx, j.conversation, httpapi.Proposal{
		Title: "Round the corner, in good shoes", Price: price,
		Date: httpapi.Time(begin), EndDate: httpapi.Time(begin.Add(2 * time.Second)),
	}, j.key("propose"))
	if err != nil {
		return fmt.Errorf("propose: %w", err)
	}
	_, err = j.local.Accept(ctx, j.reservation.ID, "")
	if err := refused("accept one's own proposal", err, reservations.ErrStatus); err != nil {
		return err
	}
	for range 2 { // as after a lost response
		j.reservation, err = j.voyager.Accept(ctx, j.reservation.ID, j.key("accept"))
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		if j.reservation.Status != reservations.Accepted {
			return fmt.Errorf("the reservation is %s, want %s", j.reservation.Status, reservations.Accepted)
		}
	}
	j.voyager.wallet.Balance -= j.reservation.Tokens
	j.voyager.wallet.Held += j.reservation.Tokens
	j.say("the activity costs %s, which is %d tokens", j.reservation.Price, j.reservation.Tokens)
	return nil
}

func (j *journey) complete(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	poll := time.NewTicker(200 * time.Millisecond)
	defer poll.Stop()
	for j.reservation.Status != reservations.Completed {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("the reservation is still %s: %w", j.reservation.Status, ctx.Err())
		}
		r, err := j.voyager.Reservation(ctx, j.reservation.ID)
		if err != nil {
			return fmt.Errorf("read the reservation: %w", err)
		}
		j.reservation = r
	}
	delay := time.Time(j.reservation.UpdatedAt).Sub(time.Time(j.reservation.EndDate))
	if delay < 0 || delay > 5*time.Second {
		return fmt.Errorf("the reservation was settled %v after its end, want 0 to 5 s", delay)
	}
	j.voyager.wallet.Held -= j.reservation.Tokens
	j.local.wallet.Balance += j.reservation.Tokens
	j.say("the reservation was settled %v after its end", delay)
	return nil
}

func (j *journey) overreach(ctx context.Context) error {
	price, err := reservations.ParsePrice("99999999.99")
	if err != nil {
		return err
	}
	begin := time.Time(j.reservation.UpdatedAt).Add(24 * time.Hour)
	expensive, err := j.voyager.Propose(ctx, j.conversation, httpapi.Proposal{
		Title: "The whole town, for me alone", Price: price,
		Date: httpapi.Time(begin), EndDate: httpapi.Time(begin.Add(time.Hour)),
	}, j.key("expensive"))
	if err != nil {
		return fmt.Errorf("propose: %w", err)
	}
	_, err = j.local.Accept(ctx, expensive.ID, "")
	if err := refused("accept a proposal that costs too much", err, tokens.ErrTooFewTokens); err != nil {
		return err
	}
	cancelled, err := j.voyager.Cancel(ctx, expensive.ID, "")
	if err != nil {
		return fmt.Errorf("cancel the proposal: %w", err)
	}
	if cancelled.Status != reservations.Cancelled {
		return fmt.Errorf("the reservation is %s, want %s", cancelled.Status, reservations.Cancelled)
	}
	return nil
}

func (j *journey) report(ctx context.Context) error {
	message := "Talked about football for two hours."
	complaint := httpapi.Complaint{ReportedUserID: j.local.user.ID, Reason: "Not what was agreed", Message: &message}
	filed, err := j.voyager.Report(ctx, complaint, j.key("report"))
	if err != nil {
		return err
	}
	_, err = j.voyager.Report(ctx, complaint, "")
	if err := refused("report the same user again", err, moderation.ErrReportPending); err != nil {
		return err
	}
	_, err = j.voyager.ReportByID(ctx, filed.ID)
	if err := refused("read a report as a user", err, users.ErrAdminsOnly); err != nil {
		return err
	}
	resolved, err := j.admin.ChangeReport(ctx, filed.ID, httpapi.ReportChange{
		Status: kithttp.Some(moderation.Resolved), AdminNotes: kithttp.Some("They had a laugh about it."),
	})
	if err != nil {
		return fmt.Errorf("resolve the report: %w", err)
	}
	if resolved.Status != moderation.Resolved || resolved.ReviewedBy == nil || *resolved.ReviewedBy != j.admin.user.ID {
		return fmt.Errorf("the report is %s, want %s by the admin", resolved.Status, moderation.Resolved)
	}
	return nil
}

func (j *journey) verify(ctx context.Context) error {
	v, err := j.admin.VerifyLedger(ctx)
	if err != nil {
		return err
	}
	if len(v.Violations) > 0 {
		return fmt.Errorf("there are %d violations: %v", len(v.Violations), v.Violations)
	}
	j.say("%d wallets, %d transactions, %d tokens held, no violation", v.Wallets, v.Transactions, v.Held)
	return nil
}

func (j *journey) signOut(ctx context.Context) error {
	for _, p := range []*person{j.voyager, j.local, j.admin} {
		if err := p.SignOut(ctx, p.refreshToken); err != nil {
			return fmt.Errorf("sign out %s: %w", p.user.Name, err)
		}
		_, err := p.Me(ctx)
		if err := refused("read the account of "+p.user.Name+" after signing out", err, users.ErrNotSignedIn); err != nil {
			return err
		}
	}
	j.signedIn = nil
	return nil
}
