package postgrestest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/uow"
)

// The benchmarks compare the service with pgbench, which reads or writes the same rows on the same
// server in the same run. They report the operations per second of both, and the ratio. The numbers
// mean something only with a -benchtime of some thousand iterations (make bench-postgres) and on a
// disk.

// BenchmarkSend writes a message, its debit and the line in the ledger. pgbench writes them with
// one prepared statement, without any checks.
func BenchmarkSend(b *testing.B) {
	compare(b, `
		WITH pair AS (SELECT user_id, conversation_id FROM bench_pairs WHERE n = :client_id),
		fresh AS (SELECT gen_random_uuid() AS id),
		debit AS (
			UPDATE cicerone.wallets SET balance = balance - 1, seq = seq + 1 FROM pair WHERE wallets.user_id = pair.user_id
			RETURNING wallets.user_id, seq, balance),
		line AS (
			INSERT INTO cicerone.token_transactions
				(user_id, seq, id, amount, type, reason, metadata, balance_before, balance_after, created_at)
			SELECT user_id, seq, gen_random_uuid(), -1, 'MESSAGE_SENT', 'message sent',
				jsonb_build_object('message_id', fresh.id), balance + 1, balance, clock_timestamp() FROM debit, fresh)
		INSERT INTO cicerone.messages (id, conversation_id, user_id, content, attachment, read, created_at)
		SELECT fresh.id, conversation_id, user_id, '`+content+`', NULL, false, clock_timestamp() FROM pair, fresh;`,
		func(ctx context.Context, c *community.Community, p community.Pair) error {
			_, err := c.Messaging.Send(ctx, p.Voyager, p.Talk, messaging.Draft{Content: content}, "")
			return err
		})
}

// BenchmarkList reads the last 30 messages of a conversation.
func BenchmarkList(b *testing.B) {
	compare(b, `
		SELECT id, conversation_id, user_id, content, attachment, read, created_at FROM cicerone.messages
		WHERE conversation_id = (SELECT conversation_id FROM bench_pairs WHERE n = :client_id)
		ORDER BY created_at DESC, id DESC LIMIT 31;`,
		func(ctx context.Context, c *community.Community, p community.Pair) error {
			_, err := c.Messaging.Messages(ctx, p.Voyager, p.Talk, page.Request[page.Moment]{Limit: 30})
			return err
		})
}

const content = "Shall we meet at the fountain at ten?"

func compare(b *testing.B, script string, do func(context.Context, *community.Community, community.Pair) error) {
	ctx, dsn := context.Background(), servers.Postgres(b)
	must(b, postgres.Migrate(ctx, dsn, postgres.Options{}))
	s := open(b, dsn, postgres.Options{})
	b.Cleanup(func() { must(b, s.Close(ctx)) })
	c := community.New(s, community.NewClock(), id.NewGenerator(nil), uow.Policy{})
	_, pairs, err := c.Populate(ctx, 32)
	must(b, err)
	writePairs(b, dsn, pairs)
	for _, p := range pairs {
		_, err := c.Messaging.Send(ctx, p.Local, p.Talk, messaging.Draft{Content: content}, "") // messages without an answer are counted
		must(b, err)
		for range 40 {
			_, err := c.Messaging.Send(ctx, p.Voyager, p.Talk, messaging.Draft{Content: content}, "")
			must(b, err)
		}
	}
	for _, clients := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			ours := workload.PerSecond(b, clients, b.N, func(n int) error { return do(ctx, c, pairs[n]) })
			theirs := pgbench(b, dsn, script, clients, max(b.N/clients, 1))
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(ours, "service/s")
			b.ReportMetric(theirs, "pgbench/s")
			b.ReportMetric(ours/theirs, "ratio")
		})
	}
}

// writePairs writes the pairs to a table, from which the clients of pgbench, numbered from 0, read
// theirs.
func writePairs(b *testing.B, dsn string, pairs []community.Pair) {
	b.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, dsn)
	must(b, err)
	defer func() { must(b, c.Close(ctx)) }()
	_, err = c.Exec(ctx, "CREATE TABLE bench_pairs (n integer PRIMARY KEY, user_id uuid, conversation_id uuid)")
	must(b, err)
	for n, p := range pairs {
		_, err := c.Exec(ctx, "INSERT INTO bench_pairs VALUES ($1, $2, $3)", n, p.Voyager, p.Talk)
		must(b, err)
	}
}

var tps = regexp.MustCompile(`tps = ([0-9.]+) \(without initial connection time\)`)

func pgbench(b *testing.B, dsn, script string, clients, each int) float64 {
	b.Helper()
	file := filepath.Join(b.TempDir(), "script.sql")
	must(b, os.WriteFile(file, []byte(regexp.MustCompile(`\s+`).ReplaceAllString(script, " ")+"\n"), 0o600))
	out, err := exec.Command("pgbench", "--no-vacuum", "--protocol=prepared", "--file="+file,
		"--client="+strconv.Itoa(clients), "--jobs="+strconv.Itoa(min(clients, 2)), "--transactions="+strconv.Itoa(each), dsn).CombinedOutput()
	if err != nil {
		b.Fatalf("pgbench: %v\n%s", err, out)
	}
	found := tps.FindSubmatch(out)
	if found == nil {
		b.Fatalf("the output of pgbench:\n%s", out)
	}
	rate, err := strconv.ParseFloat(string(found[1]), 64)
	must(b, err)
	return rate
}
