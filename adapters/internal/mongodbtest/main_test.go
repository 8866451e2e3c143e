// Package mongodbtest holds the tests of adapters/mongodb that need a server. What does not steer the server runs on the fake,
// always, and on a real one where servers.Mongo finds it; only the latter is MongoDB.
package mongodbtest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
)

// target is a server that a test runs on.
type target struct {
	uri  string
	name string            // of the database, before the number of the store
	fake *mongofake.Server // nil where it is a real one
}

// everywhere runs a test on the fake, and on a real server where there is one.
func everywhere(t *testing.T, test func(t *testing.T, s target)) {
	t.Run("fake", func(t *testing.T) { test(t, onFake(startFake(t))) })
	t.Run("server", func(t *testing.T) { test(t, onServer(t)) })
}

// onServer is a real server. Without one the test is skipped.
func onServer(t testing.TB) target {
	t.Helper()
	uri := servers.Mongo(t)
	return target{uri: uri, name: databaseOf(uri)}
}

func databaseOf(uri string) string {
	uri, _, _ = strings.Cut(uri, "?")
	return uri[strings.LastIndexByte(uri, '/')+1:]
}

func onFake(server *mongofake.Server) target {
	return target{uri: server.URI(), name: "store", fake: server}
}

// startFake starts a fake server, which ends with the test. What it lacks fails the test.
func startFake(t testing.TB) *mongofake.Server {
	t.Helper()
	server, err := mongofake.New(mongofake.Config{Printf: func(format string, args ...any) {
		t.Errorf("the fake was asked for what it does not have: "+format, args...)
	}})
	must(t, err)
	t.Cleanup(func() {
		forget(server.URI())
		server.Stop()
	})
	return server
}

// onNodes is a replica set of the test's own, whose nodes it may kill and freeze. Without a mongod the test is skipped.
func onNodes(t *testing.T, nodes int) (target, *servers.MongoServer) {
	t.Helper()
	server := servers.OwnMongo(t, nodes)
	uri := server.URI("store")
	t.Cleanup(func() { forget(uri) })
	return target{uri: uri, name: "store"}, server
}

var databases atomic.Int64

// fresh makes a store with all collections and no documents, in a database of its own.
func (s target) fresh(t testing.TB) mongodb.Options {
	t.Helper()
	o := s.empty(t)
	must(t, mongodb.Migrate(context.Background(), s.uri, o))
	return o
}

// empty is a database with nothing in it, which is dropped when the test ends.
func (s target) empty(t testing.TB) mongodb.Options {
	t.Helper()
	o := mongodb.Options{Database: fmt.Sprintf("%s_%d", s.name, databases.Add(1))}
	t.Cleanup(func() { s.drop(t, o) })
	return o
}

// drop makes room, when nobody uses the database any more.
func (s target) drop(t testing.TB, o mongodb.Options) {
	t.Helper()
	must(t, s.client(t).Database(o.Database).Drop(context.Background()))
}

// open opens a store, or fails the test. Whoever opens it closes it.
func (s target) open(t testing.TB, o mongodb.Options) *mongodb.Store {
	t.Helper()
	store, err := mongodb.Open(context.Background(), s.uri, o)
	must(t, err)
	return store
}

var clients sync.Map // by URI

// client is a host's own client, for looking behind a store's back. It writes with majority, whatever the server's default is: the
// adapter reads at majority, and would not see all that was only written to the primary. It lasts as long as the server, or
// the tests.
func (s target) client(t testing.TB) *mongo.Client {
	t.Helper()
	if c, found := clients.Load(s.uri); found {
		return c.(*mongo.Client)
	}
	c, err := mongo.Connect(context.Background(), options.Client().ApplyURI(s.uri).SetWriteConcern(writeconcern.Majority()))
	must(t, err)
	clients.Store(s.uri, c)
	return c
}

// forget lets go of the client of a server that ends before the tests do.
func forget(uri string) {
	if c, found := clients.LoadAndDelete(uri); found {
		_ = c.(*mongo.Client).Disconnect(context.Background()) // what it cannot tell the server, the server finds out
	}
}

// town is a community of a few pairs over a store.
type town struct {
	*community.Community
	database string
	store    *mongodb.Store
	clock    *community.Clock
	admin    id.User
	pairs    []community.Pair
}

// populated opens a new store with an admin and n pairs. It is closed when the test ends.
func (s target) populated(t testing.TB, n int) *town {
	t.Helper()
	o := s.fresh(t)
	store := s.open(t, o)
	t.Cleanup(func() { must(t, store.Close(context.Background())) })
	clock := community.NewClock()
	c := community.New(store, clock, id.NewGenerator(nil), uow.Policy{})
	admin, pairs, err := c.Populate(context.Background(), n)
	must(t, err)
	return &town{c, o.Database, store, clock, admin, pairs}
}

func soak() bool { return os.Getenv("CICERONE_SOAK") == "1" }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
