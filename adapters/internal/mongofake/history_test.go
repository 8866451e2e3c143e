package mongofake_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
)

const (
	historyCount   = 500
	historyClients = 8 // goroutines of one history
	historyAtOnce  = 8 // concurrent histories: 64 goroutines
	historyDocs    = 4
	historySlots   = 3
)

// Goroutines read and write the same few documents over the driver. Snapshot isolation with first writers
// must explain all that they have read, and the documents at the end.
func TestHistories(t *testing.T) {
	server := start(t)
	client := connect(t, server)
	var mu sync.Mutex
	transactions, commits, conflicts := 0, 0, 0
	concurrently(historyCount, func(n int) bool {
		h := newHistory(server, client, n)
		problems := h.run()
		mu.Lock()
		defer mu.Unlock()
		for _, p := range problems {
			t.Errorf("history %d: %s", n, p)
		}
		transactions += len(h.txns)
		conflicts += h.conflicts
		for _, x := range h.txns {
			if x.committed {
				commits++
			}
		}
		return len(problems) == 0
	})
	t.Attr("counts", fmt.Sprintf("%d histories of %d goroutines: %d transactions, %d committed, %d conflicts",
		historyCount, historyClients, transactions, commits, conflicts))
	if commits == 0 || conflicts == 0 {
		t.Errorf("%d commits and %d conflicts, want some of each", commits, conflicts)
	}
}

// A planted flaw must make a history fail.
func TestHistoriesNoticeFlaws(t *testing.T) {
	for _, flaw := range []mongofake.Flaw{
		mongofake.NoIsolation, mongofake.NoConflict, mongofake.NoUniqueness, mongofake.NoRetryMemory,
	} {
		t.Run(string(flaw), func(t *testing.T) {
			server := start(t)
			server.Plant(flaw)
			client := connect(t, server)
			var mu sync.Mutex
			var noticed []string
			concurrently(historyCount, func(n int) bool {
				problems := newHistory(server, client, n).run()
				mu.Lock()
				defer mu.Unlock()
				noticed = append(noticed, problems...)
				return len(noticed) == 0
			})
			if len(noticed) == 0 {
				t.Fatal("no history failed")
			}
			t.Log(noticed[0])
		})
	}
}

// concurrently calls run with the numbers below n, until a call returns false.
func concurrently(n int, run func(int) (more bool)) {
	numbers := make(chan int)
	stop := make(chan struct{})
	var once sync.Once
	var workers sync.WaitGroup
	for range historyAtOnce {
		workers.Go(func() {
			for number := range numbers {
				if !run(number) {
					once.Do(func() { close(stop) })
				}
			}
		})
	}
feeding:
	for i := range n {
		select {
		case numbers <- i:
		case <-stop:
			break feeding
		}
	}
	close(numbers)
	workers.Wait()
}

// history is a random run, and what its clients saw.
type history struct {
	server *mongofake.Server
	client *mongo.Client
	seed   uint64
	docs   *mongo.Collection
	claims *mongo.Collection

	mu        sync.Mutex
	txns      []*txnSeen
	added     int         // the increments of the counter
	claimed   map[int]int // how often each slot was claimed
	outside   []seenOf    // reads without a transaction
	conflicts int
	problems  []string
}

// seenOf is a document that was read, and the transaction that had written it.
type seenOf struct {
	doc int
	by  string
}

// txnSeen is what a transaction read and wrote.
type txnSeen struct {
	id        string
	reads     map[int]string // for each document, the writer of the version that was read first
	writes    map[int]string // for each document, the writer of the version before
	claims    []int
	committed bool
}

func newHistory(server *mongofake.Server, client *mongo.Client, n int) *history {
	db := client.Database("histories")
	return &history{
		server: server, client: client, seed: uint64(n), claimed: map[int]int{},
		docs: db.Collection(fmt.Sprintf("docs%d", n)), claims: db.Collection(fmt.Sprintf("claims%d", n)),
	}
}

func (h *history) problem(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.problems = append(h.problems, fmt.Sprintf(format, args...))
}

func (h *history) run() []string {
	if err := h.prepare(); err != nil {
		return []string{err.Error()}
	}
	remove := h.server.Inject(mongofake.Fault{ // the reply to a write is lost, and the driver repeats the write
		Command: "update",
		Match:   func(c mongofake.Command) bool { return c.Collection == h.docs.Name() && !c.InTransaction },
		Skip:    rand.New(rand.NewPCG(h.seed, 0)).IntN(historyClients),
		Error:   &mongofake.Error{Code: 89}, TakesEffect: true,
	})
	defer remove()
	var clients sync.WaitGroup
	for i := range historyClients {
		clients.Go(func() {
			r := rand.New(rand.NewPCG(h.seed, uint64(i)+1))
			if err := h.live(r, i); err != nil {
				h.problem("client %d: %v", i, err)
			}
		})
	}
	clients.Wait()
	if err := h.check(); err != nil {
		h.problem("check: %v", err)
	}
	return h.problems
}

func (h *history) prepare() error {
	ctx := context.Background()
	_, err := h.claims.Indexes().CreateOne(ctx, mongo.IndexModel{
		Keys: bson.D{{Key: "slot", Value: 1}}, Options: options.Index().SetUnique(true)})
	if err != nil {
		return fmt.Errorf("create index: %w", err)
	}
	docs := []any{bson.D{{Key: "_id", Value: "counter"}, {Key: "n", Value: 0}}}
	for i := range historyDocs {
		docs = append(docs, bson.D{{Key: "_id", Value: i}, {Key: "by", Value: "nobody"}})
	}
	if _, err := h.docs.InsertMany(ctx, docs); err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	return nil
}

// live runs one client.
func (h *history) live(r *rand.Rand, client int) error {
	ctx := context.Background()
	for n := range 2 {
		if err := h.transact(ctx, r, fmt.Sprintf("%d-%d", client, n)); err != nil {
			return err
		}
	}
	if _, err := h.docs.UpdateByID(ctx, "counter", bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}}}}); err != nil {
		return fmt.Errorf("count: %w", err)
	}
	slot := r.IntN(historySlots)
	won, err := h.claim(ctx, slot)
	if err != nil {
		return err
	}
	seen, err := h.readAll(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.added++
	if won {
		h.claimed[slot]++
	}
	h.outside = append(h.outside, seen...)
	return err
}

var errLost = errors.New("the transaction conflicts with another")

// lost returns errLost for an error that a concurrent transaction causes, and otherwise err.
func lost(err error) error {
	var se mongo.ServerError
	if errors.As(err, &se) && (se.HasErrorLabel("TransientTransactionError") || se.HasErrorCode(11000)) {
		return errLost
	}
	return err
}

func (h *history) transact(ctx context.Context, r *rand.Rand, id string) error {
	session, err := h.client.StartSession()
	if err != nil {
		return err
	}
	defer session.EndSession(ctx)
	if err := session.StartTransaction(); err != nil {
		return err
	}
	x := &txnSeen{id: id, reads: map[int]string{}, writes: map[int]string{}}
	inside := mongo.NewSessionContext(ctx, session)
	for range 2 + r.IntN(4) {
		if err = h.act(inside, r, x); err != nil {
			break
		}
	}
	switch {
	case err == nil && r.IntN(6) > 0:
		err = lost(session.CommitTransaction(ctx))
		x.committed = err == nil
	case err == nil:
		err = session.AbortTransaction(ctx)
	default:
		_ = session.AbortTransaction(ctx) // the server has aborted it already
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.txns = append(h.txns, x)
	if errors.Is(err, errLost) {
		h.conflicts++
		return nil
	}
	return err
}

// act does one thing in a transaction.
func (h *history) act(ctx context.Context, r *rand.Rand, x *txnSeen) error {
	switch doc := r.IntN(historyDocs); r.IntN(7) {
	case 0, 1:
		seen, err := h.readAll(ctx)
		for _, s := range seen {
			h.saw(x, s)
		}
		return lost(err)
	case 2, 3:
		by, err := h.who(h.docs.FindOne(ctx, bson.D{{Key: "_id", Value: doc}}))
		if err == nil {
			h.saw(x, seenOf{doc, by})
		}
		return lost(err)
	case 4, 5:
		by, err := h.who(h.docs.FindOneAndUpdate(ctx, bson.D{{Key: "_id", Value: doc}},
			bson.D{{Key: "$set", Value: bson.D{{Key: "by", Value: x.id}}}}))
		if err == nil {
			h.saw(x, seenOf{doc, by})
			if _, again := x.writes[doc]; !again {
				x.writes[doc] = by
			}
		}
		return lost(err)
	default:
		slot := r.IntN(historySlots)
		won, err := h.claim(ctx, slot)
		if err != nil {
			return lost(err)
		}
		if !won {
			return errLost // the duplicate has aborted the transaction
		}
		x.claims = append(x.claims, slot)
		return nil
	}
}

// saw records a read. A transaction must read its own write, and otherwise the same version each time.
func (h *history) saw(x *txnSeen, s seenOf) {
	before, read := x.reads[s.doc]
	_, wrote := x.writes[s.doc]
	switch {
	case wrote && s.by != x.id:
		h.problem("%s wrote document %d and then read what %s wrote", x.id, s.doc, s.by)
	case !wrote && read && s.by != before:
		h.problem("%s read document %d as of %s, and then as of %s", x.id, s.doc, before, s.by)
	case !wrote:
		x.reads[s.doc] = s.by
	}
}

func (h *history) who(one *mongo.SingleResult) (string, error) {
	var d struct{ By string }
	err := one.Decode(&d)
	return d.By, err
}

func (h *history) readAll(ctx context.Context) ([]seenOf, error) {
	cursor, err := h.docs.Find(ctx, bson.D{{Key: "by", Value: bson.D{{Key: "$exists", Value: true}}}})
	if err != nil {
		return nil, err
	}
	var docs []struct {
		ID int `bson:"_id"`
		By string
	}
	if err := cursor.All(ctx, &docs); err != nil {
		return nil, err
	}
	seen := make([]seenOf, len(docs))
	for i, d := range docs {
		seen[i] = seenOf{d.ID, d.By}
	}
	return seen, nil
}

// claim inserts a slot, and reports whether it was free.
func (h *history) claim(ctx context.Context, slot int) (bool, error) {
	_, err := h.claims.InsertOne(ctx, bson.D{{Key: "slot", Value: slot}})
	if mongo.IsDuplicateKeyError(err) {
		return false, nil
	}
	return err == nil, err
}
