package moderation_test

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// mayPost lists for each type whether an admin may post a credit or a debit.
var mayPost = map[tokens.Type]struct{ credit, debit bool }{
	tokens.AdminAdjustment: {true, true},
	tokens.Penalty:         {false, true},
	tokens.Bonus:           {true, false},
	tokens.Purchase:        {true, false},
	tokens.Deposit:         {true, false},
	tokens.Withdrawal:      {false, true},
}

func TestPostTokens(t *testing.T) {
	metadata := tokens.Reference("ticket", id.User{})
	for _, kind := range append([]tokens.Type{"NO_TYPE", ""}, tokens.Types...) {
		for _, amount := range []int64{7, -7} {
			t.Run(string(kind)+" of "+strconv.FormatInt(amount, 10), func(t *testing.T) {
				w := coretest.NewWorld(t, memory.New())
				ada, admin := w.Person("Ada"), w.Admin()
				w.Clock.Advance(time.Minute)
				a := moderation.Adjustment{Type: kind, Amount: amount, Reason: "for a reason", Metadata: metadata}
				rule, postable := mayPost[kind]
				if !postable || amount > 0 && !rule.credit || amount < 0 && !rule.debit {
					field := "type"
					if postable {
						field = "amount"
					}
					w.Unchanged(func() {
						_, err := w.Moderation.PostTokens(w.Ctx, admin, ada, a, "k")
						coretest.Fields(t, err, field)
					})
					return
				}
				got, err := w.Moderation.PostTokens(w.Ctx, admin, ada, a, "")
				coretest.Is(t, err, nil)
				want := tokens.Transaction{
					ID: got.ID, UserID: ada, Seq: 2, Amount: amount, Type: kind, Reason: "for a reason", Metadata: metadata,
					BalanceBefore: 50, BalanceAfter: 50 + amount, CreatedAt: w.Clock.Now(),
				}
				if got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				p, err := w.Moderation.UserTransactions(w.Ctx, admin, ada, page.Request[int64]{})
				if err != nil || len(p.Items) != 2 || p.Items[0] != want {
					t.Errorf("the ledger is %+v with error %v, want %+v as the newest transaction", p.Items, err, want)
				}
				record := audits(t, w)[0]
				details := moderation.Details{"type": string(kind), "amount": strconv.FormatInt(amount, 10), "transaction_id": got.ID.String()}
				if record.ActorID != admin || record.Action != moderation.ActionTokensPosted || record.SubjectID != id.Subject(ada) ||
					record.Reason != "for a reason" || !maps.Equal(record.Details, details) {
					t.Errorf("the audit record is %+v, want the details %v", record, details)
				}
			})
		}
	}
}

func TestPostTokensErrors(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, admin, unknown := w.Person("Ada"), w.Admin(), id.User(w.IDs.Next())
	bonus := func(change func(a *moderation.Adjustment)) moderation.Adjustment {
		a := moderation.Adjustment{Type: tokens.Bonus, Amount: 1, Reason: "kind"}
		change(&a)
		return a
	}
	plain := bonus(func(*moderation.Adjustment) {})
	post := func(by, of id.User, a moderation.Adjustment) error {
		_, err := w.Moderation.PostTokens(w.Ctx, by, of, a, "k")
		return err
	}
	w.Unchanged(func() {
		coretest.Is(t, post(admin, admin, plain), moderation.ErrOwnTokens)
		coretest.Is(t, post(ada, ada, plain), fault.Forbidden)
		coretest.Is(t, post(admin, unknown, plain), users.ErrNotFound)
		coretest.Fields(t, post(admin, unknown, bonus(func(a *moderation.Adjustment) { a.Reason = "" })), "reason")
		coretest.Fields(t, post(admin, ada, bonus(func(a *moderation.Adjustment) { a.Reason = strings.Repeat("é", 501) })), "reason")
		coretest.Fields(t, post(admin, ada, bonus(func(a *moderation.Adjustment) { a.Reason = "  " })), "reason")
		coretest.Fields(t, post(admin, ada, bonus(func(a *moderation.Adjustment) { a.Amount = 0 })), "amount")
		coretest.Is(t, post(admin, ada, bonus(func(a *moderation.Adjustment) { a.Amount = moderation.MaxFunding - 49 })), tokens.ErrTooManyTokens)
		coretest.Fields(t, post(admin, ada, bonus(func(a *moderation.Adjustment) { a.Amount = tokens.MaxAmount + 1 })), "amount")
		coretest.Fields(t, post(admin, ada, moderation.Adjustment{Type: "NO_TYPE"}), "type", "reason", "amount")
		for _, kind := range []tokens.Type{tokens.AdminAdjustment, tokens.Withdrawal} { // only a penalty is limited to the balance
			a := moderation.Adjustment{Type: kind, Amount: -51, Reason: "too much"}
			coretest.Is(t, post(admin, ada, a), tokens.ErrTooFewTokens)
		}
		full := moderation.Adjustment{Type: tokens.Deposit, Amount: tokens.MaxAmount, Reason: "too much"}
		coretest.Is(t, post(admin, ada, full), tokens.ErrTooManyTokens)
		_, err := w.Moderation.UserTransactions(w.Ctx, admin, unknown, page.Request[int64]{})
		coretest.Is(t, err, users.ErrNotFound)
	})
	coretest.Is(t, moderation.ErrOwnTokens, fault.Forbidden)
}

func TestPenaltyIsLimitedToBalance(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, admin := w.Person("Ada"), w.Admin()
	penalty := moderation.Adjustment{Type: tokens.Penalty, Amount: -30, Reason: "rude"}
	for _, want := range []int64{-30, -20} {
		got, err := w.Moderation.PostTokens(w.Ctx, admin, ada, penalty, "")
		if err != nil || got.Amount != want {
			t.Errorf("got the amount %d with error %v, want %d", got.Amount, err, want)
		}
		if took := audits(t, w)[0].Details["amount"]; took != strconv.FormatInt(want, 10) {
			t.Errorf("the audit record has the amount %s, want %d", took, want)
		}
	}
	w.Unchanged(func() {
		_, err := w.Moderation.PostTokens(w.Ctx, admin, ada, penalty, "")
		coretest.Is(t, err, tokens.ErrTooFewTokens)
	})
}

func TestPostTokensToInactiveAndErased(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	idle, erased, admin := w.Person("Idle"), w.Person("Erased"), w.Admin()
	w.SetActive(idle, false)
	coretest.Is(t, w.Privacy.Erase(w.Ctx, erased, coretest.Password, users.Device{}), nil)
	deposit := moderation.Adjustment{Type: tokens.Deposit, Amount: 5, Reason: "late"}
	for user, want := range map[id.User]int64{idle: 55, erased: 0} {
		got, err := w.Moderation.PostTokens(w.Ctx, admin, user, deposit, "")
		coretest.Is(t, err, nil)
		if got.Amount != 5 || got.Type != tokens.Deposit || w.Balance(user) != want {
			t.Errorf("got %+v and the balance %d, want the deposit and %d", got, w.Balance(user), want)
		}
	}
}

func TestPostTokensRepeat(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca, second := w.Person("Ada"), w.Person("Luca"), w.AdminNamed("Second")
	a := moderation.Adjustment{Type: tokens.Bonus, Amount: 5, Reason: "kind", Metadata: tokens.Reference("<ticket>", ada)}
	posted, err := w.Moderation.PostTokens(w.Ctx, second, ada, a, "k")
	coretest.Is(t, err, nil)
	w.Unchanged(func() {
		again, err := w.Moderation.PostTokens(w.Ctx, second, ada, a, "k")
		if err != nil || again != posted {
			t.Errorf("the repeat returned %+v with error %v, want %+v", again, err, posted)
		}
		_, err = w.Moderation.PostTokens(w.Ctx, second, luca, a, "k")
		coretest.Is(t, err, idempotency.ErrKeyReused)
		other := a
		other.Metadata = tokens.Metadata{}
		_, err = w.Moderation.PostTokens(w.Ctx, second, ada, other, "k")
		coretest.Is(t, err, idempotency.ErrKeyReused)
	})
	_, err = w.Moderation.PostTokens(w.Ctx, w.Admin(), ada, a, "k") // another admin has their own keys
	coretest.Is(t, err, nil)
	if w.Balance(ada) != 60 {
		t.Errorf("the balance is %d, want 60", w.Balance(ada))
	}

	_, err = w.Moderation.ChangeUser(w.Ctx, w.Admin(), second, moderation.AccountChange{
		Role: to(users.RoleUser), SignedInAt: w.Clock.Now(),
	})
	coretest.Is(t, err, nil)
	_, err = w.Moderation.PostTokens(w.Ctx, second, ada, a, "k")
	coretest.Is(t, err, users.ErrAdminsOnly)
}

func TestConcurrentPostTokensWithOneKey(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, admin := w.Person("Ada"), w.Admin()
	errs := coretest.AtOnce(12, func(int) error {
		_, err := w.Moderation.PostTokens(w.Ctx, admin, ada, moderation.Adjustment{Type: tokens.Bonus, Amount: 1, Reason: "kind"}, "k")
		return err
	})
	if n := coretest.Count(errs, nil); n != 12 || w.Balance(ada) != 51 {
		t.Errorf("%d succeeded and the balance is %d, want 12 and 51", n, w.Balance(ada))
	}
}

func TestAudits(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, admin := w.Person("Ada"), w.Admin()
	for balance := range int64(4) {
		w.Clock.Advance(time.Minute)
		w.Fund(ada, balance)
	}
	all := audits(t, w)
	var got []moderation.AuditRecord
	for r := (page.Request[page.Moment]{Limit: 2}); ; {
		p, err := w.Moderation.Audits(w.Ctx, admin, r)
		coretest.Is(t, err, nil)
		got = append(got, p.Items...)
		if r.After = p.Next; r.After == nil {
			break
		}
	}
	record := func(r moderation.AuditRecord) id.AuditRecord { return r.ID }
	same(t, "the trail", ids(got, record), ids(all, record)...)
	for i := range got[1:] {
		if got[i].CreatedAt.Before(got[i+1].CreatedAt) {
			t.Errorf("record %d is older than the next", i)
		}
	}
	if len(got) != 5 {
		t.Errorf("there are %d records, want one for each act", len(got))
	}
}

func TestVerifyLedger(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	admin := w.Admin()
	w.Person("Ada")
	w.Fund(w.Person("Luca"), 20)
	v, err := w.Moderation.VerifyLedger(w.Ctx, admin)
	coretest.Is(t, err, nil)
	if v.Wallets != 3 || v.Transactions != 4 || v.Held != 0 || len(v.Violations) != 0 {
		t.Errorf("got %+v, want 3 wallets, 4 transactions and no violations", v)
	}
}

// fixedAuditor is an Auditor that returns its fields.
type fixedAuditor struct {
	found tokens.Verification
	err   error
}

func (a fixedAuditor) Audit(context.Context) (tokens.Verification, error) { return a.found, a.err }

func TestVerifyLedgerReturnsFindings(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	admin := w.Admin()
	verify := func(a moderation.Auditor) (tokens.Verification, error) {
		service, err := moderation.NewService(moderation.Deps{
			Store: ports.ForModeration(w.Store), Ledger: w.Ledger, Auditor: a, Clock: w.Clock.Now, IDs: w.IDs,
		})
		coretest.Is(t, err, nil)
		return service.VerifyLedger(w.Ctx, admin)
	}
	broken := []tokens.Violation{{Rule: "wallet_balance", Subject: admin.String(), Detail: "7 is not 8"}}
	v, err := verify(fixedAuditor{found: tokens.Verification{Violations: broken}})
	if err != nil || len(v.Violations) != 1 || v.Violations[0] != broken[0] {
		t.Errorf("got %+v and error %v, want the violation", v, err)
	}
	lost := errors.New("the store is unreachable")
	_, err = verify(fixedAuditor{err: lost})
	coretest.Is(t, err, lost)
}
