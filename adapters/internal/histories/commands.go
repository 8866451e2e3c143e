package histories

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

// step draws and runs the next step.
func (h *history) step() {
	switch n := h.number64("step", 1, 100); {
	case n <= 8:
		h.sendTogether()
	case n <= 12:
		h.repeatTogether()
	case n <= 20:
		h.clock.Advance(time.Duration(h.number64("minutes", 1, 90)) * time.Minute)
	case n <= 35:
		h.run(h.question())
	default:
		h.run(h.command())
	}
}

// sendTogether sends messages from different users concurrently, at most one in each conversation:
// the times of two messages in one conversation would depend on their order.
func (h *history) sendTogether() {
	var all []command
	senders, talks := map[id.User]bool{}, map[id.Conversation]bool{}
	for range lanes {
		t := h.talk()
		if by := h.participant(t.VoyagerID, t.LocalID); !senders[by] && !talks[t.ID] {
			senders[by], talks[t.ID] = true, true
			all = append(all, h.send(by, t.ID, messaging.Draft{Content: "concurrent"}, ""))
		}
	}
	h.together(all, false)
}

// repeatTogether runs one command several times concurrently, with the same key.
func (h *history) repeatTogether() {
	key := idempotency.Key(fmt.Sprintf("together-%d", h.number))
	t, r := h.talk(), h.reservation()
	by := h.participant(t.VoyagerID, t.LocalID)
	c := draw(h, "repeated",
		h.send(by, t.ID, messaging.Draft{Content: "once"}, key),
		h.propose(by, t.ID, h.proposal(), key),
		h.move("accept", h.participant(r.VoyagerID, r.LocalID), r.ID, key),
		h.move("cancel", h.participant(r.VoyagerID, r.LocalID), r.ID, key),
	)
	h.together([]command{c, c, c, c}[:lanes], true)
}

// command draws a command that writes to the store unless it returns an error.
func (h *history) command() command {
	t, r := h.talk(), h.reservation()
	by := h.participant(t.VoyagerID, t.LocalID)
	concerned := h.participant(r.VoyagerID, r.LocalID)
	switch draw(h, "command", "sign up", "sign in", "change me", "change password", "erase", "save profile", "open",
		"send", "send", "send", "picture", "read", "propose", "propose", "accept", "accept", "decline", "cancel", "settle", "end", "block",
		"unblock", "report", "report message", "change report", "change user", "sanction", "decide", "appeal", "post tokens", "post tokens", "create interest", "change interest", "purge") {
	case "sign up":
		return h.signUp(draw(h, "name", names...), h.key())
	case "sign in":
		return h.signIn(draw(h, "spelling", "", " ", "\u200b")+email(draw(h, "name", names...))+draw(h, "spelling", "", "\u00a0"), draw(h, "password", password, "new horse"))
	case "change me":
		return h.changeMe(h.person(), draw(h, "new name", "Ada L.", "", " Ada\tL.\u200b", "É\u0301", "\u3164", "\u202eAda"))
	case "change password":
		return h.changePassword(h.person(), draw(h, "password", password, "new horse"))
	case "erase":
		return h.erase(h.person(), draw(h, "password", password, "new horse"))
	case "save profile":
		p := matching.Profile{
			FirstName: draw(h, "first name", "", "Ada"), Age: draw(h, "age", 0, 17, 18, 40, 120), City: draw(h, "city", "", "Köln", "KÖLN ", "Ko\u0308ln", "Koln"),
			Country: draw(h, "country", "", "de", "DE"), IsSearchable: h.chance("searchable", 80),
		}
		return h.saveProfile(h.person(), p, h.picked())
	case "open":
		return h.openTalk(h.person(), h.person(), h.key())
	case "send":
		return h.send(by, t.ID, messaging.Draft{Content: draw(h, "content", "hello", "", "字", " \u200b", "e\u0301 ")}, h.key())
	case "picture":
		a := messaging.Attachment{MediaType: "image/png", Bytes: community.Picture(10, 10)}
		return h.send(by, t.ID, messaging.Draft{Attachment: messaging.ParseDataURL([]byte(a.DataURL()))}, h.key())
	case "read":
		m := h.message()
		if m.ConversationID != t.ID && h.chance("of this conversation", 80) {
			for _, c := range h.known.talks {
				if c.ID == m.ConversationID {
					t, by = c, h.participant(c.VoyagerID, c.LocalID)
				}
			}
		}
		return h.read(by, t.ID, m.ID, h.key())
	case "propose":
		return h.propose(by, t.ID, h.proposal(), h.key())
	case "accept", "decline", "cancel":
		return h.move(draw(h, "move", "accept", "accept", "decline", "cancel"), concerned, r.ID, h.key())
	case "settle":
		return h.settle()
	case "end":
		return h.endReservation(h.admin(), r.ID, draw(h, "status", reservations.Cancelled, reservations.Completed, reservations.Declined))
	case "block", "unblock":
		return h.block(h.person(), h.person(), h.chance("block", 50))
	case "report":
		return h.reportUser(h.person(), h.person(), h.key())
	case "report message":
		return h.reportMessage(by, h.participant(t.VoyagerID, t.LocalID), h.message().ID, h.key())
	case "change report":
		return h.changeReport(h.admin(), h.report(), draw(h, "status", moderation.Reviewed, moderation.Resolved, moderation.Dismissed))
	case "change user":
		return h.changeUser(h.admin(), h.person(), h.chance("active", 70), draw(h, "role", users.RoleUser, users.RoleUser, users.RoleAdmin))
	case "sanction":
		end := draw(h, "end", time.Time{}, h.clock.Now().Add(time.Hour))
		return h.impose(h.admin(), h.person(), draw(h, "kind", moderation.Warning, moderation.Restriction, moderation.Suspension), end, h.key())
	case "decide":
		return h.decide(h.admin(), h.sanction(), draw(h, "outcome", moderation.Lifted, moderation.Lifted, moderation.Upheld))
	case "appeal":
		return h.appeal(h.person(), h.sanction(), h.key())
	case "post tokens":
		return h.postTokens(h.admin(), h.person(), draw(h, "type", tokens.AdminAdjustment, tokens.Bonus, tokens.Penalty, tokens.Withdrawal),
			h.number64("amount", -60, 60), h.key())
	case "create interest":
		return h.createInterest(draw(h, "interest", "Hiking", "HIKING ", "\u00a0Chess", "Straße", "STRASSE"), h.key())
	case "change interest":
		return h.changeInterest(h.admin(), draw(h, "interest", h.known.interests...), draw(h, "new name", "Hiking", "chess", "Cooking"), h.chance("active", 60))
	default:
		return h.purge()
	}
}

func (h *history) proposal() reservations.Proposal {
	price, err := reservations.ParsePrice(draw(h, "price", "0", "0.01", "5.00", "12.50", "49.99", "200"))
	if err != nil {
		h.Fatal(err)
	}
	begins := h.clock.Now().Add(time.Duration(h.number64("begins", -1, 6)) * 30 * time.Minute)
	return reservations.Proposal{
		Title: "walk", Price: price, Date: begins, EndDate: begins.Add(time.Duration(h.number64("lasts", 0, 4)) * 30 * time.Minute),
	}
}

func (h *history) signUp(name string, key idempotency.Key) command {
	return command{
		name: fmt.Sprintf("%s signs up, key %q", name, key),
		do: func(ctx context.Context, c *lane) (any, error) {
			in, err := c.Users.SignUp(ctx, users.SignUp{Name: name, Email: email(name), Password: password}, key)
			return in.User, err // without the tokens, which are random
		},
		learn: h.known.learnUser,
	}
}

func (h *history) signIn(email, password string) command {
	return command{name: fmt.Sprintf("%s signs in with %q", email, password), do: func(ctx context.Context, c *lane) (any, error) {
		in, err := c.Users.SignIn(ctx, users.SignIn{Email: email, Password: password})
		return in.User, err
	}}
}

func (h *history) appoint(email string) command {
	return command{name: email + " is made an admin", do: func(ctx context.Context, c *lane) (any, error) {
		return c.Moderation.MakeAdmin(ctx, email)
	}}
}

func (h *history) changeMe(by id.User, name string) command {
	return command{name: fmt.Sprintf("%s changes their name to %q", by, name), do: func(ctx context.Context, c *lane) (any, error) {
		return c.Users.ChangeMe(ctx, by, users.Change{Name: &name, Bio: &name})
	}}
}

func (h *history) changePassword(by id.User, current string) command {
	return command{name: fmt.Sprintf("%s changes the password, giving %q as the current one", by, current), do: func(ctx context.Context, c *lane) (any, error) {
		return nil, c.Users.ChangePassword(ctx, by, current, "new horse", users.Device{})
	}}
}

func (h *history) erase(by id.User, password string) command {
	return command{name: fmt.Sprintf("%s erases the account, password %q", by, password), do: func(ctx context.Context, c *lane) (any, error) {
		return nil, c.Privacy.Erase(ctx, by, password, users.Device{})
	}}
}

func (h *history) saveProfile(by id.User, p matching.Profile, picked []id.Interest) command {
	return command{name: fmt.Sprintf("%s saves the profile %+v, %v", by, p, picked), do: func(ctx context.Context, c *lane) (any, error) {
		return c.Matching.SaveProfile(ctx, by, p, picked)
	}}
}

func (h *history) openTalk(by, with id.User, key idempotency.Key) command {
	return command{
		name: fmt.Sprintf("%s opens a conversation with %s, key %q", by, with, key),
		do:   func(ctx context.Context, c *lane) (any, error) { return c.Messaging.Open(ctx, by, with, key) },
		learn: learning(&h.known.talks, func(o messaging.OpenResult) messaging.Conversation {
			return o.Overview.Conversation
		}),
	}
}

func (h *history) send(by id.User, in id.Conversation, d messaging.Draft, key idempotency.Key) command {
	return command{
		name:  fmt.Sprintf("%s sends %q to %s, image %t, key %q", by, d.Content, in, !d.Attachment.IsZero(), key),
		do:    func(ctx context.Context, c *lane) (any, error) { return c.Messaging.Send(ctx, by, in, d, key) },
		learn: learning(&h.known.messages, itself[messaging.Message]),
	}
}

func (h *history) read(by id.User, in id.Conversation, upTo id.Message, key idempotency.Key) command {
	return command{name: fmt.Sprintf("%s reads %s up to %s, key %q", by, in, upTo, key), do: func(ctx context.Context, c *lane) (any, error) {
		return c.Messaging.Read(ctx, by, in, upTo, key)
	}}
}

func (h *history) propose(by id.User, in id.Conversation, p reservations.Proposal, key idempotency.Key) command {
	return command{
		name:  fmt.Sprintf("%s proposes %v in %s, key %q", by, p, in, key),
		do:    func(ctx context.Context, c *lane) (any, error) { return c.Reservations.Propose(ctx, by, in, p, key) },
		learn: learning(&h.known.reservations, func(v reservations.View) reservations.Reservation { return v.Reservation }),
	}
}

// move accepts, declines or cancels a reservation.
func (h *history) move(how string, by id.User, r id.Reservation, key idempotency.Key) command {
	return command{name: fmt.Sprintf("%s tries to %s %s, key %q", by, how, r, key), do: func(ctx context.Context, c *lane) (any, error) {
		switch how {
		case "accept":
			return c.Reservations.Accept(ctx, by, r, key)
		case "decline":
			return c.Reservations.Decline(ctx, by, r, key)
		default:
			return c.Reservations.Cancel(ctx, by, r, key)
		}
	}}
}

func (h *history) settle() command {
	return command{name: "reservations are settled", do: func(ctx context.Context, c *lane) (any, error) {
		return c.Reservations.Settle(ctx)
	}}
}

func (h *history) endReservation(by id.User, r id.Reservation, to reservations.Status) command {
	return command{name: fmt.Sprintf("%s ends %s as %s", by, r, to), do: func(ctx context.Context, c *lane) (any, error) {
		return c.Reservations.End(ctx, by, r, reservations.Ending{Status: to, Reason: "so"})
	}}
}

func (h *history) block(by, other id.User, block bool) command {
	return command{name: fmt.Sprintf("%s blocks %s: %v", by, other, block), do: func(ctx context.Context, c *lane) (any, error) {
		if block {
			return nil, c.Moderation.Block(ctx, by, other)
		}
		return nil, c.Moderation.Unblock(ctx, by, other)
	}}
}

func (h *history) reportUser(by, of id.User, key idempotency.Key) command {
	return command{
		name: fmt.Sprintf("%s reports %s, key %q", by, of, key),
		do: func(ctx context.Context, c *lane) (any, error) {
			return c.Moderation.Report(ctx, by, moderation.ReportInput{ReportedUserID: of, Reason: "rude"}, key)
		},
		learn: learnReport(&h.known.reports),
	}
}

func (h *history) reportMessage(by, of id.User, message id.Message, key idempotency.Key) command {
	return command{
		name: fmt.Sprintf("%s reports message %s of %s, key %q", by, message, of, key),
		do: func(ctx context.Context, c *lane) (any, error) {
			return c.Messaging.Report(ctx, by, messaging.ReportInput{
				ReportInput: moderation.ReportInput{ReportedUserID: of, Reason: "rude"}, MessageID: message,
			}, key)
		},
		learn: learnReport(&h.known.reports),
	}
}

func (h *history) changeReport(by id.User, report id.Report, status moderation.Status) command {
	return command{name: fmt.Sprintf("%s moves report %s to %s", by, report, status), do: func(ctx context.Context, c *lane) (any, error) {
		notes := "seen"
		return c.Moderation.ChangeReport(ctx, by, report, moderation.ReportChange{Status: &status, Notes: &notes})
	}}
}

func (h *history) changeUser(by, user id.User, active bool, role users.Role) command {
	return command{name: fmt.Sprintf("%s makes %s active: %v, %s", by, user, active, role), do: func(ctx context.Context, c *lane) (any, error) {
		return c.Moderation.ChangeUser(ctx, by, user, moderation.AccountChange{IsActive: &active, Role: &role, Reason: "so", SignedInAt: h.clock.Now()})
	}}
}

func (h *history) postTokens(by, user id.User, t tokens.Type, amount int64, key idempotency.Key) command {
	return command{name: fmt.Sprintf("%s posts %s of %d to %s, key %q", by, t, amount, user, key), do: func(ctx context.Context, c *lane) (any, error) {
		return c.Moderation.PostTokens(ctx, by, user, moderation.Adjustment{Type: t, Amount: amount, Reason: "so"}, key)
	}}
}

func (h *history) createInterest(name string, key idempotency.Key) command {
	return command{
		name: fmt.Sprintf("an admin creates the interest %q, key %q", name, key),
		do: func(ctx context.Context, c *lane) (any, error) {
			return c.Matching.CreateInterest(ctx, h.known.people[0].ID, matching.InterestChange{Name: &name}, key)
		},
		learn: learning(&h.known.interests, func(i matching.Interest) id.Interest { return i.ID }),
	}
}

func (h *history) changeInterest(by id.User, interest id.Interest, name string, active bool) command {
	return command{name: fmt.Sprintf("interest %s is renamed to %q, active: %v", interest, name, active), do: func(ctx context.Context, c *lane) (any, error) {
		return c.Matching.ChangeInterest(ctx, by, interest, matching.InterestChange{Name: &name, IsActive: &active})
	}}
}

func (h *history) purge() command {
	return command{name: "expired records are purged", do: func(ctx context.Context, c *lane) (any, error) {
		sessions, err := c.Users.PurgeSessions(ctx)
		if err != nil {
			return nil, err
		}
		keys, err := idempotency.Purge(ctx, c.Store, h.clock.Now)
		return [2]int{sessions, keys}, err
	}}
}
