package mongofake_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
)

// A program that uses the driver runs on the fake unchanged.
func Example() {
	server, err := mongofake.New(mongofake.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Stop()
	if err := shop(context.Background(), server.URI()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// Ann has 10 and 1 order
	// taken: true
	// bought: 2 things in 1 order
	// broke the rule: true
}

func shop(ctx context.Context, uri string) error {
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(uri))
	if err != nil {
		return err
	}
	defer func() { _ = client.Disconnect(ctx) }()
	db := client.Database("shop")
	users, orders := db.Collection("users"), db.Collection("orders")

	if _, err := users.Indexes().CreateMany(ctx, []mongo.IndexModel{
		{Keys: bson.D{{Key: "email", Value: 1}}, Options: options.Index().SetUnique(true).
			SetCollation(&options.Collation{Locale: "en", Strength: 2})},
		{Keys: bson.D{{Key: "city", Value: 1}, {Key: "age", Value: -1}}},
	}); err != nil {
		return err
	}
	if err := db.CreateCollection(ctx, "orders"); err != nil {
		return err
	}
	_, err = users.InsertOne(ctx, bson.M{"_id": 1, "name": "Ann", "email": "ann@example.org", "tokens": 24})
	if err != nil {
		return err
	}

	session, err := client.StartSession()
	if err != nil {
		return err
	}
	defer session.EndSession(ctx)
	if _, err := session.WithTransaction(ctx, func(ctx mongo.SessionContext) (any, error) {
		paid, err := users.UpdateOne(ctx,
			bson.M{"_id": 1, "tokens": bson.M{"$gte": 14}}, bson.M{"$inc": bson.M{"tokens": -14}})
		if err != nil || paid.ModifiedCount == 0 {
			return nil, fmt.Errorf("pay: %w", err)
		}
		return orders.InsertOne(ctx, bson.M{"user": 1, "items": bson.A{
			bson.M{"sort": "book", "price": 5}, bson.M{"sort": "book", "price": 9}}})
	}); err != nil {
		return err
	}

	var ann struct {
		Name   string
		Tokens int
	}
	if err := users.FindOne(ctx, bson.M{"_id": 1}).Decode(&ann); err != nil {
		return err
	}
	n, err := orders.CountDocuments(ctx, bson.M{"user": 1})
	if err != nil {
		return err
	}
	fmt.Println(ann.Name, "has", ann.Tokens, "and", n, "order")

	_, err = users.InsertOne(ctx, bson.M{"_id": 2, "email": "ANN@example.org"})
	fmt.Println("taken:", mongo.IsDuplicateKeyError(err))

	cursor, err := orders.Aggregate(ctx, mongo.Pipeline{
		{{Key: "$group", Value: bson.M{
			"_id": "$user", "n": bson.M{"$sum": 1}, "items": bson.M{"$sum": bson.M{"$size": "$items"}},
		}}},
	})
	if err != nil {
		return err
	}
	var sums []struct {
		N, Items int
	}
	if err := cursor.All(ctx, &sums); err != nil {
		return err
	}
	fmt.Printf("bought: %d things in %d order\n", sums[0].Items, sums[0].N)

	if err := db.RunCommand(ctx, bson.D{{Key: "collMod", Value: "users"},
		{Key: "validator", Value: bson.M{"tokens": bson.M{"$gte": 0}}}}).Err(); err != nil {
		return err
	}
	_, err = users.UpdateByID(ctx, 1, bson.M{"$set": bson.M{"tokens": -1}})
	var refused mongo.WriteException
	fmt.Println("broke the rule:", errors.As(err, &refused) && refused.HasErrorCode(121))
	_, err = users.DeleteMany(ctx, bson.M{})
	return err
}
