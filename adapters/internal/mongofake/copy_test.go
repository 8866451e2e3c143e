package mongofake_test

import (
	"context"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
)

// A copy of a database has its documents and keeps its rules, and the two change independently.
func TestCopy(t *testing.T) {
	server, err := mongofake.New(mongofake.Config{})
	must(t, err)
	t.Cleanup(server.Stop)
	ctx, client := context.Background(), connect(t, server)
	before := client.Database("before").Collection("people")
	must(t, client.Database("before").CreateCollection(ctx, "people", options.CreateCollection().
		SetValidator(bson.M{"age": bson.M{"$gte": 0}})))
	_, err = before.Indexes().CreateOne(ctx, mongo.IndexModel{
		Keys: bson.D{{Key: "email", Value: 1}}, Options: options.Index().SetUnique(true),
	})
	must(t, err)
	_, err = before.InsertOne(ctx, bson.M{"_id": 1, "email": "ann@example.org", "age": 30})
	must(t, err)
	must(t, server.Copy("before", "after"))

	after := client.Database("after").Collection("people")
	for name, doc := range map[string]bson.M{
		"a taken _id":       {"_id": 1, "email": "bob@example.org", "age": 1},
		"a taken address":   {"_id": 2, "email": "ann@example.org", "age": 1},
		"an impossible age": {"_id": 2, "email": "bob@example.org", "age": -1},
	} {
		if _, err := after.InsertOne(ctx, doc); err == nil {
			t.Errorf("%s was not refused", name)
		}
	}
	var one, other []bson.M
	for list, coll := range map[*[]bson.M]*mongo.Collection{&one: before, &other: after} {
		found, err := coll.Indexes().List(ctx)
		must(t, err)
		must(t, found.All(ctx, list))
	}
	if len(one) != 2 || len(other) != 2 || one[1]["ns"] != "before.people" || other[1]["ns"] != "after.people" {
		t.Errorf("the indexes are %v and %v", one, other)
	}
	_, err = after.UpdateByID(ctx, 1, bson.M{"$set": bson.M{"email": "eve@example.org"}})
	must(t, err)
	_, err = after.InsertOne(ctx, bson.M{"_id": 2, "email": "ann@example.org", "age": 1})
	must(t, err)
	if n := count(t, before); n != 1 {
		t.Errorf("the other database has %d documents after a change of the copy, want 1", n)
	}
	var ann struct{ Email string }
	must(t, before.FindOne(ctx, bson.M{"_id": 1}).Decode(&ann))
	if ann.Email != "ann@example.org" {
		t.Errorf("the other database has %q after a change of the copy", ann.Email)
	}

	for _, names := range [][2]string{{"missing", "new"}, {"before", "after"}} {
		if err := server.Copy(names[0], names[1]); err == nil || !strings.Contains(err.Error(), "exist") {
			t.Errorf("Copy of %s to %s = %v, want an error", names[0], names[1], err)
		}
	}
}
