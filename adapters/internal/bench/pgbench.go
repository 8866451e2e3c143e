package bench

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// bench runs pgbench: one prepared statement for each operation, from which the limit of the
// database is seen.
type bench struct {
	program string
	folder  string // of the scripts
	dsn     string
	talkers int
}

// scripts has a statement for each scenario. @talker is the row of one talker of the client, by
// Zipf's law. Like that of the bare floor, the message has whole milliseconds.
var scripts = map[string]string{
	"send": `
		WITH talker AS (@talker), fresh AS (SELECT gen_random_uuid() AS id, date_trunc('milliseconds', clock_timestamp()) AS at),
		debit AS (
			UPDATE cicerone.wallets SET balance = balance - 1, seq = seq + 1 FROM talker WHERE wallets.user_id = talker.user_id
			RETURNING wallets.user_id, seq, balance),
		line AS (
			INSERT INTO cicerone.token_transactions
				(user_id, seq, id, amount, type, reason, metadata, balance_before, balance_after, created_at)
			SELECT user_id, seq, gen_random_uuid(), -1, 'MESSAGE_SENT', 'message sent',
				jsonb_build_object('message_id', fresh.id), balance + 1, balance, at FROM debit, fresh)
		INSERT INTO cicerone.messages (id, conversation_id, user_id, content, attachment, read, created_at)
		SELECT fresh.id, conversation_id, user_id, '` + content + `', NULL, false, at FROM talker, fresh;`,
	"list": `
		SELECT id, conversation_id, user_id, content, attachment, read, created_at FROM cicerone.messages
		WHERE conversation_id = (SELECT conversation_id FROM (@talker) AS talker) ORDER BY created_at DESC, id DESC LIMIT 31;`,
	"match": `
		WITH me AS MATERIALIZED (
			SELECT people.user_id, bits FROM floor.people JOIN (@talker) AS talker ON talker.user_id = people.user_id)
		SELECT profile_id, bit_count(people.bits & me.bits) AS score FROM floor.people, me
		WHERE people.user_id <> me.user_id AND people.country = '` + strings.ToLower(country) + `'
		ORDER BY score DESC, profile_id LIMIT 20;`,
}

func newPgbench(folder string, s store, talkers int) (*bench, error) {
	program, err := exec.LookPath("pgbench")
	if err != nil {
		return nil, err
	}
	b := &bench{program, folder, s.address, talkers}
	for name, text := range scripts {
		text = strings.ReplaceAll(text, "@talker", "SELECT user_id, conversation_id FROM floor.talkers WHERE n = :n")
		text = fmt.Sprintf("\\set n :client_id + :clients * (random_zipfian(1, :each, %v) - 1)\n%s\n", popular,
			strings.TrimSpace(regexp.MustCompile(`\s+`).ReplaceAllString(text, " ")))
		if err := os.WriteFile(b.script(name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *bench) script(name string) string { return filepath.Join(b.folder, name+".sql") }

var (
	tps       = regexp.MustCompile(`tps = ([0-9.]+) \(without initial connection time\)`)
	processed = regexp.MustCompile(`transactions actually processed: ([0-9]+)`)
)

// run measures whole seconds, because pgbench knows no others.
func (b *bench) run(s scenario, clients int, warmup, span time.Duration) (perSecond, count float64, err error) {
	clients = min(clients, b.talkers)
	seconds := func(d time.Duration) string { return strconv.Itoa(max(int(math.Ceil(d.Seconds())), 1)) }
	//nolint:noctx // it ends by itself
	out, err := exec.Command(b.program, "--no-vacuum", "--protocol=prepared", "--file="+b.script(s.sql),
		"--client="+strconv.Itoa(clients), "--jobs="+strconv.Itoa(min(clients, 2)), "--time="+seconds(warmup+span),
		"--random-seed="+strconv.Itoa(seed), "--define=clients="+strconv.Itoa(clients), "--define=each="+strconv.Itoa(b.talkers/clients), b.dsn).CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	rate, all := tps.FindSubmatch(out), processed.FindSubmatch(out)
	if rate == nil || all == nil {
		return 0, 0, fmt.Errorf("the output of pgbench has no rate:\n%s", out)
	}
	perSecond, err = strconv.ParseFloat(string(rate[1]), 64)
	if err == nil {
		count, err = strconv.ParseFloat(string(all[1]), 64)
	}
	return perSecond, count, err
}
