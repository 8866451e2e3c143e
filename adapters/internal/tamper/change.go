package tamper

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/ports"
)

// change replaces rows of the ledger of a user.
type change struct {
	kind     string
	user     id.User
	table    *ports.Table
	old, new []ports.Row
	isFound  func(v tokens.Violation) bool
}

// apply removes rows and then adds others.
func (c change) apply(ctx context.Context, door Backdoor, remove, add []ports.Row) error {
	for _, row := range remove {
		if err := door.Remove(ctx, c.table, row[:c.table.Key]); err != nil {
			return fmt.Errorf("%s: %w", c.kind, err)
		}
	}
	for _, row := range add {
		if err := door.Insert(ctx, c.table, row); err != nil {
			return fmt.Errorf("%s: %w", c.kind, err)
		}
	}
	return nil
}

// change returns a random change of the ledger of a user.
func (l *ledger) change(r *rand.Rand, user id.User) change {
	all, seals := l.lines[user], l.seals[user]
	c := change{user: user, table: ports.TokenTransactions, isFound: func(v tokens.Violation) bool {
		return v.Subject == user.String() && (v.Rule == "ledger_seal" || v.Rule == "ledger_gap")
	}}
	at := r.IntN(len(all))
	edit := func(row ports.Row, column string, value any) ports.Row {
		row = slices.Clone(row)
		row[slices.Index(c.table.Names(), column)] = value
		return row
	}
	switch kind := r.IntN(16); kind {
	case 0, 1, 2, 3, 4, 5, 6, 7, 8, 9:
		column, value := edited(r, kind, all[at])
		c.kind, c.old, c.new = "an edited "+column, all[at:at+1], []ports.Row{edit(all[at], column, value)}
	case 10:
		c.kind, c.old = "a removed transaction", all[at:at+1]
	case 11, 12:
		other := (at + 1 + r.IntN(len(all)-1)) % len(all)
		c.kind, c.old = "two transactions in the other order", []ports.Row{all[at], all[other]}
		c.new = []ports.Row{edit(all[at], "seq", all[other][1]), edit(all[other], "seq", all[at][1])}
	case 13:
		c.kind = "a further transaction"
		c.new = []ports.Row{edit(edit(all[len(all)-1], "seq", int64(len(all)+1)), "id", random(r))}
		c.isFound = func(v tokens.Violation) bool { return v.Subject == l.wallets[user].String() && v.Rule == "wallet_seq" }
	case 14:
		c.kind, c.table, c.old = "an edited seal", ports.LedgerSeals, seals[at:at+1]
		hash := slices.Clone(seals[at][2].([]byte)) //nolint:forcetypeassert // a column of bytes
		hash[r.IntN(len(hash))] ^= 1 << r.IntN(8)
		c.new = []ports.Row{edit(seals[at], "hash", hash)}
	default: // the last seal could be one that the sealer has not made yet
		at = r.IntN(len(seals) - 1)
		c.kind, c.table, c.old = "a removed seal", ports.LedgerSeals, seals[at:at+1]
	}
	return c
}

// edited returns a column of a transaction and another value for it.
func edited(r *rand.Rand, kind int, row ports.Row) (column string, value any) {
	column = []string{"id", "amount", "type", "reason", "metadata", "balance_before", "balance_after", "created_at", "user_id", "seq"}[kind]
	old := row[slices.Index(ports.TokenTransactions.Names(), column)]
	switch old := old.(type) {
	case [16]byte:
		return column, random(r)
	case int64:
		return column, old + lines + r.Int64N(1000) // no seq of the wallet
	case time.Time:
		return column, old.Add(time.Duration(1+r.IntN(1_000_000)) * time.Millisecond)
	}
	switch column {
	case "type":
		return column, string(slices.DeleteFunc(slices.Clone(tokens.Types), func(t tokens.Type) bool {
			return t == tokens.SignupBonus || string(t) == old
		})[r.IntN(len(tokens.Types)-2)])
	case "metadata":
		return column, fmt.Sprintf(`{"no":%d}`, r.IntN(1000))
	default:
		return column, fmt.Sprint("other ", r.IntN(1000))
	}
}

func random(r *rand.Rand) (i [16]byte) {
	for n := range i {
		i[n] = byte(r.UintN(256))
	}
	return i
}
