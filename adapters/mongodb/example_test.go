package mongodb_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
)

// The commands that shard the collections of a cluster.
func ExampleShardKeys() {
	for _, k := range mongodb.ShardKeys()[:6] {
		fmt.Println(k.Command("cicerone"))
	}
	// Output:
	// sh.shardCollection("cicerone.users", {"_id": "hashed"})
	// sh.shardCollection("cicerone.second_factors", {"_id": "hashed"})
	// sh.shardCollection("cicerone.sessions", {"_id": "hashed"})
	// sh.shardCollection("cicerone.refresh_tokens", {"_id": "hashed"})
	// sh.shardCollection("cicerone.password_resets", {"_id": "hashed"})
	// sh.shardCollection("cicerone.wallets", {"user_id": 1})
}

func ExampleOpen() { //nolint:testableexamples // it needs a server; the tests in adapters/internal have one
	ctx := context.Background()
	const uri = "mongodb://localhost/cicerone?replicaSet=rs0"
	o := mongodb.Options{CommandTimeout: 5 * time.Second}

	if err := mongodb.Migrate(ctx, uri, o); err != nil {
		log.Fatal(err)
	}
	store, err := mongodb.Open(ctx, uri, o)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close(ctx) }()
}

// A host passes its client to New, and keeps it.
func ExampleNew() { //nolint:testableexamples // it needs a server; the tests in adapters/internal have one
	ctx := context.Background()
	o := mongodb.Options{Database: "community"}

	client, err := mongo.Connect(ctx, options.Client().ApplyURI("mongodb://localhost/?replicaSet=rs0"))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Disconnect(ctx) }()
	if err := mongodb.MigrateClient(ctx, client, o); err != nil {
		log.Fatal(err)
	}
	store, err := mongodb.New(ctx, client, o)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close(ctx) }() // the client stays connected
}

// The host's document and the message are committed together.
func ExampleStore_Join() { //nolint:testableexamples // it needs a server; the tests in adapters/internal have one
	concerns := options.Transaction().SetReadConcern(readconcern.Snapshot()).SetWriteConcern(writeconcern.Majority()).
		SetReadPreference(readpref.Primary())

	book := func(ctx context.Context, client *mongo.Client, store *mongodb.Store, messages *messaging.Service,
		caller id.User, conversation id.Conversation,
	) error {
		session, err := client.StartSession()
		if err != nil {
			return err
		}
		defer session.EndSession(ctx) // aborts an uncommitted transaction
		if err := session.StartTransaction(concerns); err != nil {
			return err
		}
		bookings := client.Database("hotel").Collection("bookings")
		if _, err := bookings.InsertOne(mongo.NewSessionContext(ctx, session), bson.M{"guest": caller.String()}); err != nil {
			return err
		}
		_, err = messages.Send(store.Join(ctx, session), caller, conversation, messaging.Draft{Content: "It is booked."}, "")
		if err != nil {
			return err
		}
		return session.CommitTransaction(ctx)
	}
	_ = book
}
