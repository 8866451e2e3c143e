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
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// patience is how long a reservation may take to be settled before the journey gives up.
const patience = 30 * time.Second

// journey is what is known on the way.
type journey struct {
	out      io.Writer
	settings settings
	run      string // different each time, so that journeys do not meet
	nobody   *httpapi.Client

	admin, voyager, local *person
	signedIn              []*person          // voyager and local, from step to step
	interests             []httpapi.Interest // that the two share
	conversation          id.Conversation
	lastSaid              httpapi.Message
	reservation           httpapi.Reservation
}

// travel lives through the whole story.
func travel(ctx context.Context, out io.Writer, s settings) error {
	nobody, err := httpapi.NewClient(s.Server)
	if err != nil {
		return err
	}
	j := &journey{out: out, settings: s, nobody: nobody, run: strings.ToLower(rand.Text()[:10])}
	for i, step := range []struct {
		title string
		take  func(context.Context) error
	}{
		{"The server is ready, and the admin signs in", j.arrive},
		{"Two people sign up, each with a bonus", j.signUp},
		{"They fill in their profiles", j.introduce},
		{"They find each other by what they share", j.find},
		{"The voyager opens a conversation", j.open},
		{"They talk, and every message is counted once", j.talk},
		{"The local proposes an activity, the voyager accepts, and the tokens are held", j.agree},
		{"The activity ends, and the local is paid", j.complete},
		{"What the voyager cannot pay is refused, and changes nothing", j.overreach},
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

func (j *journey) say(format string, args ...any) { fmt.Fprintf(j.out, "    "+format+"\n", args...) }

func (j *journey) key(name string) idempotency.Key { return idempotency.Key(j.run + "-" + name) }

// checkWallets compares both wallets with what they must hold, and shows them.
func (j *journey) checkWallets(ctx context.Context) error {
	for _, p := range j.signedIn {
		if err := p.checkWallet(ctx); err != nil {
			return err
		}
		j.say("%s", p)
	}
	return nil
}

// refused sees that something was refused for the right reason.
func refused(what string, got, want error) error {
	switch {
	case errors.Is(got, want):
		return nil
	case got == nil:
		return fmt.Errorf("%s: this was taken, and must be refused: %w", what, want)
	default:
		return fmt.Errorf("%s: must be refused: %w, but the answer was: %w", what, want, got)
	}
}

func (j *journey) arrive(ctx context.Context) error {
	if err := j.nobody.Ready(ctx); err != nil {
		return fmt.Errorf("%s (is the server running? go run ./examples/server): %w", j.settings.Server, err)
	}
	in, err := j.nobody.SignIn(ctx, j.settings.AdminEmail, j.settings.AdminPassword)
	if err != nil {
		return fmt.Errorf("sign in %s: %w", j.settings.AdminEmail, err)
	}
	j.admin = newPerson(j.nobody, in)
	return nil
}

func (j *journey) signUp(ctx context.Context) (err error) {
	j.voyager, err = signUp(ctx, j.nobody, httpapi.SignUp{
		Name: "Vera Voyager", Email: "vera-" + j.run + "@example.org", Password: "one small bag",
	})
	if err != nil {
		return err
	}
	j.local, err = signUp(ctx, j.nobody, httpapi.SignUp{
		Name: "Luca Local", Email: "luca-" + j.run + "@example.org", Password: "round the corner",
	})
	j.signedIn = []*person{j.voyager, j.local}
	return err
}

func (j *journey) introduce(ctx context.Context) error {
	there, err := j.nobody.Interests(ctx, httpapi.Paging{Limit: 2})
	if err != nil {
		return err
	}
	j.interests = there.Items
	for n := len(j.interests); n < 2; n++ { // a server without demo data
		added, err := j.admin.CreateInterest(ctx, httpapi.InterestInput{Name: fmt.Sprintf("Walking %s %d", j.run, n)}, j.key(fmt.Sprint("interest-", n)))
		if err != nil {
			return fmt.Errorf("add an interest: %w", err)
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
			return fmt.Errorf("%s found %v, want %s alone, with a score of 2", seeker.user.Name, found.Items, sought.user.Name)
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
		return fmt.Errorf("open it again: %w", err)
	}
	if c.ID != again.ID {
		return fmt.Errorf("opening it again made another one: %s and %s", c.ID, again.ID)
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
		if j.lastSaid, err = line.speaker.Send(ctx, j.conversation, httpapi.Draft{Content: &line.text}, key); err != nil {
			return fmt.Errorf("%s says something: %w", line.speaker.user.Name, err)
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
	if c.UnreadCount != 2 || c.LastMessage == nil || c.LastMessage.ID != j.lastSaid.ID {
		return fmt.Errorf("%s sees %d unread messages, want 2, and the last one said", j.voyager.user.Name, c.UnreadCount)
	}
	marked, err := j.voyager.Read(ctx, j.conversation, j.lastSaid.ID, "")
	if err != nil {
		return fmt.Errorf("mark as read: %w", err)
	}
	if marked != 2 {
		return fmt.Errorf("%d messages were marked as read, want 2", marked)
	}
	j.say("a message costs %d", cost)
	return nil
}

// firstMessage sends one message twice with one key, and finds out what it cost.
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
		return 0, fmt.Errorf("send it again with the same key: %w", err)
	}
	if first.ID != again.ID {
		return 0, fmt.Errorf("sending twice with one key stored two messages, %s and %s", first.ID, again.ID)
	}
	return cost, j.voyager.checkWallet(ctx)
}

func (j *journey) agree(ctx context.Context) error {
	price, err := reservations.ParsePrice("12.50")
	if err != nil {
		return err
	}
	begin := time.Time(j.lastSaid.CreatedAt).Add(5 * time.Second) // by the server's clock
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
	for range 2 { // as after a lost answer
		j.reservation, err = j.voyager.Accept(ctx, j.reservation.ID, j.key("accept"))
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		if j.reservation.Status != reservations.Accepted {
			return fmt.Errorf("it is %s, want %s", j.reservation.Status, reservations.Accepted)
		}
	}
	j.voyager.wallet.Balance -= j.reservation.Tokens
	j.voyager.wallet.Held += j.reservation.Tokens
	j.say("it costs %s, which is %d tokens", j.reservation.Price, j.reservation.Tokens)
	return nil
}

func (j *journey) complete(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for j.reservation.Status != reservations.Completed {
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("the reservation is still %s: %w", j.reservation.Status, ctx.Err())
		}
		r, err := j.voyager.Reservation(ctx, j.reservation.ID)
		if err != nil {
			return fmt.Errorf("read the reservation: %w", err)
		}
		j.reservation = r
	}
	late := time.Time(j.reservation.UpdatedAt).Sub(time.Time(j.reservation.EndDate))
	if late < 0 || late > 5*time.Second {
		return fmt.Errorf("it was settled %v after its end, want 0 to 5 s", late)
	}
	j.voyager.wallet.Held -= j.reservation.Tokens
	j.local.wallet.Balance += j.reservation.Tokens
	j.say("it was settled %v after its end", late)
	return nil
}

func (j *journey) overreach(ctx context.Context) error {
	price, err := reservations.ParsePrice("99999999.99")
	if err != nil {
		return err
	}
	begin := time.Time(j.reservation.UpdatedAt).Add(24 * time.Hour)
	dear, err := j.voyager.Propose(ctx, j.conversation, httpapi.Proposal{
		Title: "The whole town, for me alone", Price: price,
		Date: httpapi.Time(begin), EndDate: httpapi.Time(begin.Add(time.Hour)),
	}, j.key("dear"))
	if err != nil {
		return fmt.Errorf("propose: %w", err)
	}
	_, err = j.local.Accept(ctx, dear.ID, "")
	if err := refused("accept it", err, tokens.ErrTooFewTokens); err != nil {
		return err
	}
	withdrawn, err := j.voyager.Cancel(ctx, dear.ID, "")
	if err != nil {
		return fmt.Errorf("withdraw it: %w", err)
	}
	if withdrawn.Status != reservations.Cancelled {
		return fmt.Errorf("it is %s, want %s", withdrawn.Status, reservations.Cancelled)
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
	if err := refused("report them again", err, moderation.ErrReportPending); err != nil {
		return err
	}
	_, err = j.voyager.ReportByID(ctx, filed.ID)
	if err := refused("read the report without being an admin", err, users.ErrAdminsOnly); err != nil {
		return err
	}
	resolved, err := j.admin.ChangeReport(ctx, filed.ID, httpapi.ReportChange{
		Status: kithttp.Some(moderation.Resolved), AdminNotes: kithttp.Some("They had a laugh about it."),
	})
	if err != nil {
		return fmt.Errorf("resolve it: %w", err)
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
		if err := refused("read the account of "+p.user.Name+", who is signed out", err, users.ErrNotSignedIn); err != nil {
			return err
		}
	}
	j.signedIn = nil
	return nil
}
