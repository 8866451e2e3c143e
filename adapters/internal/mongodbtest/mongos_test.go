package mongodbtest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/porttest"
)

// startCluster starts two mongos of a fake sharded cluster. Each knows only the commits that it has
// made itself, or has heard of from a shard. The configuration lacks only the shard keys.
func startCluster(t testing.TB, config mongofake.Config) (one, other target) {
	t.Helper()
	config.ShardKeys = map[string]string{}
	for _, k := range mongodb.ShardKeys() {
		config.ShardKeys[k.Collection] = k.Field
	}
	config.Printf = func(format string, args ...any) { t.Errorf("the fake lacks a feature: "+format, args...) }
	server, err := mongofake.New(config)
	must(t, err)
	second, err := server.Another()
	must(t, err)
	t.Cleanup(func() {
		forget(server.URI())
		second.Stop()
		server.Stop()
	})
	return onFake(server), onFake(second)
}

// TestStorageBehindTwoMongos runs the kit with every second unit in another store behind another
// mongos, of MongoDB 4.2, and with CICERONE_SOAK=1 also of 5.0. It checks every command that the
// adapter sends, too.
func TestStorageBehindTwoMongos(t *testing.T) {
	t.Parallel()
	t.Run("4.2", func(t *testing.T) {
		all := behindTwoMongos(t, mongofake.Config{})
		t.Run("concerns", func(t *testing.T) { checkConcerns(t, all) })
	})
	if soak() {
		t.Run("5.0", func(t *testing.T) { behindTwoMongos(t, mongofake.Config{SnapshotReads: true}) })
	}
}

func behindTwoMongos(t *testing.T, config mongofake.Config) []mongofake.Command {
	one, other := startCluster(t, config)
	seen := &commands{}
	defer one.fake.Observe(seen.add)()
	defer other.fake.Observe(seen.add)()
	porttest.Storage(t, func(t *testing.T) ports.Storage {
		o := seen.without(func() mongodb.Options { return one.fresh(t) })
		return &processes{stores: []*mongodb.Store{one.open(t, o), other.open(t, o)}}
	})
	all := seen.take()
	t.Run("writes of one document name its shard", func(t *testing.T) { checkShards(t, all) })
	t.Run("queries have an index", func(t *testing.T) { checkLookups(t, one, all) })
	return all
}

// lookups lists the shapes of the queries that are sent only behind mongos, and the index that
// serves each. One without conditions reads the first document of each shard.
var lookups = map[string]map[string]string{
	"events":              {"_id<=": "_id_", "_id>": "_id_"},
	"idempotency_records": {"created_at< saved=": "by_time"},
	"notices":             {"due_at<=": "by_due"},
	"reservations":        {"participants=": "of_participant"},
	"sessions":            {"expires_at<": "by_expiry"},
	"tries":               {"expires_at<=": "by_expiry"},
	"users":               {"_id= email=": "_id_"},
}

// checkLookups checks the queries that are not in the table of queries.
func checkLookups(t *testing.T, s target, all []mongofake.Command) {
	database, seen := s.fresh(t).Database, map[string]bool{}
	for _, c := range all {
		for _, st := range statements(c) {
			as := shape(st)
			listed := slices.ContainsFunc(queries[st.collection], func(q served) bool { return slices.Contains(q.shapes, as) })
			if listed || as == "" || seen[st.collection+as] {
				continue
			}
			seen[st.collection+as] = true
			if why := serves(indexesOf(t, s, database, st.collection), lookups[st.collection][as], st); why != "" {
				t.Errorf("%s: %s: %s", st.collection, as, why)
			}
		}
	}
	if len(seen) == 0 {
		t.Error("no such query was sent")
	}
}

// behindMongos lists the use cases that send other commands in a sharded cluster than to a replica
// set. A find outside of the transaction takes the place of one in it. More commands are sent where
// a write could miss what another mongos has acknowledged.
var behindMongos = map[string]string{
	"read a page of messages": "find find",
	"accept":                  "find find find find insert findAndModify find update findAndModify insert insert commitTransaction",
	"cancel":                  "find find find find insert update findAndModify insert insert commitTransaction",
	"read messages":           "findAndModify find find update find update update find update insert commitTransaction",
	"sign in":                 "find find update update commitTransaction find find findAndModify find insert insert update update update commitTransaction",
	"refresh":                 "find find update find find update insert commitTransaction",
	"change a password":       "find find find find update commitTransaction find update commitTransaction findAndModify find update update find delete find commitTransaction",
	"deactivate somebody":     "find update find find findAndModify update update find delete find insert insert commitTransaction",
	"suspend somebody":        "findAndModify update find find findAndModify update update update find delete find insert insert insert commitTransaction",
	"change an interest":      "find find findAndModify find update insert insert commitTransaction",
	"leave":                   "find find find find update commitTransaction find update commitTransaction find update find find find find findAndModify findAndModify findAndModify findAndModify findAndModify update findAndModify find delete delete find update insert insert delete update delete find delete find delete find delete find delete delete delete find delete find delete find commitTransaction",
	"list conversations":      "find find find find find find",
	"search":                  "find find find find aggregate",
	"look into a wallet":      "find find find aggregate abortTransaction",
}

// TestCommandsBehindMongos checks the commands of each use case in a sharded cluster.
func TestCommandsBehindMongos(t *testing.T) {
	s, _ := startCluster(t, mongofake.Config{})
	seen := &commands{}
	defer s.fake.Observe(seen.add)()
	for _, u := range useCases {
		t.Run(u.Name, func(t *testing.T) {
			c := s.scene(t)
			seen.take()
			must(t, u.Do(context.Background(), c.Scene, "a-key"))
			want, differs := behindMongos[u.Name]
			if !differs {
				want = u.commands
			}
			seen.want(t, u, want)
		})
	}
}

// A snapshot behind mongos is one moment, and sees all that another mongos has acknowledged before.
// From MongoDB 5.0 on it takes no transaction. Before, one that lasts for more than 5 s reads the
// rest as of a later moment.
func TestSnapshotBehindMongos(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config mongofake.Config
		pause  time.Duration
		begun  int // transactions
		second int64
	}{
		"4.2":         {mongofake.Config{}, 0, 1, 50},
		"4.2, longer": {mongofake.Config{}, 5 * time.Second, 2, 51},
		"5.0, longer": {mongofake.Config{SnapshotReads: true}, 5 * time.Second, 0, 50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here, there := startCluster(t, c.config)
			w := here.populated(t, 1)
			user := w.pairs[0].Local // with 50 tokens
			elsewhere := there.open(t, mongodb.Options{Database: w.database})
			defer func() { must(t, elsewhere.Close(context.Background())) }()
			seen := &commands{}
			defer there.fake.Observe(seen.add)()
			balance := func(ctx context.Context, tx ports.Tx) int64 {
				wallet, err := tx.Tokens().Wallet(ctx, user)
				must(t, err)
				return wallet.Balance
			}
			must(t, elsewhere.Run(context.Background(), uow.Snapshot, func(ctx context.Context, tx ports.Tx) error {
				if got := balance(ctx, tx); got != 50 {
					t.Errorf("the balance is %d, want the acknowledged 50", got)
				}
				must(t, w.store.Run(context.Background(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
					_, err := tx.Tokens().Post(ctx, bonus(user))
					return err
				}))
				time.Sleep(c.pause)
				if got := balance(ctx, tx); got != c.second {
					t.Errorf("the balance in the same snapshot is %d, want %d", got, c.second)
				}
				return nil
			}))
			begun := 0
			for _, command := range seen.take() {
				if command.StartTransaction {
					begun++
				}
			}
			if begun != c.begun {
				t.Errorf("%d transactions, want %d", begun, c.begun)
			}
		})
	}
}
