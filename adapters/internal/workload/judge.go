package workload

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/ports"
)

// Verdict counts the commands that were lost, and those that were executed more than once.
type Verdict struct{ Lost, Doubled int }

// Judge fails the test for every rule that the store breaks, for every acknowledged command without
// an effect, and for every command that was executed more than once. next has the number of the
// first command of each client that was not acknowledged; that command may have been executed or
// not.
func Judge(t testing.TB, c *community.Community, next []int) (v Verdict) {
	t.Helper()
	Audit(t, c)
	effects := Effects(t, c)
	for client, next := range next {
		for n := range next + 1 {
			times := effects[string(Key(client, n))]
			if times == 0 && n < next {
				v.Lost++
				t.Errorf("command %d of client %d was acknowledged, and is lost", n, client)
			}
			if times > 1 {
				v.Doubled++
				t.Errorf("command %d of client %d was executed %d times", n, client, times)
			}
		}
	}
	return v
}

// Audit fails the test for every rule that the store breaks.
func Audit(t testing.TB, c *community.Community) {
	t.Helper()
	v, err := c.Auditor.Audit(context.Background())
	if err != nil {
		t.Fatalf("audit: %v", err)
	}
	for _, broken := range v.Violations {
		t.Errorf("the store breaks %s at %q: %s", broken.Rule, broken.Subject, broken.Detail)
	}
}

// Effects counts the effects of the commands, by key. The key of a message is its first word.
func Effects(t testing.TB, c *community.Community) map[string]int {
	t.Helper()
	effects := map[string]int{}
	proposals := map[string]string{} // keys by the metadata that the ledger has for the reservation
	rows := func(table *ports.Table, each func(value func(column string) any)) {
		if err := eachRow(c.Store, table, each); err != nil {
			t.Fatal(err)
		}
	}
	rows(ports.Messages, func(value func(string) any) {
		key, _, _ := strings.Cut(value("content").(string), " ")
		effects[key]++
	})
	rows(ports.Reservations, func(value func(string) any) {
		title := value("title").(string)
		effects[title]++
		proposals[fmt.Sprintf(`{"reservation_id":"%s"}`, uuid(value("id")))] = title
		if s := value("status"); s != string(reservations.Pending) && s != string(reservations.Accepted) && s != string(reservations.Cancelled) {
			t.Errorf("a reservation has the status %v", s)
		}
	})
	rows(ports.TokenTransactions, func(value func(string) any) {
		proposal, known := proposals[value("metadata").(string)]
		switch value("type") {
		case "BONUS":
			effects[value("reason").(string)]++
		case "ACTIVITY_PAYMENT":
			effects[following(proposal, 1)]++
		case "REFUND":
			effects[following(proposal, 2)]++
		default:
			return
		}
		if value("type") != "BONUS" && !known {
			t.Errorf("a transaction names no known reservation: %v", value("metadata"))
		}
	})
	return effects
}

// following returns the key of a later command of the same client.
func following(key string, by int) string {
	at := strings.LastIndexByte(key, '-')
	var n int
	if _, err := fmt.Sscan(key[at+1:], &n); err != nil {
		return ""
	}
	return fmt.Sprintf("%s-%d", key[:at], n+by)
}

func uuid(v any) string {
	b, _ := v.([16]byte)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// eachRow calls each for every row of a table. The function value returns the value of a column.
func eachRow(store *ports.Store, table *ports.Table, each func(value func(column string) any)) error {
	return ports.ForAudit(store).Snapshot(context.Background(), func(ctx context.Context, tx audit.Tx) error {
		for row, err := range tx.Records().Each(ctx, table.Name) {
			if err != nil {
				return err
			}
			each(func(column string) any {
				value, err := row.Value(column)
				if err != nil {
					panic(err)
				}
				return value
			})
		}
		return nil
	})
}
