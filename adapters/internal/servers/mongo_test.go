package servers_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
)

// TestMongo needs a real server.
func TestMongo(t *testing.T) {
	uris := []string{servers.Mongo(t), servers.Mongo(t)}
	if uris[0] == uris[1] {
		t.Errorf("got %s twice, want two databases", uris[0])
	}
	insert(t, uris[0])
}

// TestOwnMongo kills and freezes the primary of a real replica set.
func TestOwnMongo(t *testing.T) {
	server := servers.OwnMongo(t, 3)
	uri := server.URI("test")
	insert(t, uri)

	killed := server.Primary()
	killed.Kill()
	if server.Primary() == killed {
		t.Error("the killed node is the primary")
	}
	insert(t, uri)
	killed.Start()

	frozen := server.Primary()
	frozen.Freeze()
	if server.Primary() == frozen {
		t.Error("the frozen node is the primary")
	}
	frozen.Thaw()
	insert(t, uri)
	if !slices.Contains(server.Nodes, server.Primary()) {
		t.Error("there is no primary")
	}
}

// insert writes one document with a new client.
func insert(t *testing.T, uri string) {
	t.Helper()
	client, err := mongo.Connect(t.Context(), options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	things := client.Database(database(uri)).Collection("things")
	if _, err := things.InsertOne(t.Context(), bson.D{{Key: "x", Value: 1}}); err != nil {
		t.Error(err)
	}
	if err := client.Disconnect(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestMongoByAddress uses a server given by address. A test gets its own database there.
func TestMongoByAddress(t *testing.T) {
	fake, err := mongofake.New(mongofake.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Stop)
	address := "CICERONE_MONGODB_URI=" + fake.URI()
	verdict, output := outcome(t, command("Mongo", "nothing", "CICERONE_REQUIRE=mongodb", address))
	if verdict != "PASS" || !strings.Contains(output, "/cicerone_test_") {
		t.Errorf("%s:\n%s", verdict, output)
	}
}

func TestOfMongoDatabase(t *testing.T) {
	for uri, want := range map[string]string{
		"mongodb://h":                                "mongodb://h/new",
		"mongodb://h/":                               "mongodb://h/new",
		"mongodb://h/old":                            "mongodb://h/new",
		"mongodb://a:1,b:2/old?replicaSet=rs":        "mongodb://a:1,b:2/new?replicaSet=rs",
		"mongodb://u:p%2F@h/":                        "mongodb://u:p%2F@h/new?authSource=admin",
		"mongodb://u:p@h/old?replicaSet=rs":          "mongodb://u:p@h/new?replicaSet=rs&authSource=old",
		"mongodb://u:p@h/old?authSource=x&tls=false": "mongodb://u:p@h/new?authSource=x&tls=false",
	} {
		if got, err := servers.OfMongoDatabase(uri, "new"); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", uri, got, err, want)
		}
	}
}

func TestOfMongoHost(t *testing.T) {
	for uri, want := range map[string]string{
		"mongodb://a":                                "mongodb://new:1",
		"mongodb://a:1,b:2/x?replicaSet=rs":          "mongodb://new:1/x?replicaSet=rs",
		"mongodb://u:p%40@a,b?authSource=e@mail":     "mongodb://u:p%40@new:1?authSource=e@mail",
		"mongodb://u:p@[::1]:27017/x?authSource=a/b": "mongodb://u:p@new:1/x?authSource=a/b",
	} {
		if got := servers.OfMongoHost(uri, "new:1"); got != want {
			t.Errorf("%s: %s; want %s", uri, got, want)
		}
	}
}
