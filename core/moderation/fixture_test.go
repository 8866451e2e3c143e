package moderation_test

import (
	"context"
	"slices"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

func to[T any](v T) *T { return &v }

var first page.Request[page.Moment]

// report files a report of one user by another.
func report(t *testing.T, w *coretest.World, by, of id.User) moderation.Report {
	t.Helper()
	r, err := w.Moderation.Report(w.Ctx, by, moderation.ReportInput{ReportedUserID: of, Reason: "rude"}, "")
	coretest.Is(t, err, nil)
	return r
}

// audits returns the whole audit trail, newest first.
func audits(t *testing.T, w *coretest.World) []moderation.AuditRecord {
	t.Helper()
	all, err := page.All(moderation.PlaceOfAudit, func(after *page.Moment, limit int) ([]moderation.AuditRecord, error) {
		p, err := w.Moderation.Audits(w.Ctx, w.Admin(), page.Request[page.Moment]{After: after, Limit: limit})
		return p.Items, err
	})
	coretest.Is(t, err, nil)
	return all
}

// acts returns every use case of admins, by name, applied to a user and a report.
func acts(w *coretest.World, of id.User, r id.Report) map[string]func(ctx context.Context, admin id.User) error {
	m := w.Moderation
	return map[string]func(ctx context.Context, admin id.User) error{
		"list accounts": func(ctx context.Context, admin id.User) error {
			_, err := m.Users(ctx, admin, moderation.AccountFilter{}, first)
			return err
		},
		"read an account": func(ctx context.Context, admin id.User) error {
			_, err := m.User(ctx, admin, of)
			return err
		},
		"change an account": func(ctx context.Context, admin id.User) error {
			_, err := m.ChangeUser(ctx, admin, of, moderation.AccountChange{IsActive: to(false)})
			return err
		},
		"change an unknown account": func(ctx context.Context, admin id.User) error {
			_, err := m.ChangeUser(ctx, admin, id.User(w.IDs.Next()), moderation.AccountChange{IsActive: to(false)})
			return err
		},
		"post tokens": func(ctx context.Context, admin id.User) error {
			_, err := m.PostTokens(ctx, admin, of, moderation.Adjustment{Type: tokens.Bonus, Amount: 1, Reason: "kind"}, "k")
			return err
		},
		"read a ledger": func(ctx context.Context, admin id.User) error {
			_, err := m.UserTransactions(ctx, admin, of, page.Request[int64]{})
			return err
		},
		"list reports": func(ctx context.Context, admin id.User) error {
			_, err := m.Reports(ctx, admin, "", first)
			return err
		},
		"read a report": func(ctx context.Context, admin id.User) error {
			_, err := m.ReportByID(ctx, admin, r)
			return err
		},
		"change a report": func(ctx context.Context, admin id.User) error {
			_, err := m.ChangeReport(ctx, admin, r, moderation.ReportChange{Status: to(moderation.Reviewed)})
			return err
		},
		"read the audit trail": func(ctx context.Context, admin id.User) error {
			_, err := m.Audits(ctx, admin, first)
			return err
		},
		"verify the ledger": func(ctx context.Context, admin id.User) error {
			_, err := m.VerifyLedger(ctx, admin)
			return err
		},
	}
}

func TestOnlyAdminsAct(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca, idle := w.Person("Ada"), w.Person("Luca"), w.AdminNamed("Idle")
	r := report(t, w, ada, luca)
	w.SetActive(idle, false)
	for name, act := range acts(w, luca, r.ID) {
		t.Run(name, func(t *testing.T) {
			w.Unchanged(func() {
				coretest.Is(t, act(w.Ctx, ada), users.ErrAdminsOnly)
				coretest.Is(t, act(w.Ctx, idle), users.ErrNotSignedIn)
				coretest.Is(t, act(w.Ctx, id.User(w.IDs.Next())), users.ErrNotSignedIn)
			})
		})
	}
}

func TestCancellation(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca := w.Person("Ada"), w.Person("Luca")
	admin, filed := w.Admin(), report(t, w, ada, luca)
	for name, act := range acts(w, luca, filed.ID) {
		if name == "change an unknown account" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			coretest.Is(t, w.Cancelled(func(ctx context.Context) error { return act(ctx, admin) }), nil)
		})
	}
	m := w.Moderation
	for name, useCase := range map[string]func(ctx context.Context) error{
		"report": func(ctx context.Context) error {
			_, err := m.Report(ctx, ada, moderation.ReportInput{ReportedUserID: admin, Reason: "rude"}, "k")
			return err
		},
		"block":   func(ctx context.Context) error { return m.Block(ctx, ada, luca) },
		"unblock": func(ctx context.Context) error { return m.Unblock(ctx, ada, luca) },
		"appoint": func(ctx context.Context) error {
			_, err := m.MakeAdmin(ctx, "ada@example.org")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { coretest.Is(t, w.Cancelled(useCase), nil) })
	}
}

// ids returns the ids of a list, in its order.
func ids[T any, I comparable](items []T, of func(T) I) []I {
	var list []I
	for _, item := range items {
		list = append(list, of(item))
	}
	return list
}

func same[I comparable](t *testing.T, what string, got []I, want ...I) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
