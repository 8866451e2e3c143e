package mongofake_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// holding returns a session with an open transaction that has inserted _id 1.
func holding(t *testing.T, coll *mongo.Collection) mongo.Session {
	t.Helper()
	ctx := context.Background()
	must(t, coll.Database().CreateCollection(ctx, coll.Name()))
	session, err := coll.Database().Client().StartSession()
	must(t, err)
	t.Cleanup(func() { session.EndSession(context.Background()) })
	must(t, session.StartTransaction())
	_, err = coll.InsertOne(mongo.NewSessionContext(ctx, session), bson.D{{Key: "_id", Value: 1}, {Key: "v", Value: 1}})
	must(t, err)
	return session
}

// limited runs a command with a time limit of 20 ms, which is shorter than the open transaction.
func limited(coll *mongo.Collection, command bson.D) error {
	return coll.Database().RunCommand(context.Background(),
		append(command, bson.E{Key: "maxTimeMS", Value: 20})).Err()
}

func TestInsertWaitsToItsLimit(t *testing.T) {
	coll := connect(t, start(t)).Database("d").Collection("c")
	holding(t, coll)
	documents := bson.A{bson.D{{Key: "_id", Value: 1}}}
	err := limited(coll, bson.D{{Key: "insert", Value: "c"}, {Key: "documents", Value: documents}})
	var se mongo.ServerError
	if !errors.As(err, &se) || !se.HasErrorCode(50) {
		t.Errorf("insert: %v", err)
	}
}

// An upsert that conflicts with an insert ignores its time limit while it waits.
func TestUpsertWaitsPastItsLimit(t *testing.T) {
	coll := connect(t, start(t)).Database("d").Collection("c")
	session := holding(t, coll)
	answered := make(chan error)
	go func() {
		answered <- limited(coll, bson.D{{Key: "update", Value: "c"}, {Key: "updates", Value: bson.A{bson.D{
			{Key: "q", Value: bson.D{{Key: "_id", Value: 1}}},
			{Key: "u", Value: bson.D{{Key: "$inc", Value: bson.D{{Key: "v", Value: 1}}}}},
			{Key: "upsert", Value: true}}}}})
	}()
	select {
	case err := <-answered:
		t.Fatalf("the upsert returned %v while the other transaction was open", err)
	case <-time.After(100 * time.Millisecond): // five times the limit
	}
	must(t, session.CommitTransaction(context.Background()))
	must(t, <-answered)
	var d struct{ V int }
	must(t, coll.FindOne(context.Background(), bson.D{{Key: "_id", Value: 1}}).Decode(&d))
	if d.V != 2 {
		t.Errorf("v is %d, want 2: 1 inserted, and 1 added by the upsert", d.V)
	}
}

// A command stops waiting if the server stops or its client disconnects.
func TestWaitingEnds(t *testing.T) {
	server := start(t)
	once := options.Client().SetRetryWrites(false).SetServerSelectionTimeout(200 * time.Millisecond)
	coll := connect(t, server, once).Database("d").Collection("c")
	holding(t, coll)
	gone, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := coll.InsertOne(gone, bson.D{{Key: "_id", Value: 1}}); !mongo.IsTimeout(err) {
		t.Errorf("insert: %v", err)
	}
	answered := make(chan error)
	go func() {
		_, err := coll.InsertOne(context.Background(), bson.D{{Key: "_id", Value: 1}})
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Fatalf("insert: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	server.Stop()
	if err := <-answered; err == nil {
		t.Error("an insert succeeded on a stopped server")
	}
}
