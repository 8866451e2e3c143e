package mongofake_test

import (
	"context"
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
)

// A transaction does not see what another mongos has acknowledged, until its own mongos hears from
// the shard concerned. A read outside of a transaction sees it.
func TestSnapshotBehindMongos(t *testing.T) {
	ctx := context.Background()
	one, err := mongofake.New(mongofake.Config{ShardKeys: map[string]string{"c": "_id"}})
	must(t, err)
	t.Cleanup(one.Stop)
	other, err := one.Another()
	must(t, err)
	t.Cleanup(other.Stop)
	here, there := connect(t, one).Database("d").Collection("c"), connect(t, other).Database("d").Collection("c")
	must(t, here.Database().CreateCollection(ctx, "c"))
	set := func(id int, to string) {
		t.Helper()
		_, err := here.UpdateByID(ctx, id, bson.D{{Key: "$set", Value: bson.D{{Key: "v", Value: to}}}}, options.Update().SetUpsert(true))
		must(t, err)
	}
	value := func(ctx context.Context, id int) string {
		t.Helper()
		var doc struct{ V string }
		err := there.FindOne(ctx, bson.D{{Key: "_id", Value: id}}).Decode(&doc)
		if err == mongo.ErrNoDocuments { //nolint:errorlint // it is not wrapped
			return "none"
		}
		must(t, err)
		return doc.V
	}
	inTransaction := func(id int) (seen string) {
		t.Helper()
		session, err := there.Database().Client().StartSession()
		must(t, err)
		defer session.EndSession(ctx)
		must(t, session.StartTransaction(options.Transaction().SetReadConcern(readconcern.Snapshot())))
		return value(mongo.NewSessionContext(ctx, session), id)
	}
	set(1, "first")
	if got := inTransaction(1); got != "none" {
		t.Errorf("the transaction sees %q before its mongos has heard of it", got)
	}
	set(2, "first")
	set(1, "second")
	for id, want := range map[int]string{1: "second", 2: "first"} {
		if got := value(ctx, id); got != want {
			t.Errorf("a read outside of a transaction sees %q, want %q", got, want)
		}
		if got := inTransaction(id); got != want {
			t.Errorf("a transaction after that read sees %q, want %q", got, want)
		}
	}
}

// A sharded collection cannot be looked up.
func TestLookupBehindMongos(t *testing.T) {
	ctx := context.Background()
	server, err := mongofake.New(mongofake.Config{ShardKeys: map[string]string{"c": "_id", "o": ""}})
	must(t, err)
	t.Cleanup(server.Stop)
	database := connect(t, server).Database("d")
	must(t, database.CreateCollection(ctx, "c"))
	for from, code := range map[string]int{"c": 28769, "o": 0} {
		cursor, err := database.Collection("o").Aggregate(ctx, mongo.Pipeline{{{Key: "$lookup", Value: bson.D{
			{Key: "from", Value: from}, {Key: "pipeline", Value: bson.A{}}, {Key: "as", Value: "x"},
		}}}})
		failed, _ := errors.AsType[mongo.CommandError](err)
		if int(failed.Code) != code {
			t.Errorf("a lookup in %s returned %v, want the code %d", from, err, code)
		}
		if err == nil {
			must(t, cursor.Close(ctx))
		}
	}
}
