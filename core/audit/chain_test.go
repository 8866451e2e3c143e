package audit_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/ports"
)

// of returns the row of a transaction of Ada in the ledger or among the seals.
func of(w *town, s rows, table *ports.Table, seq int64) cells {
	for _, row := range s[table] {
		if c := (cells{table, row}); c.get("user_id") == [16]byte(w.ada.ID) && c.get("seq") == seq {
			return c
		}
	}
	panic("no such transaction")
}

// second returns a change of the second transaction of Ada, the charge of a message.
func second(pairs ...any) func(*town, rows) {
	return func(w *town, s rows) { of(w, s, ports.TokenTransactions, 2).set(pairs...) }
}

// reseal makes all seals of Ada again, as someone does who can write the whole store.
func reseal(w *town, s rows) {
	s[ports.LedgerSeals] = slices.DeleteFunc(s[ports.LedgerSeals], func(row ports.Row) bool { return row[0] == [16]byte(w.ada.ID) })
	var last tokens.Seal
	for _, row := range s[ports.TokenTransactions] {
		if row[0] == [16]byte(w.ada.ID) {
			line, err := ports.TransactionLayout.Value(row)
			if err != nil {
				panic(err)
			}
			last = last.Next(line)
			s[ports.LedgerSeals] = append(s[ports.LedgerSeals], ports.SealLayout.Row(last))
		}
	}
}

// dropLast removes the last transaction of Ada, as if it had never been posted.
func dropLast(w *town, s rows) {
	wallet := s.where(ports.Wallets, "user_id", [16]byte(w.ada.ID))
	last := of(w, s, ports.TokenTransactions, wallet.get("seq").(int64))
	wallet.set("seq", last.get("seq").(int64)-1, "balance", last.get("balance_before"))
	s.drop(of(w, s, ports.LedgerSeals, last.get("seq").(int64)))
	s.drop(last)
}

// chainCorrupted are compared with the heads of before. The rules without ledger_head are found
// without heads, too.
var chainCorrupted = []corruption{
	{"another reason", second("reason", "other"), only("ledger_seal")},
	{"another time", second("created_at", noon.Add(time.Microsecond)), only("ledger_seal")},
	{"another id", second("id", unknown), only("ledger_seal")},
	{"another type", second("type", "WITHDRAWAL"), only("ledger_seal")},
	{"more metadata", func(w *town, s rows) {
		r := of(w, s, ports.TokenTransactions, 2)
		r.set("metadata", r.get("metadata").(string)[:1]+`"a":1,`+r.get("metadata").(string)[1:])
	}, only("ledger_seal")},
	{"two transactions with each other's reference", func(w *town, s rows) {
		a, b := of(w, s, ports.TokenTransactions, 2), of(w, s, ports.TokenTransactions, 3)
		am, bm := a.get("metadata"), b.get("metadata")
		a.set("metadata", bm)
		b.set("metadata", am)
	}, only("ledger_seal")},
	{"a transaction that is missing", func(w *town, s rows) { s.drop(of(w, s, ports.TokenTransactions, 3)) },
		[]string{"ledger_seal", "transaction_seq", "transaction_chain", "wallet_balance", "wallet_seq", "store_balance"}},
	{"a transaction that is missing with its seal", func(w *town, s rows) {
		s.drop(of(w, s, ports.TokenTransactions, 3))
		s.drop(of(w, s, ports.LedgerSeals, 3))
	}, []string{"ledger_seal", "transaction_seq", "transaction_chain", "wallet_balance", "wallet_seq", "store_balance"}},
	{"another hash", func(w *town, s rows) { of(w, s, ports.LedgerSeals, 2).set("hash", make([]byte, 32)) }, only("ledger_seal")},
	{"a seal that is missing", func(w *town, s rows) { s.drop(of(w, s, ports.LedgerSeals, 2)) }, only("ledger_gap")},
	{"first seals that are missing", func(w *town, s rows) {
		s.drop(of(w, s, ports.LedgerSeals, 1))
		s.drop(of(w, s, ports.LedgerSeals, 2))
	}, only("ledger_gap")},
	{"a seal of no transaction", func(w *town, s rows) { s.again(of(w, s, ports.LedgerSeals, 1), "seq", int64(99)) }, only("ledger_seal")},
	{"a seal of no user", func(w *town, s rows) { s.again(of(w, s, ports.LedgerSeals, 1), "user_id", unknown) }, only("ledger_seal")},
	{"a chain that was made again", func(w *town, s rows) {
		second("reason", "other")(w, s)
		reseal(w, s)
	}, only("ledger_head")},
	{"a last transaction that is missing with its seal", func(w *town, s rows) { dropLast(w, s) }, []string{"ledger_head", "reservation_payment", "store_balance"}},
	{"no seals", func(_ *town, s rows) { delete(s, ports.LedgerSeals) }, only("ledger_head")},
}

func TestCorruptedChains(t *testing.T) {
	for _, c := range chainCorrupted {
		t.Run(c.name, func(t *testing.T) {
			w := newTown(t)
			heads, s := w.heads(), w.rows()
			c.do(w, s)
			for _, against := range []tokens.Heads{heads, nil} {
				v, err := audit.Check(t.Context(), s, against...)
				if err != nil {
					t.Fatal(err)
				}
				found := map[string]bool{}
				for _, violation := range v.Violations {
					found[violation.Rule] = true
					checkViolation(t, violation)
				}
				want := slices.Sorted(slices.Values(c.rules))
				if against == nil {
					want = slices.DeleteFunc(want, func(rule string) bool { return rule == "ledger_head" })
				}
				if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, want) {
					t.Errorf("compared with %d heads, the broken rules are %v, want %v\n%+v", len(against), got, want, v.Violations)
				}
			}
		})
	}
}

// TestUnsealed audits a store while the last transactions are not sealed yet.
func TestUnsealed(t *testing.T) {
	w := newTown(t)
	heads, s := w.heads(), w.rows()
	for _, seq := range []int64{5, 6, 7} {
		s.again(of(w, s, ports.TokenTransactions, 2), "seq", seq+1000) // never sealed
	}
	s.drop(of(w, s, ports.LedgerSeals, heads[0].Seq))
	v, err := audit.Check(t.Context(), s)
	if err != nil || v.Unsealed != 4 {
		t.Errorf("%d transactions are not sealed, want 4; %v", v.Unsealed, err)
	}
	for _, violation := range v.Violations {
		if violation.Rule == "ledger_seal" || violation.Rule == "ledger_gap" {
			t.Errorf("%+v", violation)
		}
	}
}

func TestAnAuditAgainstHeads(t *testing.T) {
	w := newTown(t)
	heads := w.heads()
	auditor := audit.New(ports.ForAudit(w.store))
	v, err := auditor.AuditAgainst(t.Context(), heads)
	if err != nil || len(v.Violations) > 0 {
		t.Errorf("against the present heads: %+v, %v", v.Violations, err)
	}
	heads[0].Hash[0]++
	v, err = auditor.AuditAgainst(t.Context(), heads)
	if err != nil || len(v.Violations) != 1 || v.Violations[0].Rule != "ledger_head" {
		t.Errorf("against another head: %+v, %v", v.Violations, err)
	}
}
