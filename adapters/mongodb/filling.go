package mongodb

import (
	"context"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// filling gives documents from before a step what they lack.
type filling struct {
	lacking bson.D                             // matches the documents to fill in, and none that was filled in
	with    func(doc bson.Raw) (bson.D, error) // returns the fields to set in a document; it may be called more than once
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
	for filter := f.lacking; ; {
		last, err := session.WithTransaction(ctx, func(ctx mongo.SessionContext) (any, error) {
			return f.fill(ctx, s.db.Collection(in), filter)
		}, concerns)
		if err != nil {
			return fmt.Errorf("fill in %s: %w", in, err)
		}
		if last == nil {
			return nil
		}
		filter = append(d("_id", d("$gt", last)), f.lacking...)
	}
}

// fill fills in one batch, and returns the id of its last document, nil if no document matches.
func (f *filling) fill(ctx context.Context, in *mongo.Collection, filter bson.D) (last any, err error) {
	cursor, err := in.Find(ctx, filter, options.Find().SetSort(d("_id", 1)).SetLimit(batchToFill))
	if err != nil {
		return nil, err
	}
	var docs []bson.Raw
	if err := cursor.All(ctx, &docs); err != nil || len(docs) == 0 {
		return nil, err
	}
	writes := make([]mongo.WriteModel, len(docs))
	for i, doc := range docs {
		set, err := f.with(doc)
		if err != nil {
			return nil, fmt.Errorf("the document %v: %w", doc.Lookup("_id"), err)
		}
		writes[i] = changing(address(collection(in.Name()), doc), d("$set", set))
	}
	if _, err := in.BulkWrite(ctx, writes); err != nil {
		return nil, err
	}
	return docs[len(docs)-1].Lookup("_id"), nil
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
