package tokens_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// signs lists for each type whether it may credit and whether it may debit.
var signs = map[tokens.Type]struct{ credit, debit bool }{
	tokens.SignupBonus:     {credit: true},
	tokens.Purchase:        {credit: true},
	tokens.Refund:          {credit: true},
	tokens.ActivityReceipt: {credit: true},
	tokens.Bonus:           {credit: true},
	tokens.Deposit:         {credit: true},
	tokens.MessageSent:     {debit: true},
	tokens.ActivityPayment: {debit: true},
	tokens.Penalty:         {debit: true},
	tokens.Withdrawal:      {debit: true},
	tokens.AdminAdjustment: {credit: true, debit: true},
}

func TestTypeAllows(t *testing.T) {
	if len(tokens.Types) != len(signs) {
		t.Errorf("there are %d types, want %d", len(tokens.Types), len(signs))
	}
	for _, kind := range tokens.Types {
		want, known := signs[kind]
		if !known {
			t.Errorf("%s is not in the table", kind)
		}
		for amount, allowed := range map[int64]bool{
			1: want.credit, tokens.MaxAmount: want.credit, -1: want.debit, -tokens.MaxAmount: want.debit, 0: false,
		} {
			if got := kind.Allows(amount); got != allowed {
				t.Errorf("%s allows %d: %v, want %v", kind, amount, got, allowed)
			}
		}
	}
	for _, unknown := range []tokens.Type{"", "bonus", "NO_TYPE"} {
		if unknown.Allows(1) || unknown.Allows(-1) {
			t.Errorf("the unknown type %q allows an amount", unknown)
		}
	}
}

func TestEntryCheck(t *testing.T) {
	for name, test := range map[string]struct {
		entry  tokens.Entry
		fields []string
	}{
		"a credit":          {tokens.Entry{Type: tokens.Bonus, Amount: 5}, nil},
		"a debit":           {tokens.Entry{Type: tokens.Penalty, Amount: -5, Reason: "rude"}, nil},
		"a long reason":     {tokens.Entry{Type: tokens.Bonus, Amount: 5, Reason: strings.Repeat("é", 500)}, nil},
		"the maximum":       {tokens.Entry{Type: tokens.Bonus, Amount: tokens.MaxAmount}, nil},
		"zero":              {tokens.Entry{Type: tokens.Bonus}, []string{"amount"}},
		"the wrong sign":    {tokens.Entry{Type: tokens.Bonus, Amount: -5}, []string{"amount"}},
		"above maximum":     {tokens.Entry{Type: tokens.Bonus, Amount: tokens.MaxAmount + 1}, []string{"amount"}},
		"below -maximum":    {tokens.Entry{Type: tokens.Penalty, Amount: -1 << 63}, []string{"amount"}},
		"an unknown type":   {tokens.Entry{Type: "NO_TYPE", Amount: 5}, []string{"type"}},
		"too long a reason": {tokens.Entry{Type: tokens.Bonus, Amount: 5, Reason: strings.Repeat("é", 501)}, []string{"reason"}},
		"a reason with NUL": {tokens.Entry{Type: tokens.Bonus, Amount: 5, Reason: "a\x00b"}, []string{"reason"}},
		"two fields":        {tokens.Entry{Type: tokens.Bonus, Reason: "\xff"}, []string{"amount", "reason"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.entry.Prepared()
			if test.fields == nil {
				coretest.Is(t, err, nil)
				return
			}
			coretest.Fields(t, err, test.fields...)
		})
	}
	_, err := tokens.Entry{Type: tokens.Refund, Amount: -1}.Prepared()
	if want := "wrong sign for REFUND"; !strings.Contains(fmt.Sprint(err), want) {
		t.Errorf("got error %q, want it to contain %q", err, want)
	}
}
