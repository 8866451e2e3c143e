package mongofake_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
)

// next returns the operation and the _id of the next change.
func next(t *testing.T, stream *mongo.ChangeStream) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if !stream.Next(ctx) {
		t.Fatalf("no change: %v", stream.Err())
	}
	var change struct {
		OperationType string
		NS            struct{ DB, Coll string }
		DocumentKey   struct {
			ID int32 `bson:"_id"`
		}
		FullDocument      bson.D
		UpdateDescription bson.D
	}
	must(t, stream.Decode(&change))
	return fmt.Sprint(change.OperationType, " ", change.NS.Coll, " ", change.DocumentKey.ID, change.FullDocument, change.UpdateDescription)
}

// A change stream on a database returns the committed changes of its collections, in the order of the commits.
func TestChangeStream(t *testing.T) {
	ctx := t.Context()
	db := connect(t, start(t)).Database("d")
	must(t, db.CreateCollection(ctx, "c"))
	_, err := db.Collection("c").InsertOne(ctx, bson.D{{Key: "_id", Value: 0}})
	must(t, err)
	match := mongo.Pipeline{{{Key: "$match", Value: bson.D{{Key: "ns.coll", Value: "c"}}}}}
	stream, err := db.Watch(ctx, match)
	must(t, err)
	defer func() { must(t, stream.Close(context.Background())) }()

	session, err := db.Client().StartSession()
	must(t, err)
	defer session.EndSession(ctx)
	inside := mongo.NewSessionContext(ctx, session)
	for n, end := range []func(context.Context) error{session.AbortTransaction, session.CommitTransaction} {
		must(t, session.StartTransaction())
		_, err = db.Collection("c").InsertOne(inside, bson.D{{Key: "_id", Value: 1 + n}, {Key: "v", Value: 1}})
		must(t, err)
		if n == 1 { // while the transaction is open
			_, err = db.Collection("other").InsertOne(ctx, bson.D{{Key: "_id", Value: 8}})
			must(t, err)
			_, err = db.Collection("c").InsertOne(ctx, bson.D{{Key: "_id", Value: 9}})
			must(t, err)
		}
		must(t, end(ctx))
	}
	set := bson.D{{Key: "$set", Value: bson.D{{Key: "w", Value: 3}}}, {Key: "$unset", Value: bson.D{{Key: "v", Value: ""}}}}
	_, err = db.Collection("c").UpdateByID(ctx, 2, set)
	must(t, err)
	_, err = db.Collection("c").DeleteOne(ctx, bson.D{{Key: "_id", Value: 2}})
	must(t, err)
	got := []string{next(t, stream), next(t, stream), next(t, stream), next(t, stream)}
	want := []string{
		"insert c 9 [{_id 9}] []", "insert c 2 [{_id 2} {v 1}] []",
		"update c 2 [] [{updatedFields [{w 3}]} {removedFields [v]}]", "delete c 2 [] []",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the changes are %q, want %q", got, want)
	}
}

// A change stream resumes where it was, after its connection was cut and after a restart of the server.
func TestChangeStreamResumes(t *testing.T) {
	ctx, server := t.Context(), start(t)
	coll := connect(t, server).Database("d").Collection("c")
	stream, err := coll.Watch(ctx, mongo.Pipeline{}, options.ChangeStream().SetMaxAwaitTime(50*time.Millisecond))
	must(t, err)
	defer func() { must(t, stream.Close(context.Background())) }()
	insert := func(n int) {
		_, err := coll.InsertOne(ctx, bson.D{{Key: "_id", Value: n}})
		must(t, err)
	}
	insert(1)
	insert(2)
	if got := next(t, stream); got != "insert c 1 [{_id 1}] []" {
		t.Errorf("the first change is %s", got)
	}
	token := stream.ResumeToken()
	defer server.Inject(mongofake.Fault{Command: "getMore", Cut: mongofake.AfterEffect})()
	insert(3)
	if got := []string{next(t, stream), next(t, stream)}; got[0] != "insert c 2 [{_id 2}] []" || got[1] != "insert c 3 [{_id 3}] []" {
		t.Errorf("the changes after a cut are %q", got)
	}
	server.Stop()
	must(t, server.Start())
	insert(4)
	if got := next(t, stream); got != "insert c 4 [{_id 4}] []" {
		t.Errorf("the change after a restart is %s", got)
	}
	again, err := coll.Watch(ctx, mongo.Pipeline{}, options.ChangeStream().SetResumeAfter(token))
	must(t, err)
	defer func() { must(t, again.Close(context.Background())) }()
	if got := next(t, again); got != "insert c 2 [{_id 2}] []" {
		t.Errorf("the first change after a token is %s", got)
	}
}

// What a change stream cannot do is refused with the codes of the server.
func TestChangeStreamRefused(t *testing.T) {
	ctx := t.Context()
	db := connect(t, start(t)).Database("d")
	must(t, db.CreateCollection(ctx, "c"))
	session, err := db.Client().StartSession()
	must(t, err)
	defer session.EndSession(ctx)
	must(t, session.StartTransaction())
	inside := mongo.NewSessionContext(ctx, session)
	for name, test := range map[string]struct {
		ctx  context.Context
		opts *options.ChangeStreamOptions
		code int
	}{
		"in a transaction": {inside, options.ChangeStream(), 263},
		"an invalid token": {ctx, options.ChangeStream().SetResumeAfter(bson.D{{Key: "_data", Value: "FF"}}), 50811},
	} {
		_, err := db.Collection("c").Watch(test.ctx, mongo.Pipeline{}, test.opts)
		var se mongo.ServerError
		if !errors.As(err, &se) || !se.HasErrorCode(test.code) {
			t.Errorf("%s: %v, want the code %d", name, err, test.code)
		}
	}
}
