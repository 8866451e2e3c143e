package mongofake_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
)

// connect returns a client of the server, which is disconnected when the test ends.
func connect(t testing.TB, server *mongofake.Server, more ...*options.ClientOptions) *mongo.Client {
	t.Helper()
	opts := append([]*options.ClientOptions{options.Client().ApplyURI(server.URI()).
		SetServerSelectionTimeout(10 * time.Second)}, more...)
	client, err := mongo.Connect(context.Background(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func count(t testing.TB, coll *mongo.Collection) int64 {
	t.Helper()
	n, err := coll.CountDocuments(context.Background(), bson.D{})
	must(t, err)
	return n
}

func TestCut(t *testing.T) {
	once := options.Client().SetRetryWrites(false)
	for _, test := range []struct {
		name string
		cut  mongofake.Cut
		opts []*options.ClientOptions
		fail bool
		left int64
	}{
		{"before, not retried", mongofake.BeforeEffect, []*options.ClientOptions{once}, true, 0},
		{"after, not retried", mongofake.AfterEffect, []*options.ClientOptions{once}, true, 1},
		{"before, retried", mongofake.BeforeEffect, nil, false, 1},
		{"after, retried", mongofake.AfterEffect, nil, false, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := start(t)
			coll := connect(t, server, test.opts...).Database("d").Collection("c")
			server.Inject(mongofake.Fault{Command: "insert", Cut: test.cut})
			_, err := coll.InsertOne(context.Background(), bson.D{})
			if (err != nil) != test.fail {
				t.Errorf("insert: %v", err)
			}
			if n := count(t, coll); n != test.left {
				t.Errorf("%d documents, want %d", n, test.left)
			}
		})
	}
}

// A commit takes effect although its reply is lost. A repeated commit succeeds.
func TestLostCommit(t *testing.T) {
	server := start(t)
	coll := connect(t, server).Database("d").Collection("c")
	ctx := context.Background()
	must(t, coll.Database().CreateCollection(ctx, "c"))
	server.Inject(mongofake.Fault{Command: "commitTransaction", Cut: mongofake.AfterEffect, Times: 2})
	session, err := coll.Database().Client().StartSession()
	must(t, err)
	defer session.EndSession(ctx)
	must(t, session.StartTransaction())
	_, err = coll.InsertOne(mongo.NewSessionContext(ctx, session), bson.D{})
	must(t, err)
	err = session.CommitTransaction(ctx)
	var se mongo.ServerError
	if !errors.As(err, &se) || !se.HasErrorLabel("UnknownTransactionCommitResult") {
		t.Errorf("commit: %v", err)
	}
	must(t, session.CommitTransaction(ctx))
	if n := count(t, coll); n != 1 {
		t.Errorf("%d documents, want 1", n)
	}
}

func TestError(t *testing.T) {
	server := start(t)
	coll := connect(t, server, options.Client().SetRetryWrites(false)).Database("d").Collection("c")
	ctx := context.Background()
	conflict := &mongofake.Error{Code: 112, Labels: []string{"TransientTransactionError"}}
	server.Inject(mongofake.Fault{Command: "insert", Skip: 1, Error: conflict})
	server.Inject(mongofake.Fault{Command: "delete", Error: &mongofake.Error{Code: 10107}, TakesEffect: true})
	for i, fails := range []bool{false, true, false} {
		_, err := coll.InsertOne(ctx, bson.D{{Key: "_id", Value: i}})
		var se mongo.ServerError
		if errors.As(err, &se) != fails ||
			fails && !(se.HasErrorCode(112) && se.HasErrorLabel("TransientTransactionError")) {
			t.Errorf("insert %d: %v", i, err)
		}
	}
	if _, err := coll.DeleteOne(ctx, bson.D{{Key: "_id", Value: 0}}); err == nil {
		t.Error("delete: no error")
	}
	if n := count(t, coll); n != 1 {
		t.Errorf("%d documents, want 1: the third insert", n)
	}
}

func TestMatchDelayAndRemove(t *testing.T) {
	server := start(t)
	coll := connect(t, server).Database("d").Collection("c")
	ctx := context.Background()
	remove := server.Inject(mongofake.Fault{
		Match: func(c mongofake.Command) bool { return c.Collection == "c" && c.Name == "insert" },
		Delay: time.Hour, Times: -1,
	})
	soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if _, err := coll.InsertOne(soon, bson.D{}); !mongo.IsTimeout(err) {
		t.Errorf("insert: %v", err)
	}
	remove()
	_, err := coll.InsertOne(ctx, bson.D{})
	must(t, err)
	if n := count(t, coll); n != 1 {
		t.Errorf("%d documents, want 1", n)
	}
}

func TestStopAndStart(t *testing.T) {
	server := start(t)
	client := connect(t, server)
	coll := client.Database("d").Collection("c")
	ctx := context.Background()
	_, err := coll.InsertOne(ctx, bson.D{{Key: "_id", Value: 1}})
	must(t, err)
	session, err := client.StartSession()
	must(t, err)
	defer session.EndSession(ctx)
	must(t, session.StartTransaction())
	_, err = coll.InsertOne(mongo.NewSessionContext(ctx, session), bson.D{{Key: "_id", Value: 2}})
	must(t, err)

	address := server.Address()
	server.Stop()
	server.Stop()
	must(t, server.Start())
	must(t, server.Start())
	if server.Address() != address {
		t.Errorf("address %s, was %s", server.Address(), address)
	}
	if n := count(t, coll); n != 1 {
		t.Errorf("%d documents, want 1", n)
	}
	var se mongo.ServerError
	if err := session.CommitTransaction(ctx); !errors.As(err, &se) || !se.HasErrorCode(251) {
		t.Errorf("commit: %v", err)
	}
	_, err = coll.InsertOne(ctx, bson.D{{Key: "_id", Value: 2}})
	must(t, err)
}

func TestRefuse(t *testing.T) {
	server := start(t)
	server.Refuse(true)
	impatient := connect(t, server, options.Client().SetServerSelectionTimeout(100*time.Millisecond))
	if err := impatient.Ping(context.Background(), nil); err == nil {
		t.Error("a refused client was served")
	}
	server.Refuse(false)
	must(t, connect(t, server).Ping(context.Background(), nil))
}

func TestObserver(t *testing.T) {
	server := start(t)
	client := connect(t, server)
	ctx := context.Background()
	coll := client.Database("d").Collection("c")
	must(t, coll.Database().CreateCollection(ctx, "c"))
	var mu sync.Mutex
	var seen []mongofake.Command
	stop := server.Observe(func(c mongofake.Command) {
		mu.Lock()
		defer mu.Unlock()
		if c.Collection == "c" || c.Name == "commitTransaction" {
			seen = append(seen, c)
		}
	})
	session, err := client.StartSession()
	must(t, err)
	defer session.EndSession(ctx)
	must(t, session.StartTransaction(options.Transaction().SetWriteConcern(writeconcern.Majority())))
	inside := mongo.NewSessionContext(ctx, session)
	_, err = coll.InsertOne(inside, bson.D{})
	must(t, err)
	_, err = coll.DeleteOne(inside, bson.D{{Key: "x", Value: 1}})
	must(t, err)
	must(t, session.CommitTransaction(ctx))
	stop()
	count(t, coll)

	mu.Lock()
	defer mu.Unlock()
	var names []string
	for _, c := range seen {
		names = append(names, c.Name)
		if !c.InTransaction || c.TxnNumber != 1 || c.Session != seen[0].Session || c.Session == "" {
			t.Errorf("%s: %+v", c.Name, c)
		}
	}
	if !slices.Equal(names, []string{"insert", "delete", "commitTransaction"}) {
		t.Fatalf("seen: %v", names)
	}
	if !seen[0].StartTransaction || seen[1].StartTransaction || get(seen[2].WriteConcern, "w") != "majority" {
		t.Errorf("seen: %+v", seen)
	}
}

// A transaction is aborted at the end of its lifetime, and its locks are released.
func TestLifetime(t *testing.T) {
	server, err := mongofake.New(mongofake.Config{TransactionLifetime: 50 * time.Millisecond})
	must(t, err)
	t.Cleanup(server.Stop)
	client := connect(t, server)
	coll := client.Database("d").Collection("c")
	ctx := context.Background()
	_, err = coll.InsertOne(ctx, bson.D{{Key: "_id", Value: 1}})
	must(t, err)
	session, err := client.StartSession()
	must(t, err)
	defer session.EndSession(ctx)
	must(t, session.StartTransaction())
	set := bson.D{{Key: "$inc", Value: bson.D{{Key: "v", Value: 1}}}}
	_, err = coll.UpdateByID(mongo.NewSessionContext(ctx, session), 1, set)
	must(t, err)
	_, err = coll.UpdateByID(ctx, 1, set) // waits until the transaction is aborted
	must(t, err)
	var se mongo.ServerError
	if err := session.CommitTransaction(ctx); !errors.As(err, &se) || !se.HasErrorCode(251) {
		t.Errorf("commit: %v", err)
	}
}
