package porttest

import (
	"context"
	"errors"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

func (f *fixture) newSanction(user, by id.User) moderation.Sanction {
	return moderation.Sanction{
		ID: id.Sanction(f.ids.Next()), UserID: user, Kind: moderation.Restriction, Reason: "they swore",
		EndsAt: noon.Add(time.Hour), CreatedBy: by, CreatedAt: noon,
	}
}

func (f *fixture) sanction(s moderation.Sanction) moderation.Sanction {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Moderation().AddSanction(ctx, s) })
	return s
}

func (f *fixture) sanctionOf(sanction id.Sanction) moderation.Sanction {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) (moderation.Sanction, error) {
		return tx.Moderation().Sanction(ctx, sanction)
	})
}

func sanctionKept(f *fixture) {
	ada, eve := f.user("ada"), f.user("eve", admin)
	other := f.sanction(f.newSanction(ada.ID, eve.ID))
	want := f.newSanction(ada.ID, eve.ID)
	want.Kind, want.EndsAt = moderation.Suspension, time.Time{}
	f.sanction(want)
	f.same("the sanction", f.sanctionOf(want.ID), want)

	want.Appeal, want.AppealedAt = "But I\nnever did", noon.Add(time.Minute)
	want.Outcome, want.Answer, want.DecidedBy, want.DecidedAt = moderation.Upheld, "you did", eve.ID, noon.Add(time.Hour)
	handedIn := want
	// These fields never change.
	handedIn.Kind, handedIn.Reason, handedIn.EndsAt, handedIn.CreatedAt = moderation.Warning, "other", noon, noon.Add(time.Second)
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Moderation().SaveSanction(ctx, handedIn) })
	f.same("the sanction after an appeal and an outcome", f.sanctionOf(want.ID), want)
	f.same("the other sanction", f.sanctionOf(other.ID), other)
	err := f.store.View(f.ctx, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Moderation().Sanction(ctx, id.Sanction(f.ids.Next()))
		return err
	})
	if !errors.Is(err, fault.NotFound) {
		f.Errorf("a sanction that does not exist returned %v, want fault.NotFound", err)
	}
}

func sanctionPages(f *fixture) {
	ada, ben, eve := f.user("ada"), f.user("ben"), f.user("eve", admin)
	var all []moderation.Sanction
	for i := range paged {
		s := f.newSanction(ada.ID, eve.ID)
		if i%4 == 0 {
			s.UserID = ben.ID
		}
		s.CreatedAt = tie(i)
		all = append(all, f.sanction(s))
	}
	newest := newestFirst(all, func(s moderation.Sanction) time.Time { return s.CreatedAt },
		func(s moderation.Sanction) id.Sanction { return s.ID })
	pages(f, "the sanctions against a user", filter(newest, func(s moderation.Sanction) bool { return s.UserID == ada.ID }),
		moderation.PlaceOfSanction,
		func(ctx context.Context, tx ports.Tx, after *page.Moment, limit int) ([]moderation.Sanction, error) {
			return tx.Moderation().Sanctions(ctx, ada.ID, after, limit)
		})
}

// suspendedAndBack tests that a suspension hides its user from others, and that nothing of theirs is
// lost when it is lifted.
func suspendedAndBack(c *community) {
	admin, ada, ben := c.admin("admin"), c.join("ada"), c.join("ben")
	talk := c.talk(ada, ben)
	r := c.accept(c.propose(talk, aWalk(20, 0)))
	in, err := c.accounts.SignIn(c.ctx, users.SignIn{Email: ben.Email, Password: password})
	c.must(err)
	s, err := c.moderation.Impose(c.ctx, admin.ID, ben.ID, moderation.SanctionInput{Kind: moderation.Suspension, Reason: "rude"}, "")
	c.must(err)
	if _, err := c.accounts.Refresh(c.ctx, in.RefreshToken); !errors.Is(err, users.ErrRefresh) {
		c.Errorf("refreshing after a suspension returned %v", err)
	}
	see := func() bool {
		o, err := c.messaging.Conversation(c.ctx, ada.ID, talk.ID)
		c.must(err)
		return !o.Closed
	}
	c.same("that the conversation is open while the other is suspended", see(), false)
	if _, err := c.accounts.SignIn(c.ctx, users.SignIn{Email: ben.Email, Password: password}); err != nil {
		c.Errorf("signing in while suspended returned %v", err)
	}
	_, err = c.moderation.Appeal(c.ctx, ben.ID, s.ID, "I am sorry", "")
	c.must(err)
	_, err = c.moderation.Decide(c.ctx, admin.ID, s.ID, moderation.Decision{Outcome: moderation.Lifted})
	c.must(err)
	c.same("that the conversation is open after that", see(), true)
	_, err = c.reservations.Cancel(c.ctx, ben.ID, r.ID, "")
	c.must(err)
	c.held(ada.ID, 50, 0)
}
