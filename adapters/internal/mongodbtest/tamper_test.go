package mongodbtest

import (
	"context"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/tamper"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestChangesAreFound changes the documents without their validators.
func TestChangesAreFound(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		ctx, o := context.Background(), s.fresh(t)
		store := s.open(t, o)
		defer func() { must(t, store.Close(ctx)) }()
		n := 400
		if soak() {
			n = 10_000
		}
		db := s.client(t).Database(o.Database)
		for _, table := range []*ports.Table{ports.TokenTransactions, ports.LedgerSeals} {
			must(t, db.RunCommand(ctx, bson.D{{Key: "collMod", Value: table.Name}, {Key: "validator", Value: bson.D{}}}).Err())
		}
		c := community.New(store, community.NewClock(), id.NewGenerator(nil), uow.Policy{MaxTime: time.Minute})
		tamper.Find(ctx, t, c, backdoor{db}, n)
	})
}

type backdoor struct{ db *mongo.Database }

func (b backdoor) Remove(ctx context.Context, table *ports.Table, key []any) error {
	filter := bson.D{{Key: "user_id", Value: encoded(key[0])}, {Key: "seq", Value: key[1]}}
	if table == ports.LedgerSeals {
		filter = bson.D{{Key: "_id", Value: filter}}
	}
	_, err := b.db.Collection(table.Name).DeleteOne(ctx, filter)
	return err
}

func (b backdoor) Insert(ctx context.Context, table *ports.Table, row ports.Row) error {
	doc := bson.D{}
	for i, c := range table.Columns {
		name := c.Name
		if name == "id" {
			name = "_id"
		}
		doc = append(doc, bson.E{Key: name, Value: encoded(row[i])})
	}
	if table == ports.LedgerSeals {
		doc = append(bson.D{{Key: "_id", Value: doc[:2]}}, doc[2:]...)
	}
	_, err := b.db.Collection(table.Name).InsertOne(ctx, doc)
	return err
}

func encoded(v any) any {
	switch v := v.(type) {
	case [16]byte:
		return primitive.Binary{Subtype: 4, Data: v[:]}
	case time.Time:
		return primitive.NewDateTimeFromTime(v)
	case []byte:
		return primitive.Binary{Data: v}
	default:
		return v
	}
}

// TestSealingContinues migrates a database whose migration was interrupted while the ledger was
// sealed.
func TestSealingContinues(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		ctx := context.Background()
		c := s.populated(t, 2)
		versions := s.client(t).Database(c.database).Collection("schema_versions")
		_, err := versions.UpdateMany(ctx, bson.D{}, bson.D{{Key: "$unset", Value: bson.D{{Key: "sealed", Value: ""}}}})
		must(t, err)
		must(t, mongodb.Migrate(ctx, s.uri, mongodb.Options{Database: c.database}))
		found, err := c.Auditor.Audit(ctx)
		if err != nil || found.Unsealed != 0 || found.Transactions == 0 || len(found.Violations) > 0 {
			t.Errorf("the audit found %+v, %v", found, err)
		}
		must(t, mongodb.Migrate(ctx, s.uri, mongodb.Options{Database: c.database}))
	})
}
