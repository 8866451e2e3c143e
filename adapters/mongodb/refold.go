package mongodb

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/users"
)

// untwinned matches documents from before twins were marked.
var untwinned = d("twin", d("$exists", false))

// The functions below return the fields that a step sets in a document. A later version of
// text.Folding needs a step of its own.

// refoldUser also makes the document that keeps the address unique, and records the bonus.
func refoldUser(ctx context.Context, db *mongo.Database, doc bson.Raw) (bson.D, error) {
	email, _ := doc.Lookup("email").StringValueOK()
	set := d("name_searched", text.SearchFold(doc.Lookup("name").StringValue()).String(),
		"email_searched", text.SearchFold(email).String(), "twin", false)
	if email == "" {
		return set, nil
	}
	folded, user := text.FoldAddress(email), doc.Lookup("_id")
	var holder bson.Raw
	err := upserted(ctx, db.Collection(string(uniqueKeysIn)), addressKey(folded.String()), d("user_id", user), &holder)
	if err != nil {
		return nil, err
	}
	twin := !holder.Lookup("user_id").Equal(user)
	if before := doc.Lookup("email_folded").StringValue(); before != folded.String() {
		_, err := db.Collection(string(uniqueKeysIn)).DeleteOne(ctx, d("_id", addressKey(before), "user_id", user))
		if err != nil {
			return nil, err
		}
	}
	var key struct{ Key []byte }
	err = upserted(ctx, db.Collection(string(storeKeysIn)), users.GrantKey, d("key", octets(users.NewGrantKey())), &key)
	if err != nil {
		return nil, err
	}
	hash := users.HashGrant(key.Key, folded)
	err = upserted(ctx, db.Collection(string(grantsIn)), octets(hash[:]), d("_id", octets(hash[:])), new(bson.Raw))
	set[len(set)-1].Value = twin
	return append(set, d("email_folded", folded.String())...), err
}

// upserted reads a document into found, after it has inserted the document if there was none.
func upserted(ctx context.Context, in *mongo.Collection, id any, insert bson.D, found any) error {
	return in.FindOneAndUpdate(ctx, d("_id", id), d("$setOnInsert", insert),
		options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Decode(found)
}

func refoldInterest(ctx context.Context, db *mongo.Database, doc bson.Raw) (bson.D, error) {
	folded := text.Fold(doc.Lookup("name").StringValue()).String()
	err := db.Collection(string(interestsIn)).FindOne(ctx, d("name_folded", folded, "twin", false)).Err()
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return nil, err
	}
	return d("name_folded", folded, "twin", err == nil), nil
}

func refoldProfile(_ context.Context, _ *mongo.Database, doc bson.Raw) (bson.D, error) {
	country, _ := doc.Lookup("country").StringValueOK()
	city, _ := doc.Lookup("city").StringValueOK()
	return d("country_searched", text.SearchFold(country).String(), "city_searched", text.SearchFold(city).String()), nil
}

// addCorrespondents records which participants of a conversation have written in it. It sets
// nothing in the conversation.
func addCorrespondents(ctx context.Context, db *mongo.Database, doc bson.Raw) (bson.D, error) {
	for _, pair := range [][2]string{{"voyager_id", "local_id"}, {"local_id", "voyager_id"}} {
		user, reader := doc.Lookup(pair[0]), doc.Lookup(pair[1])
		err := db.Collection(string(messagesIn)).FindOne(ctx, d("conversation_id", doc.Lookup("_id"), "user_id", user),
			options.FindOne().SetProjection(d("_id", 1))).Err()
		if errors.Is(err, mongo.ErrNoDocuments) {
			continue
		}
		if err == nil {
			key := d("user_id", user, "reader_id", reader)
			err = upserted(ctx, db.Collection(string(correspondentsIn)), key, d("_id", key), new(bson.Raw))
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}
