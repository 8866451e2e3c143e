package audit_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"testing"

	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/ports"
)

// flood is the rows of a town, and many messages of one of its users, each with its payment and an
// event. The rows are made as they are read.
type flood struct {
	rows
	town *town
	n    int64
	held *uint64 // the memory in use when the last table is read
}

func (f flood) Each(ctx context.Context, table string) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		var wallet cells
		for r, err := range f.rows.Each(ctx, table) {
			c, _ := r.(cells)
			c.row = slices.Clone(c.row)
			switch {
			case table == "wallets" && c.get("user_id") == [16]byte(f.town.ada.ID):
				c.set("seq", c.get("seq").(int64)+f.n+1) //nolint:forcetypeassert // the type of the column
			case table == "counters":
				c.set("value", c.get("value").(int64)+f.n) //nolint:forcetypeassert // the type of the column
			case table == "token_transactions":
				if wallet.row != nil && wallet.get("user_id") == [16]byte(f.town.ada.ID) && c.get("user_id") != wallet.get("user_id") {
					if !f.lines(wallet, yield) {
						return
					}
				}
				wallet = c
			}
			if !yield(c, err) {
				return
			}
		}
		switch table {
		case "messages":
			f.messages(yield)
		case "events":
			f.events(yield)
		case "token_transactions":
			if wallet.get("user_id") == [16]byte(f.town.ada.ID) {
				f.lines(wallet, yield)
			}
		case "webhooks":
			var now runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&now)
			*f.held = now.HeapAlloc
		}
	}
}

// number returns the id of a row that follows those of the town.
func number(n int64) (made [16]byte) {
	made[0] = 0xff
	binary.BigEndian.PutUint64(made[8:], uint64(n)) // #nosec G115 -- it is not negative
	return made
}

func (f flood) messages(yield func(audit.Record, error) bool) {
	c := f.copied(ports.Messages)
	c.set("conversation_id", [16]byte(f.town.talk.ID), "user_id", [16]byte(f.town.ada.ID), "attachment", nil)
	for n := range f.n {
		if c.set("id", number(n)); !yield(c, nil) {
			return
		}
	}
}

// lines follow the last line of a wallet: a bonus, and the payments that use it up.
func (f flood) lines(last cells, yield func(audit.Record, error) bool) bool {
	c := cells{last.table, slices.Clone(last.row)}
	balance, _ := c.get("balance_after").(int64)
	seq, _ := c.get("seq").(int64)
	line := func(id, amount int64, kind tokens.Type, metadata string) bool {
		seq, balance = seq+1, balance+amount
		c.set("id", number(id), "seq", seq, "amount", amount, "type", string(kind), "metadata", metadata,
			"balance_before", balance-amount, "balance_after", balance)
		return yield(c, nil)
	}
	if !line(f.n, f.n, tokens.Bonus, "{}") {
		return false
	}
	for n := range f.n {
		id := number(n)
		text := fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
		if !line(n, -1, tokens.MessageSent, `{"message_id":"`+text+`"}`) {
			return false
		}
	}
	return true
}

func (f flood) events(yield func(audit.Record, error) bool) {
	c := f.copied(ports.Events)
	last := f.rows[ports.Events][len(f.rows[ports.Events])-1]
	position, _ := cells{ports.Events, last}.get("position").(int64)
	for n := range f.n {
		if c.set("id", number(n), "aggregate", "flood", "seq", n+1, "position", position+1+n); !yield(c, nil) {
			return
		}
	}
}

func (f flood) copied(table *ports.Table) cells {
	return cells{table, slices.Clone(f.first(table).row)}
}

// TestMemoryOfAnAudit checks how much memory an audit keeps for a message with its payment and its
// event: that of an id and a few bytes. Nothing is kept for the payment and the event.
func TestMemoryOfAnAudit(t *testing.T) {
	w := newTown(t)
	held := func(n int64) uint64 {
		var held uint64
		found, err := audit.Check(t.Context(), flood{w.rows(), w, n, &held})
		if err != nil {
			t.Fatal(err)
		}
		if len(found.Violations) > 0 {
			t.Fatalf("violations: %v", found.Violations[:min(len(found.Violations), 5)])
		}
		return held
	}
	const few, many = 10_000, 110_000
	if each := float64(held(many)-held(few)) / (many - few); each > 32 {
		t.Errorf("the audit keeps %.0f bytes for a message, want at most 32", each)
	}
}
