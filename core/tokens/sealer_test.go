package tokens_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// mint is a store whose wallets receive tokens.
type mint struct {
	*testing.T
	store *ports.Store
	ids   *id.Generator
}

func newMint(t *testing.T, storage ports.Storage) *mint {
	return &mint{t, ports.NewStore(storage, uow.Policy{MaxTime: time.Second}), id.NewGenerator(nil)}
}

func (m *mint) do(fn func(ctx context.Context, tx ports.Tx) error) {
	m.Helper()
	if err := m.store.Do(m.Context(), fn); err != nil {
		m.Fatal(err)
	}
}

func (m *mint) user(name string) id.User {
	m.Helper()
	u := users.User{
		ID: id.User(m.ids.Next()), Name: name, Email: name + "@example.org", Role: users.RoleUser, IsActive: true, Version: 1,
		CreatedAt: clock.Truncate(time.Now()), UpdatedAt: clock.Truncate(time.Now()),
	}
	m.do(func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Users().Add(ctx, u, users.PasswordHash{})
		return errors.Join(err, tx.Tokens().Open(ctx, tokens.Wallet{ID: id.Wallet(m.ids.Next()), UserID: u.ID}))
	})
	return u.ID
}

func (m *mint) post(user id.User, ids func() [16]byte) {
	m.Helper()
	m.do(func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Tokens().Post(ctx, tokens.Entry{
			ID: id.Transaction(ids()), UserID: user, Amount: 1, Type: tokens.Bonus, CreatedAt: clock.Truncate(time.Now()),
		})
		return err
	})
}

// fill gives each of two users 600 transactions, which is more than one unit of the sealer seals. It
// returns the first user.
func (m *mint) fill() (ada id.User) {
	m.Helper()
	ada, ben := m.user("ada"), m.user("ben")
	for range 600 {
		m.post(ada, m.ids.Next)
		m.post(ben, m.ids.Next)
	}
	return ada
}

func (m *mint) sealer() *tokens.Sealer {
	m.Helper()
	s, err := tokens.NewSealer(ports.ForTokens(m.store), nil, tokens.DefaultPolicy())
	if err != nil {
		m.Fatal(err)
	}
	return s
}

// open returns how many transactions are not sealed.
func (m *mint) open() (n int64) {
	m.Helper()
	err := m.store.View(m.Context(), func(ctx context.Context, tx ports.Tx) error {
		chains, err := tx.Tokens().Chains(ctx, id.User{}, 2000)
		for _, c := range chains {
			n += c.Posted - c.Last.Seq
		}
		return err
	})
	if err != nil {
		m.Fatal(err)
	}
	return n
}

func (m *mint) heads() tokens.Heads {
	m.Helper()
	s, err := tokens.NewService(ports.ForTokens(m.store))
	if err != nil {
		m.Fatal(err)
	}
	heads, err := s.Heads(m.Context())
	if err != nil {
		m.Fatal(err)
	}
	return heads
}

// TestSealHash holds the encoding: seals that a store has must never get other hashes.
func TestSealHash(t *testing.T) {
	metadata, err := tokens.ParseMetadata([]byte(`{"message_id":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	line := tokens.Transaction{
		ID: id.Transaction{1}, UserID: id.User{2}, Seq: 1, Amount: -3, Type: tokens.MessageSent, Reason: "why", Metadata: metadata,
		BalanceBefore: 10, BalanceAfter: 7, CreatedAt: time.UnixMilli(1_700_000_000_123).UTC(),
	}
	first := tokens.Seal{}.Next(line)
	const want = "3dd0e7caf72d8adcffef383c259dc63832b03f741ed0237c4e5781ecf2fa10d9"
	if got := hex.EncodeToString(first.Hash[:]); got != want || first.UserID != line.UserID || first.Seq != 1 {
		t.Errorf("the seal is %+v with the hash %s, want %s", first, got, want)
	}
	for name, change := range map[string]func(t *tokens.Transaction){
		"id": func(t *tokens.Transaction) { t.ID[15]++ }, "user": func(t *tokens.Transaction) { t.UserID[0]++ },
		"seq": func(t *tokens.Transaction) { t.Seq++ }, "amount": func(t *tokens.Transaction) { t.Amount++ },
		"type": func(t *tokens.Transaction) { t.Type = tokens.Penalty }, "reason": func(t *tokens.Transaction) { t.Reason += " " },
		"metadata": func(t *tokens.Transaction) { t.Metadata = tokens.Metadata{} },
		"before":   func(t *tokens.Transaction) { t.BalanceBefore++ }, "after": func(t *tokens.Transaction) { t.BalanceAfter++ },
		"time": func(t *tokens.Transaction) { t.CreatedAt = t.CreatedAt.Add(time.Microsecond) },
	} {
		other := line
		change(&other)
		if (tokens.Seal{}).Next(other).Hash == first.Hash {
			t.Errorf("with another %s, the hash is the same", name)
		}
	}
	if first.Next(line).Hash == first.Hash {
		t.Error("after another seal, the hash is the same")
	}
}

// TestSealerRun tests that transactions are sealed in time, also those whose commit came late or
// whose id is not of their time, and that an idle sealer writes nothing.
func TestSealerRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var writes atomic.Int64
		m := newMint(t, counting{memory.New(), &writes})
		ada, ben := m.user("ada"), m.user("ben")
		for i := range 1200 { // more than one round of the sweep
			m.user(fmt.Sprint("u", i))
		}
		m.post(ada, m.ids.Next)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.sealer().Run(ctx, func(err error) { t.Errorf("the sealer reported %v", err) }) }()
		sealed := func(what string, within time.Duration) {
			t.Helper()
			time.Sleep(within)
			synctest.Wait()
			if n := m.open(); n != 0 {
				t.Errorf("%s: %d transactions are not sealed after %v", what, n, within)
			}
		}
		sealed("before the sealer began", time.Millisecond)
		for range 3 {
			m.post(ada, m.ids.Next)
			m.post(ben, m.ids.Next)
			sealed("while it runs", 2*time.Second)
		}
		m.post(ben, func() [16]byte { return id.First(time.Now().Add(-10 * time.Second)) })
		sealed("committed 10 s late", 12*time.Second)
		m.post(ada, func() [16]byte { return id.First(time.Now().Add(-time.Hour)) })
		sealed("committed an hour late", 8*time.Second)
		before := writes.Load()
		time.Sleep(time.Hour)
		if n := writes.Load() - before; n != 0 {
			t.Errorf("an idle sealer wrote in %d units", n)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
}

// TestSealerLooksBack tests that most rounds look back no further than a second before the last one,
// and that others find in time what was committed 15 s after the time of its id.
func TestSealerLooksBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watched := &chainReader{Store: memory.New(), beforeWrite: func() error { return nil }}
		m := newMint(t, watched)
		m.user("ada")
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		begun := time.Now()
		go func() { ended <- m.sealer().Run(ctx, func(err error) { t.Errorf("the sealer reported %v", err) }) }()
		const runs = 10 * time.Minute
		time.Sleep(runs)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		short := 0
		for _, w := range watched.windows {
			if w.at.Sub(w.since) <= 3*time.Second {
				short++
			}
		}
		if n := len(watched.windows); n < 200 || short < n*3/4 {
			t.Errorf("%d of %d rounds looked back at most 3 s", short, n)
		}
		for at := begun; at.Before(begun.Add(runs - time.Minute)); at = at.Add(500 * time.Millisecond) {
			committed := at.Add(15 * time.Second)
			if !slices.ContainsFunc(watched.windows, func(w window) bool {
				return !w.since.After(at) && !w.at.Before(committed) && w.at.Sub(committed) <= 12*time.Second
			}) {
				t.Fatalf("no round finds in time what has an id of %v and was committed 15 s later", at.Sub(begun))
			}
		}
	})
}

// TestSealerReadsChainsOnce tests that a sealer reads a page of chains once for all units that seal
// it, and again if another one was faster.
func TestSealerReadsChainsOnce(t *testing.T) {
	for name, test := range map[string]struct {
		others bool
		reads  int64
	}{"alone": {false, 1}, "after another one": {true, 2}} {
		t.Run(name, func(t *testing.T) {
			storage := memory.New()
			m := newMint(t, storage)
			m.fill()
			watched := &chainReader{Store: storage, beforeWrite: func() error { return nil }}
			if test.others {
				watched.beforeWrite = sync.OnceValue(func() error { return m.sealer().SealAll(t.Context()) })
			}
			if err := newMint(t, watched).sealer().SealAll(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := m.open(); n != 0 || watched.reads.Load() != test.reads {
				t.Errorf("%d transactions are not sealed after %d reads of the chains, want 0 after %d",
					n, watched.reads.Load(), test.reads)
			}
		})
	}
}

// TestSealerPassesGaps tests that the sealer seals the other wallets if the ledger of one lacks
// transactions.
func TestSealerPassesGaps(t *testing.T) {
	for name, test := range map[string]struct{ first, last, open int64 }{
		"one": {2, 2, 599}, "the last ones": {2, 600, 599}, "all": {1, 600, 600},
	} {
		t.Run(name, func(t *testing.T) {
			storage := memory.New()
			m := newMint(t, storage)
			ada := m.fill()
			hidden := func(line tokens.Transaction) bool {
				return line.UserID == ada && line.Seq >= test.first && line.Seq <= test.last
			}
			if err := newMint(t, gaps{storage, hidden}).sealer().SealAll(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := m.open(); n != test.open {
				t.Errorf("%d transactions are not sealed, want the %d of Ada from the gap on", n, test.open)
			}
		})
	}
}

// gaps hides transactions from the sealer.
type gaps struct {
	*memory.Store
	hidden func(tokens.Transaction) bool
}

type gapsTx struct {
	ports.Tx
	hidden func(tokens.Transaction) bool
}

type gapsRepository struct {
	tokens.Repository
	hidden func(tokens.Transaction) bool
}

func (g gaps) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	return g.Store.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, gapsTx{tx, g.hidden}) })
}

func (tx gapsTx) Tokens() tokens.Repository { return gapsRepository{tx.Tx.Tokens(), tx.hidden} }

func (r gapsRepository) Following(ctx context.Context, chains []tokens.Chain, limit int) ([]tokens.Transaction, error) {
	lines, err := r.Repository.Following(ctx, chains, 2000)
	lines = slices.DeleteFunc(lines, r.hidden)
	return lines[:min(limit, len(lines))], err
}

// chainReader counts how often chains are read.
type chainReader struct {
	*memory.Store
	beforeWrite func() error // is called before each unit that writes
	reads       atomic.Int64
	windows     []window // of the calls of Unsealed, by one sealer
}

// window is the time since when transactions were looked for, and when.
type window struct{ since, at time.Time }

func (r *chainReader) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	if mode == uow.Write {
		if err := r.beforeWrite(); err != nil {
			return err
		}
	}
	return r.Store.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, chainTx{tx, r}) })
}

type chainTx struct {
	ports.Tx
	reader *chainReader
}

func (tx chainTx) Tokens() tokens.Repository { return chainRepository{tx.Tx.Tokens(), tx.reader} }

type chainRepository struct {
	tokens.Repository
	reader *chainReader
}

func (r chainRepository) Chains(ctx context.Context, after id.User, limit int) ([]tokens.Chain, error) {
	r.reader.reads.Add(1)
	return r.Repository.Chains(ctx, after, limit)
}

func (r chainRepository) Unsealed(
	ctx context.Context, since id.Transaction, after id.User, limit int,
) ([]tokens.Chain, error) {
	r.reader.windows = append(r.reader.windows, window{since.Time(), time.Now()})
	return r.Repository.Unsealed(ctx, since, after, limit)
}

// counting counts the units that write.
type counting struct {
	*memory.Store
	writes *atomic.Int64
}

func (c counting) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	if mode == uow.Write {
		c.writes.Add(1)
	}
	return c.Store.Run(ctx, mode, fn)
}

// TestSealerReports tests that Run reports errors and then seals what it could not seal.
func TestSealerReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		m := newMint(t, failing{memory.New(), &down})
		ada := m.user("ada")
		ctx, stop := context.WithCancel(t.Context())
		var reported atomic.Int64
		ended := make(chan error, 1)
		go func() {
			ended <- m.sealer().Run(ctx, func(err error) {
				if !errors.Is(err, errDown) {
					t.Errorf("the sealer reported %v", err)
				}
				reported.Add(1)
			})
		}()
		time.Sleep(time.Second)
		m.post(ada, m.ids.Next)
		down.Store(true)
		time.Sleep(time.Minute)
		down.Store(false)
		if reported.Load() == 0 || m.open() != 1 {
			t.Errorf("%d errors were reported, and %d transactions are not sealed, want 1", reported.Load(), m.open())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if m.open() != 0 {
			t.Errorf("%d transactions are not sealed", m.open())
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

var errDown = errors.New("down")

type failing struct {
	*memory.Store
	down *atomic.Bool
}

func (f failing) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	if f.down.Load() {
		return errDown
	}
	return f.Store.Run(ctx, mode, fn)
}

func TestHeads(t *testing.T) {
	m := newMint(t, memory.New())
	if heads := m.heads(); len(heads) != 0 {
		t.Errorf("an empty store has the heads %v", heads)
	}
	for i := range 3 {
		user := m.user(fmt.Sprint("u", i))
		for range i {
			m.post(user, m.ids.Next)
		}
	}
	if err := m.sealer().SealAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	heads := m.heads()
	if len(heads) != 2 || heads[0].Seq != 1 || heads[1].Seq != 2 {
		t.Fatalf("the heads are %v", heads)
	}
	var text bytes.Buffer
	if n, err := heads.WriteTo(&text); err != nil || n != int64(text.Len()) {
		t.Fatalf("wrote %d of %d bytes, %v", n, text.Len(), err)
	}
	read, err := tokens.ReadHeads(bytes.NewReader(text.Bytes()))
	if err != nil || !slices.Equal(read, heads) {
		t.Errorf("read %v, %v", read, err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(text.String(), "\n"), "\n")
	for name, spoilt := range map[string]string{
		"nothing":               "",
		"no last line":          lines[0] + lines[1],
		"a line too few":        lines[0] + lines[2],
		"lines in other order":  lines[1] + lines[0] + lines[2],
		"a line twice":          lines[0] + lines[0] + lines[1] + lines[2],
		"another seq":           strings.Replace(lines[0], " 1 ", " 3 ", 1) + lines[1] + lines[2],
		"a seq that is no":      strings.Replace(lines[0], " 1 ", " x ", 1) + lines[1] + lines[2],
		"half a hash":           lines[0][:len(lines[0])-20] + "\n" + lines[1] + lines[2],
		"another number":        lines[0] + lines[1] + strings.Replace(lines[2], "heads 2", "heads 3", 1),
		"text after the end":    text.String() + "\n",
		"an id that is no":      "x" + text.String(),
		"more words":            "a b c d\n" + text.String(),
		"a line without an end": strings.Repeat("x", 1<<20),
	} {
		if read, err := tokens.ReadHeads(strings.NewReader(spoilt)); err == nil || read != nil {
			t.Errorf("%s: read %v, %v", name, read, err)
		} else if name != "a line without an end" && !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
