package mongodb

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/ports"
)

// filling gives documents from before a step what they lack.
type filling struct {
	lacking bson.D   // matches the documents to fill in, and no longer after that, unless with sets nothing
	batch   int      // documents of one transaction; 0 means batchToFill
	without []string // fields that are removed

	// with returns the fields to set in a document, if any, or is nil. It may be called more than
	// once. What it writes to other collections is in the same transaction.
	with func(ctx context.Context, db *mongo.Database, doc bson.Raw) (bson.D, error)
}

// batchToFill is how many documents one transaction fills in.
const batchToFill = 500

// run goes through a collection once, in the order of _id. Each batch is a transaction, which is run again if another process
// changes one of its documents meanwhile: what is set always follows from the document as it is. An interruption leaves
// the batches that were committed as they are.
func (f *filling) run(ctx context.Context, s *Store, in string) error {
	if f == nil {
		return nil
	}
	session, err := s.client.StartSession()
	if err != nil {
		return fmt.Errorf("start a session: %w", err)
	}
	defer session.EndSession(context.WithoutCancel(ctx))
	progress := ports.Refolded{Table: in}
	if progress.Total, err = s.db.Collection(in).CountDocuments(ctx, f.lacking); err != nil || progress.Total == 0 {
		return err
	}
	for filter := f.lacking; ; {
		var filled int
		last, err := session.WithTransaction(ctx, func(ctx mongo.SessionContext) (any, error) {
			var last any
			var err error
			last, filled, err = f.fill(ctx, s.db.Collection(in), filter)
			return last, err
		}, concerns)
		if err != nil {
			return fmt.Errorf("fill in %s: %w", in, err)
		}
		if last == nil {
			return nil
		}
		if f.with != nil {
			progress.Done += int64(filled)
			progress.Total = max(progress.Total, progress.Done)
			s.options.Progress(progress)
		}
		filter = append(d("_id", d("$gt", last)), f.lacking...)
	}
}

// fill fills in one batch, and returns the id of its last document, nil if no document matches.
func (f *filling) fill(ctx context.Context, in *mongo.Collection, filter bson.D) (last any, filled int, err error) {
	batch := f.batch
	if batch == 0 {
		batch = batchToFill
	}
	cursor, err := in.Find(ctx, filter, options.Find().SetSort(d("_id", 1)).SetLimit(int64(batch)))
	if err != nil {
		return nil, 0, err
	}
	var docs []bson.Raw
	if err := cursor.All(ctx, &docs); err != nil || len(docs) == 0 {
		return nil, 0, err
	}
	var writes []mongo.WriteModel
	for _, doc := range docs {
		change, err := f.change(ctx, in.Database(), doc)
		if err != nil {
			return nil, 0, fmt.Errorf("the document %v: %w", doc.Lookup("_id"), err)
		}
		if change != nil {
			writes = append(writes, changing(address(collection(in.Name()), doc), change))
		}
	}
	if len(writes) > 0 {
		if _, err := in.BulkWrite(ctx, writes); err != nil {
			return nil, 0, err
		}
	}
	return docs[len(docs)-1].Lookup("_id"), len(docs), nil
}

// change returns the update of a document.
func (f *filling) change(ctx context.Context, db *mongo.Database, doc bson.Raw) (change bson.D, err error) {
	if f.with != nil {
		set, err := f.with(ctx, db, doc)
		if err != nil {
			return nil, err
		}
		if set != nil {
			change = d("$set", set)
		}
	}
	var unset bson.D
	for _, name := range f.without {
		unset = append(unset, bson.E{Key: name, Value: ""})
	}
	if unset != nil {
		change = append(change, bson.E{Key: "$unset", Value: unset})
	}
	return change, nil
}

// nameResetUser sets the user_id of a password reset to its _id, which was the user's id.
func nameResetUser(_ context.Context, _ *mongo.Database, doc bson.Raw) (bson.D, error) {
	return d("user_id", doc.Lookup("_id")), nil
}

func markUncleaned(context.Context, *mongo.Database, bson.Raw) (bson.D, error) {
	return d("cleaned", false), nil
}

// countSent counts the messages that each participant of a conversation has sent in it.
func countSent(ctx context.Context, db *mongo.Database, doc bson.Raw) (bson.D, error) {
	sent := d("sent_voyager", int64(0), "sent_local", int64(0))
	if doc.Lookup("last_message").Type != bson.TypeEmbeddedDocument {
		return sent, nil
	}
	for i, user := range []string{"voyager_id", "local_id"} {
		n, err := db.Collection(string(messagesIn)).CountDocuments(ctx,
			d("conversation_id", doc.Lookup("_id"), "user_id", doc.Lookup(user)))
		if err != nil {
			return nil, err
		}
		sent[i].Value = n
	}
	return sent, nil
}

func withoutSecondFactor(context.Context, *mongo.Database, bson.Raw) (bson.D, error) {
	return d("second_factor", false), nil
}

func markFirstVersion(context.Context, *mongo.Database, bson.Raw) (bson.D, error) {
	return d("version", int64(1)), nil
}

// dateLastUse gives a session the time of its last refresh token, which is that of its last use.
func dateLastUse(ctx context.Context, db *mongo.Database, doc bson.Raw) (bson.D, error) {
	var last struct {
		CreatedAt bson.RawValue `bson:"created_at"`
	}
	err := db.Collection(string(refreshTokensIn)).FindOne(ctx, d("session_id", doc.Lookup("_id")),
		options.FindOne().SetSort(d("created_at", -1))).Decode(&last)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return d("last_used_at", doc.Lookup("created_at")), nil
	}
	return d("last_used_at", last.CreatedAt), err
}

// address names a document by its id, and by its shard key, so that one shard is asked.
func address(in collection, doc bson.Raw) bson.D {
	filter := d("_id", doc.Lookup("_id"))
	at := slices.IndexFunc(schema, func(s spec) bool { return s.name == in })
	if at >= 0 && schema[at].shard.key != "" && schema[at].shard.key != "_id" {
		key := schema[at].shard.key
		filter = append(filter, bson.E{Key: key, Value: doc.Lookup(key)})
	}
	return filter
}
