package sqlitetest

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/moves"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/ports"
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

// BenchmarkMove accepts and cancels reservations, in one step and step by step. It reports the
// moves per second of both, and their ratio.
func BenchmarkMove(b *testing.B) {
	for _, movers := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("movers=%d", movers), func(b *testing.B) {
			whole := moved(b, movers, func(s ports.Storage) ports.Storage { return s })
			steps := moved(b, movers, moves.Stepwise)
			b.ReportMetric(whole, "moves/s")
			b.ReportMetric(steps, "stepwise/s")
			b.ReportMetric(whole/steps, "of-stepwise")
		})
	}
}

// moved returns how many reservations are accepted and cancelled per second over a new store.
func moved(b *testing.B, movers int, through func(ports.Storage) ports.Storage) float64 {
	b.Helper()
	ctx := context.Background()
	o := mustOpen(b, filepath.Join(b.TempDir(), "moves.db"))
	defer o.close(b)
	o.Community = over(through(o.storage))
	_, pairs, err := o.Populate(ctx, movers)
	if err != nil {
		b.Fatal(err)
	}
	left := make([][]id.Reservation, movers)
	titles := slices.Repeat([]string{"a walk"}, max(b.N/movers, 1)+workload.Unmeasured)
	var all sync.WaitGroup
	for n, p := range pairs {
		all.Go(func() { left[n] = o.proposed(b, p.Voyager, p.Talk, titles...) })
	}
	all.Wait()
	if b.Failed() {
		b.FailNow()
	}
	b.ResetTimer()
	defer b.StopTimer()
	return 2 * workload.PerSecond(b, movers, b.N, func(n int) error {
		next := left[n][0]
		left[n] = left[n][1:]
		if _, err := o.Reservations.Accept(ctx, pairs[n].Local, next, ""); err != nil {
			return err
		}
		_, err := o.Reservations.Cancel(ctx, pairs[n].Voyager, next, "")
		return err
	})
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
