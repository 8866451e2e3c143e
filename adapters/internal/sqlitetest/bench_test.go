package sqlitetest

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
)

// BenchmarkSend compares messaging.Service with SQLite alone, which runs the three statements of a send on the
// same tables: on one connection, with a transaction for each send and the same durability. It reports the sends
// per second of both, their ratio, and the ratio of the service to a single raw sender.
func BenchmarkSend(b *testing.B) {
	for _, senders := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			ctx := context.Background()
			path := filepath.Join(b.TempDir(), "service.db")
			o := mustOpen(b, path)
			_, pairs, err := o.Populate(ctx, senders)
			if err != nil {
				b.Fatal(err)
			}
			for _, p := range pairs { // messages without an answer are counted
				if _, err := o.Messaging.Send(ctx, p.Local, p.Talk, messaging.Draft{Content: content}, ""); err != nil {
					b.Fatal(err)
				}
			}
			b.ResetTimer()
			service := workload.PerSecond(b, senders, b.N, func(n int) error {
				_, err := o.Messaging.Send(ctx, pairs[n].Voyager, pairs[n].Talk, messaging.Draft{Content: content}, "")
				return err
			})
			b.StopTimer()
			o.close(b)

			alone, together := rawSends(b, 1), rawSends(b, senders)
			b.ReportMetric(service, "sends/s")
			b.ReportMetric(together, "raw/s")
			b.ReportMetric(service/together, "of-raw")
			b.ReportMetric(service/alone, "of-one-raw-sender")
		})
	}
}

const content = "Shall we meet at the fountain at ten?"

// rawSends returns the sends per second with SQLite alone, through database/sql.
func rawSends(b *testing.B, senders int) float64 {
	b.Helper()
	ctx := context.Background()
	path := filepath.Join(b.TempDir(), "raw.db")
	o := mustOpen(b, path)
	_, pairs, err := o.Populate(ctx, senders)
	if err != nil {
		b.Fatal(err)
	}
	o.close(b)
	db := rawDB(b, path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)")
	c, err := db.Conn(ctx)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := c.Close(); err != nil {
			b.Error(err)
		}
	})
	r := raw{ids: id.NewGenerator(nil)}
	for to, text := range map[**sql.Stmt]string{
		&r.begin:  `BEGIN IMMEDIATE`,
		&r.commit: `COMMIT`,
		&r.debit:  `UPDATE wallets SET balance = balance - 1, seq = seq + 1 WHERE user_id = ? RETURNING seq, balance`,
		&r.line: `INSERT INTO token_transactions
			(user_id, seq, id, amount, type, reason, metadata, balance_before, balance_after, created_at)
			VALUES (?, ?, ?, -1, 'MESSAGE_SENT', 'message sent', ?, ?, ?, ?)`,
		&r.message: `INSERT INTO messages (id, conversation_id, user_id, content, read, created_at)
			VALUES (?, ?, ?, ?, 0, ?)`,
	} {
		if *to, err = c.PrepareContext(ctx, text); err != nil { //nolint:sqlclosecheck // its connection closes it
			b.Fatal(err)
		}
	}
	return workload.PerSecond(b, senders, b.N, func(n int) error { return r.send(ctx, pairs[n]) })
}

// raw is a connection with the prepared statements of a send.
type raw struct {
	mu                                  sync.Mutex
	ids                                 *id.Generator
	begin, debit, line, message, commit *sql.Stmt
}

func (r *raw) send(ctx context.Context, p community.Pair) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.begin.ExecContext(ctx); err != nil {
		return err
	}
	message, transaction, now := id.Message(r.ids.Next()), id.Transaction(r.ids.Next()), time.Now().UnixMilli()
	var seq, balance int64
	if err := r.debit.QueryRowContext(ctx, p.Voyager[:]).Scan(&seq, &balance); err != nil {
		return err
	}
	metadata := `{"message_id":"` + message.String() + `"}`
	if _, err := r.line.ExecContext(ctx, p.Voyager[:], seq, transaction[:], metadata, balance+1, balance, now); err != nil {
		return err
	}
	if _, err := r.message.ExecContext(ctx, message[:], p.Talk[:], p.Voyager[:], content, now); err != nil {
		return err
	}
	_, err := r.commit.ExecContext(ctx)
	return err
}
