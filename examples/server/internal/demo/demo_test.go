package demo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/bcrypt"
	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/examples/server/internal/demo"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// filled returns a store with demo data relative to now.
func filled(t *testing.T, now time.Time) *memory.Store {
	t.Helper()
	storage := newStore(t)
	if err := demo.Fill(t.Context(), storage, cheapHasher(t), now); err != nil {
		t.Fatal(err)
	}
	return storage
}

func newStore(t *testing.T) *memory.Store {
	t.Helper()
	storage := memory.New()
	t.Cleanup(func() {
		if err := storage.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return storage
}

func cheapHasher(t *testing.T) users.Hasher {
	t.Helper()
	h, err := bcrypt.New(4)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func servicesOver(t *testing.T, storage ports.Storage) *services.Services {
	t.Helper()
	c := wiring.DefaultConfig()
	c.Hasher = cheapHasher(t)
	s, err := wiring.NewServices(c, storage)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func rowsOf(t *testing.T, storage ports.Storage, table *ports.Table) []map[string]any {
	t.Helper()
	var all []map[string]any
	err := ports.NewStore(storage, uow.Policy{}).View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		for row, err := range ports.Scan(ctx, tx.Rows(), table, nil, 0) {
			if err != nil {
				return err
			}
			named := map[string]any{}
			for i, c := range table.Columns {
				named[c.Name] = row[i]
			}
			all = append(all, named)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestDemoDataObeysEveryRule(t *testing.T) {
	midnight := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, now := range []time.Time{midnight, midnight.Add(time.Minute), midnight.Add(24*time.Hour - time.Millisecond), time.Now()} {
		t.Run(now.Format(time.TimeOnly), func(t *testing.T) {
			storage := filled(t, now)
			v, err := audit.New(ports.ForAudit(ports.NewStore(storage, uow.Policy{}))).Audit(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(v.Violations) != 0 {
				t.Errorf("the audit found %v", v.Violations)
			}
			if v.Wallets != 39 || v.Held == 0 {
				t.Errorf("got %d wallets and %d tokens held, want 39 and some", v.Wallets, v.Held)
			}
			for _, table := range ports.Tables {
				for _, row := range rowsOf(t, storage, table) {
					for _, column := range []string{"created_at", "updated_at", "reviewed_at"} {
						if at, ok := row[column].(time.Time); ok && at.After(now) {
							t.Fatalf("%s of %s is %v, after now, %v", column, table.Name, at, now)
						}
					}
				}
			}
		})
	}
}

func TestDemoDataHasEveryStatus(t *testing.T) {
	now := time.Now()
	storage := filled(t, now)
	count := map[any]int{}
	for _, r := range rowsOf(t, storage, ports.Reservations) {
		count[r["status"]]++
		date, end := r["date"].(time.Time), r["end_date"].(time.Time)
		switch reservations.Status(r["status"].(string)) {
		case reservations.Pending, reservations.Accepted:
			if !date.After(now) {
				t.Errorf("a reservation with the status %v has the past date %v", r["status"], date)
			}
		case reservations.Completed:
			if settled := r["updated_at"].(time.Time); settled.Before(end) || settled.Sub(end) > 5*time.Second {
				t.Errorf("a reservation with the end date %v was settled at %v", end, settled)
			}
		}
	}
	for _, s := range []reservations.Status{
		reservations.Pending, reservations.Accepted, reservations.Declined, reservations.Cancelled, reservations.Completed,
	} {
		if count[string(s)] < 2 {
			t.Errorf("%d reservations are %s, want some", count[string(s)], s)
		}
	}
	reports := map[any]int{}
	for _, r := range rowsOf(t, storage, ports.Reports) {
		reports[r["status"]]++
	}
	if reports["pending"] != 1 || reports["resolved"] != 1 || reports["dismissed"] != 1 {
		t.Errorf("reports by status: %v", reports)
	}
	if blocks := rowsOf(t, storage, ports.Blocks); len(blocks) != 2 {
		t.Errorf("%d blocks, want 2", len(blocks))
	}
	if talked := rowsOf(t, storage, ports.Messages); len(talked) < 100 {
		t.Errorf("%d messages, want 100 at least", len(talked))
	}
	for _, m := range rowsOf(t, storage, ports.Messages) {
		if content := m["content"].(string); strings.ContainsAny(content, "{}") {
			t.Errorf("a message has a placeholder: %s", content)
		}
	}
	for _, p := range rowsOf(t, storage, ports.Profiles) {
		if text := p["biography"].(string); strings.ContainsAny(text, "{}") {
			t.Errorf("a biography has a placeholder: %s", text)
		}
	}
}

func TestNamedAccounts(t *testing.T) {
	ctx := t.Context()
	s := servicesOver(t, filled(t, time.Now()))
	known := map[string]users.SignedIn{}
	for _, email := range []string{demo.Admin, demo.Voyager, demo.Local} {
		in, err := s.Users.SignIn(ctx, users.SignIn{Email: email, Password: demo.Password})
		if err != nil {
			t.Fatalf("%s cannot sign in: %v", email, err)
		}
		known[email] = in
	}
	if role := known[demo.Admin].User.Role; role != users.RoleAdmin {
		t.Errorf("the admin is a %s", role)
	}
	voyager, local := known[demo.Voyager].User.ID, known[demo.Local].User.ID

	funds, err := s.Reservations.Funds(ctx, voyager)
	if err != nil || funds.Balance < 30 {
		t.Errorf("the voyager has %d tokens, %v; want 30 or more", funds.Balance, err)
	}
	found, err := s.Matching.Matches(ctx, voyager, matching.Search{City: "lisbon"}, page.Request[matching.Rank]{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(found.Items, func(m matching.Match) bool { return m.Profile.UserID == local })
	if i < 0 || found.Items[i].Score < 2 {
		t.Errorf("a search by shared interests does not return the local: %v", found.Items)
	}
	for _, who := range []string{demo.Voyager, demo.Local} {
		user := known[who].User.ID
		waiting, err := s.Reservations.Mine(ctx, user, reservations.Agenda{Status: reservations.Pending}, page.Request[page.Moment]{})
		if err != nil {
			t.Fatal(err)
		}
		mine := slices.IndexFunc(waiting.Items, func(v reservations.View) bool { return v.CreatorID != user })
		if mine < 0 {
			t.Fatalf("%s has no proposal to answer", who)
		}
		if _, err := s.Reservations.Accept(ctx, user, waiting.Items[mine].ID, ""); err != nil {
			t.Errorf("%s cannot accept: %v", who, err)
		}
	}
}

func TestSamePeopleInEachRun(t *testing.T) {
	people := func(now time.Time) (names []string) {
		for _, u := range rowsOf(t, filled(t, now), ports.Users) {
			names = append(names, u["name"].(string)+" "+u["email"].(string))
		}
		slices.Sort(names)
		return names
	}
	first, second := people(time.Now()), people(time.Now().Add(-100*time.Hour))
	if !slices.Equal(first, second) {
		t.Errorf("first %v, then %v", first, second)
	}
	for _, p := range first {
		if !strings.HasSuffix(p, "@example.org") {
			t.Errorf("%s is not an example address", p)
		}
	}
}

func TestFillNeedsEmptyStore(t *testing.T) {
	ctx := t.Context()
	storage := newStore(t)
	if _, err := servicesOver(t, storage).Users.Register(ctx, users.SignUp{Name: "Ada", Email: "ada@example.net", Password: "long enough"}); err != nil {
		t.Fatal(err)
	}
	if empty, err := demo.Empty(ctx, storage); err != nil || empty {
		t.Errorf("Empty = %v, %v for a store with an account", empty, err)
	}
	if err := demo.Fill(ctx, storage, cheapHasher(t), time.Now()); !errors.Is(err, demo.ErrNotEmpty) {
		t.Errorf("Fill = %v, want ErrNotEmpty", err)
	}
	if marked, err := demo.Marked(ctx, storage); err != nil || marked {
		t.Errorf("Marked = %v, %v", marked, err)
	}
	if n := len(rowsOf(t, storage, ports.Users)); n != 1 {
		t.Errorf("%d accounts, want the existing one", n)
	}
}

func TestFillMarksStore(t *testing.T) {
	ctx := t.Context()
	empty := newStore(t)
	if marked, err := demo.Marked(ctx, empty); err != nil || marked {
		t.Errorf("Marked = %v, %v for a new store", marked, err)
	}
	storage := filled(t, time.Now())
	if marked, err := demo.Marked(ctx, storage); err != nil || !marked {
		t.Errorf("Marked = %v, %v for a filled store", marked, err)
	}
	if err := demo.Fill(ctx, storage, cheapHasher(t), time.Now()); !errors.Is(err, demo.ErrNotEmpty) {
		t.Errorf("a second Fill = %v, want ErrNotEmpty", err)
	}
}

// brokenHasher fails.
type brokenHasher struct{ users.Hasher }

func (brokenHasher) Hash(context.Context, string) (string, error) {
	return "", errors.New("no hash today")
}

// interrupted is a store that cancels the context after it has written some tables.
type interrupted struct {
	ports.Storage
	after  int
	cancel context.CancelFunc
}

func (s *interrupted) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	return s.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
		return fn(ctx, interruptedTx{tx, s})
	})
}

type interruptedTx struct {
	ports.Tx
	store *interrupted
}

func (tx interruptedTx) Rows() ports.Rows { return interruptedRows{tx.Tx.Rows(), tx.store} }

type interruptedRows struct {
	ports.Rows
	store *interrupted
}

func (r interruptedRows) Write(ctx context.Context, table *ports.Table, rows []ports.Row) error {
	if r.store.after--; r.store.after < 0 {
		r.store.cancel()
	}
	return r.Rows.Write(ctx, table, rows)
}

func TestInterruptedFillLeavesStoreEmpty(t *testing.T) {
	ctx := t.Context()
	storage := newStore(t)
	fills := map[string]func() error{
		"a hasher that fails": func() error { return demo.Fill(ctx, storage, brokenHasher{}, time.Now()) },
	}
	for _, after := range []int{0, 1, len(ports.Tables) / 2, len(ports.Tables) - 1} {
		fills[fmt.Sprintf("cancelled after %d tables", after)] = func() error {
			ended, cancel := context.WithCancel(ctx)
			defer cancel()
			return demo.Fill(ended, &interrupted{storage, after, cancel}, cheapHasher(t), time.Now())
		}
	}
	for name, fill := range fills {
		if err := fill(); err == nil {
			t.Errorf("%s: no error", name)
		}
		marked, err := demo.Marked(ctx, storage)
		empty, err2 := demo.Empty(ctx, storage)
		if err := errors.Join(err, err2); err != nil || marked || !empty {
			t.Errorf("%s: marked %v, empty %v, error %v", name, marked, empty, err)
		}
	}
	if err := demo.Fill(ctx, storage, cheapHasher(t), time.Now()); err != nil {
		t.Errorf("fill the store after that: %v", err)
	}
}
