package audit_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

func TestAHealthyStore(t *testing.T) {
	w := newTown(t)
	v, err := audit.New(ports.ForAudit(w.store)).Audit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, violation := range v.Violations {
		t.Errorf("%+v", violation)
	}
	if v.Wallets != 4 || v.Transactions != 17 || v.Unsealed != 0 || v.Held != 12 {
		t.Errorf("found %d wallets, %d transactions, %d not sealed, %d held; want 4, 17, 0 and 12", v.Wallets,
			v.Transactions, v.Unsealed, v.Held)
	}
}

func TestAnEmptyStore(t *testing.T) {
	v, err := audit.Check(t.Context(), rows{})
	if err != nil || v.Wallets != 0 || v.Transactions != 0 || v.Held != 0 || len(v.Violations) != 0 {
		t.Errorf("found %+v, %v", v, err)
	}
}

// TestALongLedger audits a ledger that is read in several pages.
func TestALongLedger(t *testing.T) {
	w := newTown(t)
	const lines = 1100
	w.do(func(ctx context.Context, tx ports.Tx) error {
		for range lines {
			if err := w.post(ctx, tx, w.ada.ID, 1, tokens.Bonus, tokens.Metadata{}); err != nil {
				return err
			}
		}
		return nil
	})
	v, err := audit.New(ports.ForAudit(w.store)).Audit(t.Context())
	if err != nil || len(v.Violations) != 0 || v.Transactions != 17+lines {
		t.Errorf("found %+v, %v", v, err)
	}
}

func TestAStoreThatCannotBeRead(t *testing.T) {
	w := newTown(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := audit.New(ports.ForAudit(w.store)).Audit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("an audit with a context that has ended returned %v", err)
	}
	all := w.rows()
	for _, table := range ports.Tables {
		if table == ports.IdempotencyRecords || table == ports.StoreMarks {
			continue // an audit does not read these
		}
		v, err := audit.Check(t.Context(), failing{all, table.Name})
		if !errors.Is(err, errDisk) || v.Wallets != 0 {
			t.Errorf("an audit that cannot read %s returned %+v, %v", table.Name, v, err)
		}
	}
	if v, err := audit.Check(t.Context(), failing{all, "what is derived"}); !errors.Is(err, errDisk) || v.Wallets != 0 {
		t.Errorf("an audit that cannot read what the store has derived returned %+v, %v", v, err)
	}
}

var errDisk = errors.New("disk on fire")

// failing is rows of which one table cannot be read.
type failing struct {
	rows
	table string
}

func (f failing) Each(ctx context.Context, table string) iter.Seq2[audit.Record, error] {
	if table == f.table {
		return func(yield func(audit.Record, error) bool) { yield(nil, errDisk) }
	}
	return f.rows.Each(ctx, table)
}

func (f failing) Disagreeing(ctx context.Context) iter.Seq2[audit.Disagreement, error] {
	if f.table == "what is derived" {
		return func(yield func(audit.Disagreement, error) bool) { yield(audit.Disagreement{}, errDisk) }
	}
	return f.rows.Disagreeing(ctx)
}

// TestAStoreOfAnotherShape tests that columns with unexpected types or names are errors.
func TestAStoreOfAnotherShape(t *testing.T) {
	w := newTown(t)
	all := w.rows()
	s := all.first(ports.Users)
	s.set("role", int64(1))
	const want = "read users.role: the value is a int64, not a string"
	if _, err := audit.Check(t.Context(), all); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a role that is a number: got the error %v", err)
	}
	for _, err := range all.Each(t.Context(), "unicorns") {
		if err == nil {
			t.Error("a table that does not exist has rows")
		}
	}
}

// corruption is a change to the rows of a town, and the list of rules that it breaks.
type corruption struct {
	name  string
	do    func(w *town, s rows)
	rules []string
}

func TestCorruption(t *testing.T) {
	covered := map[string]bool{}
	for _, c := range slices.Concat(
		peopleCorrupted, talkCorrupted, reservationsCorrupted, ledgerCorrupted, moderationCorrupted,
	) {
		t.Run(c.name, func(t *testing.T) {
			w := newTown(t)
			s := w.rows()
			delete(s, ports.LedgerSeals) // chain_test.go has the tests of seals
			c.do(w, s)
			v, err := audit.Check(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			found := map[string]bool{}
			for _, violation := range v.Violations {
				found[violation.Rule] = true
				checkViolation(t, violation)
			}
			want := slices.Sorted(slices.Values(c.rules))
			if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, want) {
				t.Errorf("the broken rules are %v, want %v\n%+v", got, want, v.Violations)
			}
		})
		for _, rule := range c.rules {
			covered[rule] = true
		}
	}
	for _, c := range chainCorrupted {
		for _, rule := range c.rules {
			covered[rule] = true
		}
	}
	if got, want := slices.Sorted(maps.Keys(covered)), documented(t); !slices.Equal(got, want) {
		t.Errorf("rules that the tests break:\n%v\nrules documented:\n%v", got, want)
	}
}

func checkViolation(t *testing.T, v tokens.Violation) {
	t.Helper()
	if _, err := id.Parse[id.User](strings.TrimPrefix(v.Subject, webhooks.SubscriptionPrefix)); err != nil && v.Subject != "mail" && v.Subject != "other" && v.Rule != "store_balance" && !strings.HasSuffix(v.Rule, "_key") {
		t.Errorf("the subject of %s is %q", v.Rule, v.Subject)
	}
	if v.Detail == "" || strings.Contains(v.Detail, "%!") {
		t.Errorf("the detail of %s is %q", v.Rule, v.Detail)
	}
	for _, secret := range []string{"@", "hash", "words", "about", "GIF"} {
		if strings.Contains(v.Detail, secret) {
			t.Errorf("the detail of %s reveals personal data: %s", v.Rule, v.Detail)
		}
	}
}

// documented returns the rules that the comment of Audit lists.
func documented(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("audit.go")
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, line := range regexp.MustCompile(`(?m)^//\t(\w+) `).FindAllStringSubmatch(string(source), -1) {
		rules = append(rules, line[1])
	}
	return slices.Sorted(slices.Values(rules))
}
