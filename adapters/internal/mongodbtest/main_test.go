// Package mongodbtest holds the tests of adapters/mongodb that need a server. All run on the fake. Those that
// do not control the server run on a real one too, if servers.Mongo finds one.
package mongodbtest

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
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
	"github.com/cicerone-go/cicerone/ports"
)

// The long tests call t.Parallel, because they wait for the driver, for time limits and for processes most of their time.
// Tests that check for leaked goroutines do not call it.

// The garbage collector would take a quarter of the processor time: the fake, the driver and the adapter are one
// process, with few living objects.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// target is a server that a test runs on.
type target struct {
	uri  string
	name string            // the first part of the names of databases
	fake *mongofake.Server // nil for a real server

	migrate func() error // makes the database migrated on the fake, when it is called first
}

// migrated is a database with all collections and no documents, which a fake copies.
const migrated = "migrated"

// everywhere runs a test on the fake, and on a real server if there is one.
func everywhere(t *testing.T, test func(t *testing.T, s target)) {
	t.Run("fake", func(t *testing.T) { test(t, onFake(startFake(t))) })
	t.Run("server", func(t *testing.T) { test(t, onServer(t)) })
}

// onServer returns a real server. Without one it skips the test.
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
	uri := server.URI()
	return target{uri: uri, name: "store", fake: server, migrate: sync.OnceValue(func() error {
		return mongodb.Migrate(context.Background(), uri, mongodb.Options{Database: migrated})
	})}
}

// startFake starts a fake server, which stops when the test ends. The test fails if it uses a feature that
// the fake lacks.
func startFake(t testing.TB) *mongofake.Server {
	t.Helper()
	server, err := mongofake.New(mongofake.Config{Printf: func(format string, args ...any) {
		t.Errorf("the fake lacks a feature: "+format, args...)
	}})
	must(t, err)
	t.Cleanup(func() {
		forget(server.URI())
		server.Stop()
	})
	return server
}

// onNodes starts a replica set for one test, which may kill and freeze its nodes. Without a mongod it skips
// the test.
func onNodes(t *testing.T, nodes int) (target, *servers.MongoServer) {
	t.Helper()
	server := servers.OwnMongo(t, nodes)
	uri := server.URI("store")
	t.Cleanup(func() { forget(uri) })
	return target{uri: uri, name: "store"}, server
}

var databases atomic.Int64

// fresh makes a store with all collections and no documents, in a new database. The fake copies a
// database that was migrated once, because migrations would be a large part of the work of a test.
func (s target) fresh(t testing.TB) mongodb.Options {
	t.Helper()
	o := s.empty(t)
	if s.fake == nil {
		must(t, mongodb.Migrate(context.Background(), s.uri, o))
		return o
	}
	must(t, s.migrate())
	must(t, s.fake.Copy(migrated, o.Database))
	return o
}

// empty returns the options of a new, empty database, which is dropped when the test ends.
func (s target) empty(t testing.TB) mongodb.Options {
	t.Helper()
	o := mongodb.Options{Database: fmt.Sprintf("%s_%d", s.name, databases.Add(1))}
	t.Cleanup(func() { s.drop(t, o) })
	return o
}

// drop drops a database that no store uses any more.
func (s target) drop(t testing.TB, o mongodb.Options) {
	t.Helper()
	must(t, s.client(t).Database(o.Database).Drop(context.Background()))
}

// open opens a store, or fails the test. The caller closes the store.
func (s target) open(t testing.TB, o mongodb.Options) *mongodb.Store {
	t.Helper()
	store, err := mongodb.Open(context.Background(), s.uri, o)
	must(t, err)
	return store
}

var clients sync.Map // by URI

// client returns a client that does not belong to a store. It writes with the write concern majority, because
// the adapter reads with the read concern majority, and would not see writes that only the primary has. The
// client lasts until forget is called or the tests end.
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

// forget disconnects the client of a server that stops before the tests end.
func forget(uri string) {
	if c, found := clients.LoadAndDelete(uri); found {
		_ = c.(*mongo.Client).Disconnect(context.Background()) // it fails if the server has stopped already
	}
}

// town is a store, with a community of a few pairs over it.
type town struct {
	*community.Community
	database string
	store    *mongodb.Store
	clock    *community.Clock
	admin    id.User
	pairs    []community.Pair
}

// populated opens a new store with an admin and n pairs. The store is closed when the test ends.
func (s target) populated(t testing.TB, n int) *town {
	t.Helper()
	return s.populatedOver(t, n, func(store *mongodb.Store, _ string) ports.Storage { return store })
}

// populatedOver is populated, with the community over what with makes of the store in a database.
func (s target) populatedOver(t testing.TB, n int, with func(store *mongodb.Store, database string) ports.Storage) *town {
	t.Helper()
	o := s.fresh(t)
	store := s.open(t, o)
	t.Cleanup(func() { must(t, store.Close(context.Background())) })
	clock := community.NewClock()
	c := community.New(with(store, o.Database), clock, id.NewGenerator(nil), uow.Policy{})
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
