package mongodbtest

import (
	"context"
	"errors"
	"maps"
	"testing"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/ports"
)

// Documents have the field names of the model, with values of types that the server counts, sorts and compares
// as the model does.
func TestDocuments(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		c := s.scene(t)
		kinds := map[ports.Kind]func(v any) bool{
			ports.UUID: func(v any) bool {
				b, ok := v.(primitive.Binary)
				return ok && b.Subtype == 4 && len(b.Data) == 16
			},
			ports.Text:    func(v any) bool { _, ok := v.(string); return ok },
			ports.JSON:    func(v any) bool { _, ok := v.(string); return ok },
			ports.Int:     func(v any) bool { _, ok := v.(int64); return ok },
			ports.Bool:    func(v any) bool { _, ok := v.(bool); return ok },
			ports.Time:    func(v any) bool { _, ok := v.(primitive.DateTime); return ok },
			ports.Decimal: func(v any) bool { _, ok := v.(primitive.Decimal128); return ok },
			ports.Bytes:   func(v any) bool { b, ok := v.(primitive.Binary); return ok && b.Subtype == 0 },
		}
		for _, table := range []*ports.Table{
			ports.Users, ports.Sessions, ports.Wallets, ports.TokenTransactions, ports.Interests, ports.Profiles,
			ports.Conversations, ports.Messages, ports.Reservations, ports.Reports, ports.AuditRecords,
		} {
			in := s.client(t).Database(c.database).Collection(table.Name)
			var doc bson.D
			must(t, in.FindOne(context.Background(), bson.D{}).Decode(&doc))
			for _, column := range table.Columns {
				name := column.Name
				if name == "id" {
					name = "_id"
				}
				v, _ := lookup(doc, name)
				if !kinds[column.Kind](v) && (v != nil || !column.Nullable) {
					t.Errorf("%s.%s is a %T", table.Name, name, v)
				}
			}
		}
	})
}

// The server itself refuses a document that breaks a rule.
func TestRules(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		c := s.scene(t)
		line := func(change bson.M) bson.M { // of a new transaction
			all := bson.M{"_id": uuid(1), "seq": int64(77)}
			maps.Copy(all, change)
			return all
		}
		negative := bson.M{"amount": int64(-50), "balance_before": int64(50), "balance_after": int64(0)}
		for name, r := range map[string]struct {
			collection string
			change     bson.M // the fields to change in a copy of a stored document
			code       int
		}{
			"a balance below zero":                     {"wallets", bson.M{"balance": int64(-1)}, 121},
			"a balance beyond what JavaScript counts":  {"wallets", bson.M{"balance": int64(1) << 53}, 121},
			"a balance that is a double":               {"wallets", bson.M{"balance": 1.5}, 121},
			"a second wallet":                          {"wallets", bson.M{"_id": uuid(1)}, 11000},
			"a wrong balance after a transaction":      {"token_transactions", line(bson.M{"balance_after": int64(1)}), 121},
			"a negative bonus":                         {"token_transactions", line(negative), 121},
			"an unknown type":                          {"token_transactions", line(bson.M{"type": "NO_TYPE"}), 121},
			"a seq twice":                              {"token_transactions", bson.M{"_id": uuid(1), "type": "BONUS"}, 11000},
			"a second signup bonus":                    {"token_transactions", line(nil), 11000},
			"an unknown role":                          {"users", bson.M{"_id": uuid(1), "role": "king"}, 121},
			"no name":                                  {"users", bson.M{"_id": uuid(1), "name": nil}, 121},
			"a minor":                                  {"profiles", bson.M{"_id": uuid(1), "user_id": uuid(1), "age": int64(17)}, 121},
			"a second profile":                         {"profiles", bson.M{"_id": uuid(1)}, 11000},
			"an interest's name twice":                 {"interests", bson.M{"_id": uuid(1)}, 11000},
			"an address or a pair twice":               {"unique_keys", bson.M{}, 11000},
			"a reservation that ends before it begins": {"reservations", bson.M{"_id": uuid(1), "end_date": primitive.DateTime(0)}, 121},
			"a price that is a double":                 {"reservations", bson.M{"_id": uuid(1), "price": 12.5}, 121},
			"an unknown status":                        {"reservations", bson.M{"_id": uuid(1), "status": "lost"}, 121},
			"a second pending report":                  {"reports", bson.M{"_id": uuid(1)}, 11000},
			"a second record of a key":                 {"idempotency_records", bson.M{}, 11000},
		} {
			t.Run(name, func(t *testing.T) {
				in := s.client(t).Database(c.database).Collection(r.collection)
				if r.collection == "idempotency_records" {
					must(t, useCases[0].Do(context.Background(), c.Scene, "a-key"))
				}
				var doc bson.D
				must(t, in.FindOne(context.Background(), bson.D{}).Decode(&doc))
				for i, e := range doc {
					if v, changed := r.change[e.Key]; changed {
						doc[i].Value = v
					}
				}
				_, err := in.InsertOne(context.Background(), doc)
				var refused mongo.ServerError
				if !errors.As(err, &refused) || !refused.HasErrorCode(r.code) {
					t.Errorf("InsertOne = %v, want code %d", err, r.code)
				}
			})
		}
	})
}

func uuid(n byte) primitive.Binary {
	return primitive.Binary{Subtype: 4, Data: []byte{15: n}}
}

// A stored value of the wrong type is an error when it is read.
func TestValuesOfWrongType(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		c, ctx := s.scene(t), context.Background()
		in := s.client(t).Database(c.database).Collection("store_marks")
		unchecked := bson.D{{Key: "collMod", Value: "store_marks"}, {Key: "validator", Value: bson.D{}}}
		must(t, s.client(t).Database(c.database).RunCommand(ctx, unchecked).Err())
		_, err := in.InsertOne(ctx, bson.M{"_id": "demo", "created_at": "yesterday"})
		must(t, err)
		err = c.Store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
			since, _, err := tx.Marks().Marked(ctx, "demo")
			if err == nil {
				t.Errorf("a text was read as the time %v", since)
			}
			return err
		})
		if err == nil {
			t.Error("View returned no error")
		}
	})
}
