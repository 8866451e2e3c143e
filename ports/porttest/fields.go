package porttest

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// fields tests that every exported field of every stored type comes back from each method that
// reads it. The values are made by reflection, so a new field of a type in core is tested without a
// change to the kit.
var fields = []test{
	{"users.User", filledTwice(userFields)},
	{"users.Session and RefreshToken", filledTwice(sessionFields)},
	{"users.Reset", filledTwice(resetFields)},
	{"users.Tries", filledTwice(triesFields)},
	{"users.SecondFactor", filledTwice(factorFields)},
	{"events.Event", filledTwice(eventFields)},
	{"events.Subscription and SetAside", filledTwice(subscriptionFields)},
	{"webhooks.Endpoint", filledTwice(webhookFields)},
	{"tokens.Wallet and Transaction", filledTwice(ledgerFields)},
	{"idempotency.Record", filledTwice(recordFields)},
	{"moderation.Report", filledTwice(reportFields)},
	{"moderation.ReportedMessage", filledTwice(reportedMessageFields)},
	{"moderation.Sanction", filledTwice(sanctionFields)},
	{"moderation.Block", filledTwice(blockFields)},
	{"moderation.AuditRecord", filledTwice(auditFields)},
	{"matching.Interest", filledTwice(interestFields)},
	{"matching.Profile", filledTwice(profileFields)},
	{"messaging.Conversation", filledTwice(conversationFields)},
	{"messaging.Message and Attachment", filledTwice(messageFields)},
	{"reservations.Reservation", filledTwice(reservationFields)},
	{"notifications.Preference and Notice", filledTwice(notificationFields)},
}

// filledTwice returns a test that runs twice, so that each bool of a value is true once and false
// once.
func filledTwice(run func(f *fixture, fl *filler)) func(f *fixture) {
	return func(f *fixture) {
		fl := f.filler()
		for _, first := range []bool{true, false} {
			fl.truth = first
			run(f, fl)
		}
	}
}

// readsBack reads a value in a unit of its own, and compares it field by field with the one that
// was written.
func readsBack[T any](f *fixture, method string, wrote T, read func(ctx context.Context, tx ports.Tx) (T, error)) {
	f.Helper()
	sameFields(f, method, write(f, read), wrote)
}

// listsBack is readsBack for a method that lists: exactly one of the first 100 items must satisfy
// is.
func listsBack[T any](
	f *fixture, method string, wrote T, is func(T) bool, list func(ctx context.Context, tx ports.Tx) ([]T, error),
) {
	f.Helper()
	found := filter(write(f, list), is)
	if len(found) != 1 {
		f.Errorf("%s listed the value %d times, want once", method, len(found))
		return
	}
	sameFields(f, method, found[0], wrote)
}

func userFields(f *fixture, fl *filler) {
	u := filled[users.User](f, fl)
	u.Version, u.Erased = 1, false
	created := write(f, func(ctx context.Context, tx ports.Tx) (bool, error) {
		return tx.Users().Add(ctx, u, hashOf("x"))
	})
	f.same("created", created, true)
	readsUserBack(f, u)

	saved := filled[users.User](f, fl)
	saved.ID, saved.Email, saved.Version, saved.Erased = u.ID, u.Email, 1, false
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().Save(ctx, saved) })
	saved.Version, saved.Twin = 2, u.Twin
	readsUserBack(f, saved)

	moved := filled[users.User](f, fl)
	moved.ID, moved.Version, moved.Erased = u.ID, 2, false
	set := write(f, func(ctx context.Context, tx ports.Tx) (bool, error) { return tx.Users().SetEmail(ctx, moved) })
	f.same("set", set, true)
	moved.Version = 3
	readsUserBack(f, moved)

	gone := filled[users.User](f, fl)
	gone.ID, gone.Email, gone.Version = u.ID, "", 3
	gone.Role, gone.IsActive, gone.Erased, gone.Twin = users.RoleUser, false, true, false
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().Erase(ctx, gone) })
	gone.Version = 4
	sameFields(f, "users.Repository.User after Erase", f.accountOf(u.ID), gone)
}

// readsUserBack reads an account through every method that returns accounts.
func readsUserBack(f *fixture, want users.User) {
	f.Helper()
	session, _ := f.session(want.ID)
	readsBack(f, "users.Repository.User", want, func(ctx context.Context, tx ports.Tx) (users.User, error) {
		return tx.Users().User(ctx, want.ID)
	})
	readsBack(f, "users.Repository.ByEmail", want, func(ctx context.Context, tx ports.Tx) (users.User, error) {
		u, _, err := tx.Users().ByEmail(ctx, want.Email)
		return u, err
	})
	readsBack(f, "users.Repository.Hold", want, func(ctx context.Context, tx ports.Tx) (users.User, error) {
		return tx.Users().Hold(ctx, want.ID)
	})
	readsBack(f, "users.Repository.HoldWithAdmins", want, func(ctx context.Context, tx ports.Tx) (users.User, error) {
		u, _, err := tx.Users().HoldWithAdmins(ctx, want.ID)
		return u, err
	})
	readsBack(f, "users.Repository.Session", want, func(ctx context.Context, tx ports.Tx) (users.User, error) {
		_, u, err := tx.Users().Session(ctx, session.ID)
		return u, err
	})
	is := func(u users.User) bool { return u.ID == want.ID }
	listsBack(f, "users.Repository.Pin", want, is, func(ctx context.Context, tx ports.Tx) ([]users.User, error) {
		return tx.Users().Pin(ctx, want.ID)
	})
	listsBack(f, "users.Repository.WithAddress", want, is, func(ctx context.Context, tx ports.Tx) ([]users.User, error) {
		return tx.Users().WithAddress(ctx, text.FoldAddress(want.Email))
	})
	listsBack(f, "users.Repository.List", want, is, func(ctx context.Context, tx ports.Tx) ([]users.User, error) {
		return tx.Users().List(ctx, users.Filter{}, nil, 100)
	})
}

func sessionFields(f *fixture, fl *filler) {
	s, first, further := filled[users.Session](f, fl), filled[users.RefreshToken](f, fl),
		filled[users.RefreshToken](f, fl)
	first.SessionID, further.SessionID = s.ID, s.ID
	further.CreatedAt = s.LastUsedAt // a later token would change it
	f.do(func(ctx context.Context, tx ports.Tx) error {
		return inOrder(
			func() error { return tx.Users().AddSession(ctx, s, first) },
			func() error { return tx.Users().AddRefreshToken(ctx, further) },
		)
	})
	sameFields(f, "users.Repository.Session", f.sessionOf(s.ID), s)
	listsBack(f, "users.Repository.Sessions", s, func(other users.Session) bool { return other.ID == s.ID },
		func(ctx context.Context, tx ports.Tx) ([]users.Session, error) {
			return tx.Users().Sessions(ctx, s.UserID, users.SessionFilter{}, nil, 100)
		})
	for _, t := range []users.RefreshToken{first, further} {
		readsBack(f, "users.Repository.UseRefreshToken", t,
			func(ctx context.Context, tx ports.Tx) (users.RefreshToken, error) {
				return tx.Users().UseRefreshToken(ctx, t.Hash, noon)
			})
	}
}

func resetFields(f *fixture, fl *filler) {
	r := filled[users.Reset](f, fl)
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().AddReset(ctx, r, 3) })
	readsBack(f, "users.Repository.Reset", r, func(ctx context.Context, tx ports.Tx) (users.Reset, error) {
		return tx.Users().Reset(ctx, r.Hash)
	})
}

func ledgerFields(f *fixture, fl *filler) {
	w := filled[tokens.Wallet](f, fl)
	w.Balance, w.Closed = 0, false
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Tokens().Open(ctx, w) })
	sameFields(f, "tokens.Repository.Wallet", f.wallet(w.UserID), w)

	for seq := range int64(2) {
		e := filled[tokens.Entry](f, fl)
		e.UserID, e.UpToBalance = w.UserID, false
		want := transaction(e)
		want.Seq, want.BalanceBefore, want.BalanceAfter = seq+1, w.Balance, w.Balance+e.Amount
		readsBack(f, "tokens.Repository.Post", want,
			func(ctx context.Context, tx ports.Tx) (tokens.Transaction, error) {
				receipt, err := postOne(ctx, tx, e)
				return receipt.Transaction, err
			})
		sameFields(f, "tokens.Repository.Transactions", f.lastTransaction(w.UserID), want)
		w.Balance = want.BalanceAfter
		sameFields(f, "tokens.Repository.Wallet after Post", f.wallet(w.UserID), w)
	}

	w.Closed = true
	readsBack(f, "tokens.Repository.Close", w, func(ctx context.Context, tx ports.Tx) (tokens.Wallet, error) {
		return tx.Tokens().Close(ctx, w.UserID)
	})
	sameFields(f, "tokens.Repository.Wallet after Close", f.wallet(w.UserID), w)
}

// transaction returns a transaction with the fields that it shares with an entry.
func transaction(e tokens.Entry) (t tokens.Transaction) {
	from, to := reflect.ValueOf(e), reflect.ValueOf(&t).Elem()
	for i := range to.NumField() {
		if same := from.FieldByName(to.Type().Field(i).Name); same.IsValid() {
			to.Field(i).Set(same)
		}
	}
	return t
}

func recordFields(f *fixture, fl *filler) {
	r := filled[idempotency.Record](f, fl)
	r.Answer = []byte(`{"n":1}`)
	f.save(r)
	readsBack(f, "idempotency.Repository.Claim", r, func(ctx context.Context, tx ports.Tx) (idempotency.Record, error) {
		return tx.Idempotency().Claim(ctx, r.Owner, r.Key)
	})
}

func reportFields(f *fixture, fl *filler) {
	r := filled[moderation.Report](f, fl)
	f.report(r)
	readsReportBack(f, r)

	changed := filled[moderation.Report](f, fl)
	changed.ID, changed.ReporterID, changed.ReportedUserID, changed.Status = r.ID, r.ReporterID, r.ReportedUserID,
		moderation.Resolved
	f.same("changed", f.changeReport(changed, r.Status), true)
	r.Status, r.AdminNotes, r.ReviewedBy, r.ReviewedAt = changed.Status, changed.AdminNotes, changed.ReviewedBy,
		changed.ReviewedAt
	readsReportBack(f, r)
}

func readsReportBack(f *fixture, want moderation.Report) {
	f.Helper()
	sameFields(f, "moderation.Repository.Report", f.reportOf(want.ID), want)
	is := func(r moderation.Report) bool { return r.ID == want.ID }
	listsBack(f, "moderation.Repository.Reports", want, is,
		func(ctx context.Context, tx ports.Tx) ([]moderation.Report, error) {
			return tx.Moderation().Reports(ctx, want.Status, nil, 100)
		})
	listsBack(f, "moderation.Repository.ReportsBy", want, is,
		func(ctx context.Context, tx ports.Tx) ([]moderation.Report, error) {
			return tx.Moderation().ReportsBy(ctx, want.ReporterID, nil, 100)
		})
	listsBack(f, "moderation.Repository.ReportsAbout", want, is,
		func(ctx context.Context, tx ports.Tx) ([]moderation.Report, error) {
			return tx.Moderation().ReportsAbout(ctx, want.ReportedUserID, nil, 100)
		})
}

func reportedMessageFields(f *fixture, fl *filler) {
	r, m := filled[moderation.Report](f, fl), filled[moderation.ReportedMessage](f, fl)
	f.same("a report that is filed", f.tryReport(r, m), true)
	listsBack(f, "moderation.Repository.ReportedMessages", m, func(moderation.ReportedMessage) bool { return true },
		func(ctx context.Context, tx ports.Tx) ([]moderation.ReportedMessage, error) {
			copied, err := tx.Moderation().ReportedMessages(ctx, r.ID)
			return copied[r.ID], err
		})
}

func sanctionFields(f *fixture, fl *filler) {
	s := f.sanction(filled[moderation.Sanction](f, fl))
	is := func(other moderation.Sanction) bool { return other.ID == s.ID }
	sameFields(f, "moderation.Repository.Sanction", f.sanctionOf(s.ID), s)
	listsBack(f, "moderation.Repository.Sanctions", s, is,
		func(ctx context.Context, tx ports.Tx) ([]moderation.Sanction, error) {
			return tx.Moderation().Sanctions(ctx, s.UserID, nil, 100)
		})
}

func blockFields(f *fixture, fl *filler) {
	b := filled[moderation.Block](f, fl)
	f.blocks(b, true)
	listsBack(f, "moderation.Repository.Blocks", b, func(moderation.Block) bool { return true },
		func(ctx context.Context, tx ports.Tx) ([]moderation.Block, error) {
			return tx.Moderation().Blocks(ctx, b.UserID, nil, 100)
		})
}

func auditFields(f *fixture, fl *filler) {
	r := filled[moderation.AuditRecord](f, fl)
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Moderation().AddAudit(ctx, r) })
	is := func(other moderation.AuditRecord) bool { return other.ID == r.ID }
	for _, subject := range []id.Subject{r.SubjectID, {}} {
		listsBack(f, "moderation.Repository.Audits", r, is,
			func(ctx context.Context, tx ports.Tx) ([]moderation.AuditRecord, error) {
				return tx.Moderation().Audits(ctx, subject, nil, 100)
			})
	}
}

func interestFields(f *fixture, fl *filler) {
	i := filled[matching.Interest](f, fl)
	created := write(f, func(ctx context.Context, tx ports.Tx) (bool, error) {
		return tx.Matching().AddInterest(ctx, i)
	})
	f.same("created", created, true)
	readsInterestBack(f, i)

	saved := filled[matching.Interest](f, fl)
	saved.ID = i.ID
	f.same("saved", f.saveInterest(saved), true)
	readsInterestBack(f, saved)
}

func readsInterestBack(f *fixture, want matching.Interest) {
	f.Helper()
	readsBack(f, "matching.Repository.HoldInterest", want,
		func(ctx context.Context, tx ports.Tx) (matching.Interest, error) {
			return tx.Matching().HoldInterest(ctx, want.ID)
		})
	is := func(i matching.Interest) bool { return i.ID == want.ID }
	listsBack(f, "matching.Repository.Interests", want, is,
		func(ctx context.Context, tx ports.Tx) ([]matching.Interest, error) {
			return tx.Matching().Interests(ctx, want.ID)
		})
	listsBack(f, "matching.Repository.AllInterests", want, is,
		func(ctx context.Context, tx ports.Tx) ([]matching.Interest, error) {
			return tx.Matching().AllInterests(ctx, false, nil, 100)
		})
	p := f.profile(f.account("interested in "+want.Name), want)
	_, interests := f.profileOf(p.UserID)
	listsBack(f, "matching.Repository.Profile", want, is, func(context.Context, ports.Tx) ([]matching.Interest, error) {
		return interests, nil
	})
}

func profileFields(f *fixture, fl *filler) {
	viewer := f.account(fmt.Sprint("viewer", fl.n))
	first := filled[matching.Profile](f, fl)
	for _, age := range []int{42, 43} {
		p := filled[matching.Profile](f, fl)
		p.UserID, p.Age = first.UserID, age
		f.saveProfile(p)
		if age == 42 {
			first.ID = p.ID
		}
		p.ID = first.ID // the first id stays
		got, _ := f.profileOf(p.UserID)
		sameFields(f, "matching.Repository.Profile", got, p)

		p.IsSearchable = true
		f.saveProfile(p)
		found := filter(f.search(matching.Query{Viewer: viewer.ID}), func(m matching.Match) bool {
			return m.Profile.UserID == p.UserID
		})
		if len(found) != 1 {
			f.Errorf("matching.Repository.Search found the profile %d times, want once", len(found))
			continue
		}
		sameFields(f, "matching.Repository.Search", found[0].Profile, p)
	}
}

func conversationFields(f *fixture, fl *filler) {
	c := filled[messaging.Conversation](f, fl)
	for range 2 { // the second call finds the conversation
		there, _ := f.openConversation(c)
		sameFields(f, "messaging.Repository.OpenConversation", there, c)
	}
	readsBack(f, "messaging.Repository.ConversationOf", c,
		func(ctx context.Context, tx ports.Tx) (messaging.Conversation, error) {
			return tx.Messaging().ConversationOf(ctx, c.VoyagerID, c.LocalID)
		})
	sameFields(f, "messaging.Repository.Standing", f.standing(c).Conversation, c)
	overviews := overviewsOf(f, c)
	for method, o := range overviews {
		sameFields(f, method, o.Conversation, c)
	}
}

// overviewsOf reads the overview of the voyager's only conversation through every method that
// returns it.
func overviewsOf(f *fixture, c messaging.Conversation) map[string]messaging.Overview {
	f.Helper()
	list := read(f, func(ctx context.Context, tx ports.Tx) ([]messaging.Overview, error) {
		return tx.Messaging().Overviews(ctx, c.VoyagerID, nil, 10)
	})
	if len(list) != 1 {
		f.Fatalf("messaging.Repository.Overviews listed %d conversations, want 1", len(list))
	}
	one := read(f, func(ctx context.Context, tx ports.Tx) (messaging.Overview, error) {
		return tx.Messaging().Overview(ctx, c.ID, c.VoyagerID)
	})
	return map[string]messaging.Overview{"messaging.Repository.Overview": one,
		"messaging.Repository.Overviews": list[0]}
}

func messageFields(f *fixture, fl *filler) {
	c := filled[messaging.Conversation](f, fl)
	f.openConversation(c)
	m, a := filled[messaging.Message](f, fl), filled[messaging.Attachment](f, fl)
	a.MediaType = "image/webp"
	m.ConversationID, m.UserID, m.Attachment = c.ID, c.LocalID, a.MediaType
	f.addMessage(m, &a)
	sameFields(f, "messaging.Repository.Message", f.messageOf(m.ID), m)
	sameFields(f, "messaging.Repository.Attachment", f.attachmentOf(m.ID), a)
	listsBack(f, "messaging.Repository.History", m, func(messaging.Message) bool { return true },
		func(ctx context.Context, tx ports.Tx) ([]messaging.Message, error) {
			_, messages, err := tx.Messaging().History(ctx, c.ID, c.VoyagerID, nil, 100)
			return messages, err
		})
	for method, o := range overviewsOf(f, c) {
		if o.LastMessage == nil {
			f.Errorf("%s returned no last message", method)
			continue
		}
		sameFields(f, method, *o.LastMessage, m)
	}
}

func reservationFields(f *fixture, fl *filler) {
	c := filled[messaging.Conversation](f, fl)
	f.openConversation(c)
	r := filled[reservations.Reservation](f, fl)
	r.ConversationID, r.VoyagerID, r.LocalID, r.CreatorID = c.ID, c.VoyagerID, c.LocalID, c.LocalID
	f.addReservation(r)
	readsReservationBack(f, r)

	pending := filled[reservations.Reservation](f, fl)
	pending.ConversationID, pending.VoyagerID, pending.LocalID, pending.CreatorID = c.ID, c.VoyagerID, c.LocalID,
		c.VoyagerID
	pending.Status = reservations.Pending
	f.addReservation(pending)
	at := noon.Add(-time.Hour)
	moved := write(f, func(ctx context.Context, tx ports.Tx) (reservations.MoveResult, error) {
		return tx.Reservations().Move(ctx, pending, reservations.Accepted, at)
	})
	f.same("moved", moved, reservations.Done)
	pending.Status, pending.UpdatedAt = reservations.Accepted, at
	readsReservationBack(f, pending)
}

func readsReservationBack(f *fixture, want reservations.Reservation) {
	f.Helper()
	sameFields(f, "reservations.Repository.Reservation", f.reservationOf(want), want)
	readsBack(f, "reservations.Repository.Hold", want,
		func(ctx context.Context, tx ports.Tx) (reservations.Reservation, error) {
			return tx.Reservations().Hold(ctx, want.ID)
		})
	is := func(r reservations.Reservation) bool { return r.ID == want.ID }
	listsBack(f, "reservations.Repository.InConversation", want, is,
		func(ctx context.Context, tx ports.Tx) ([]reservations.Reservation, error) {
			return tx.Reservations().InConversation(ctx, want.ConversationID, nil, 100)
		})
	listsBack(f, "reservations.Repository.All", want, is,
		func(ctx context.Context, tx ports.Tx) ([]reservations.Reservation, error) {
			return tx.Reservations().All(ctx, want.Status, nil, 100)
		})
	listsBack(f, "reservations.Repository.Agenda", want, is,
		func(ctx context.Context, tx ports.Tx) ([]reservations.Reservation, error) {
			return tx.Reservations().Agenda(ctx, want.LocalID, reservations.Agenda{Status: want.Status}, nil, 100)
		})
	listsBack(f, "reservations.Repository.Of", want, is,
		func(ctx context.Context, tx ports.Tx) ([]reservations.Reservation, error) {
			return tx.Reservations().Of(ctx, want.VoyagerID, want.Status, nil, 100)
		})
}
