package mongodbtest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/porttest"
)

// startCluster starts two mongos of a fake sharded cluster. Each knows only the commits that it has made
// itself, or has heard of from a shard. A transaction lasts at most the given time.
func startCluster(t testing.TB, transactions time.Duration) (one, other target) {
	t.Helper()
	keys := map[string]string{}
	for _, k := range mongodb.ShardKeys() {
		keys[k.Collection] = k.Field
	}
	server, err := mongofake.New(mongofake.Config{ShardKeys: keys, TransactionLifetime: transactions, Printf: func(format string, args ...any) {
		t.Errorf("the fake lacks a feature: "+format, args...)
	}})
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

// TestStorageBehindTwoMongos runs the kit with every second unit in another store behind another mongos.
func TestStorageBehindTwoMongos(t *testing.T) {
	one, other := startCluster(t, time.Minute)
	porttest.Storage(t, func(t *testing.T) ports.Storage {
		o := one.fresh(t)
		return &processes{stores: []*mongodb.Store{one.open(t, o), other.open(t, o)}}
	})
}

// behindMongos lists the use cases that send other commands in a sharded cluster than to a replica set. A find
// outside of the transaction takes the place of one in it. More commands are sent where a write could miss what
// another mongos has acknowledged.
var behindMongos = map[string]string{
	"read messages":       "findAndModify find find update find update update find update commitTransaction",
	"sign in":             "find find findAndModify find insert insert commitTransaction",
	"change a password":   "find find findAndModify find update delete find update find commitTransaction",
	"deactivate somebody": "find update find find findAndModify update update find insert commitTransaction",
	"change an interest":  "find find findAndModify find update insert commitTransaction",
	"leave":               "find find find update find find find find findAndModify findAndModify findAndModify findAndModify findAndModify update findAndModify find delete delete update insert delete update delete find delete delete delete find commitTransaction",
	"list conversations":  "find find find find",
	"search":              "find find find find aggregate",
	"look into a wallet":  "find find find aggregate abortTransaction",
}

// TestCommandsBehindMongos checks the commands of each use case in a sharded cluster.
func TestCommandsBehindMongos(t *testing.T) {
	s, _ := startCluster(t, time.Minute)
	seen := &commands{}
	defer s.fake.Observe(seen.add)()
	for _, u := range useCases {
		t.Run(u.Name, func(t *testing.T) {
			c := s.scene(t)
			seen.take()
			must(t, u.Do(context.Background(), c.Scene, "a-key"))
			var names []string
			for _, command := range seen.take() {
				names = append(names, command.Name)
			}
			want, differs := behindMongos[u.Name]
			if !differs {
				want = u.commands
			}
			if got := strings.Join(names, " "); got != want {
				t.Errorf("%d commands:\n got %s\nwant %s", len(names), got, want)
			}
		})
	}
}
