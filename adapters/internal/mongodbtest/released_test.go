package mongodbtest

import (
	"bytes"
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
)

// neverUpdated lists the collections in which no use case updates a document. A repeated command
// writes its idempotency record to hold it, but changes no value.
var neverUpdated = []string{
	"password_resets", "token_transactions", "unique_keys", "audit_records", "idempotency_records", "store_marks",
	"schema_versions", "servers", "signup_grants", "store_keys", "correspondents", "ledger_seals", "reported_messages",
	"second_factors",
	"tries",                                                             // of which version 1 has none
	"sanctions",                                                         // updated, but version 1 had none
	"outbox", "events", "counters", "subscriptions", "set_aside_events", // likewise
	"notification_preferences", "presences", "notices", "webhooks", // likewise
}

// Documents of version 1 survive all migrations, and every use case can change them. It can also change them
// without their null fields, because documents lack the fields that a later version adds.
func TestReleasedDocumentsCanBeChanged(t *testing.T) {
	more := []community.UseCase{
		{Name: "ask for another password", Do: func(ctx context.Context, c *community.Scene, _ idempotency.Key) error {
			return c.Users.ForgotPassword(ctx, "local0@example.org", users.Device{})
		}},
		{Name: "repeat a command", Do: func(ctx context.Context, c *community.Scene, _ idempotency.Key) error {
			before, err := c.Reservations.Funds(ctx, c.Voyager)
			if err == nil {
				_, err = c.Messaging.Send(ctx, c.Voyager, c.Talk, messaging.Draft{Content: "Good morning"}, "a-key")
			}
			if err != nil {
				return err
			}
			after, err := c.Reservations.Funds(ctx, c.Voyager)
			if after != before {
				t.Errorf("the repeated command changed the funds from %v to %v", before, after)
			}
			return err
		}},
		{Name: "look at a picture", Do: func(ctx context.Context, c *community.Scene, _ idempotency.Key) error {
			all, err := c.Messaging.Messages(ctx, c.Voyager, c.Talk, page.Request[page.Moment]{Limit: 100})
			for _, m := range all.Items {
				if m.Attachment == "" || err != nil {
					continue
				}
				var a messaging.Attachment
				if a, err = c.Messaging.Attachment(ctx, c.Voyager, m.ID); err == nil && !a.Cleaned {
					t.Errorf("the picture of %s was not cleaned", m.ID)
				}
			}
			return err
		}},
		{Name: "let a proposal expire", Do: func(ctx context.Context, c *community.Scene, _ idempotency.Key) error {
			c.Clock.Advance(2 * time.Hour)
			_, err := c.Reservations.Settle(ctx)
			if err != nil {
				return err
			}
			r, err := c.Reservations.Reservation(ctx, c.Voyager, c.Pending)
			if r.Status != reservations.Expired {
				t.Errorf("the proposal is %s", r.Status)
			}
			return err
		}},
	}
	everywhere(t, func(t *testing.T, s target) {
		changed := map[string]bool{}
		for name, o := range map[string]mongodb.Options{
			"as stored": s.migratedFromFirst(t), "without nulls": s.withoutNulls(t),
		} {
			stored := s.documents(t, o)
			store := s.open(t, o)
			for _, u := range slices.Concat(community.UseCases, more) {
				s.put(t, o, stored)
				if err := u.Do(t.Context(), releasedScene(t, store, stored), "another-key"); err != nil {
					t.Errorf("%s with documents of version 1 %s: %v", u.Name, name, err)
				}
				for collection, docs := range s.documents(t, o) {
					for _, doc := range docs {
						same := func(was bson.Raw) bool { return was.Lookup("_id").Equal(doc.Lookup("_id")) }
						at := slices.IndexFunc(stored[collection], same)
						changed[collection] = changed[collection] || at >= 0 && !bytes.Equal(stored[collection][at], doc)
					}
				}
			}
			must(t, store.Close(t.Context()))
		}
		for _, k := range mongodb.ShardKeys() {
			if changed[k.Collection] == slices.Contains(neverUpdated, k.Collection) {
				t.Errorf("%s: got a changed document: %t, want %t", k.Collection, changed[k.Collection], !changed[k.Collection])
			}
		}
	})
}

type documents map[string][]bson.Raw // by collection

func readReleased(t *testing.T) (all documents) {
	t.Helper()
	text, err := os.ReadFile("testdata/released_00001.json") // the documents of a scene, as version 1 stored them
	must(t, err)
	must(t, bson.UnmarshalExtJSON(text, true, &all))
	return all
}

// migratedFromFirst makes a database as version 1 did, with documents, and runs all later migrations.
func (s target) migratedFromFirst(t *testing.T) mongodb.Options {
	t.Helper()
	o, all := s.empty(t), readReleased(t)
	text, err := os.ReadFile("../../mongodb/migrations/00001_schema.json")
	must(t, err)
	var first struct {
		Collections []struct {
			Collection string
			Validator  bson.D
			Indexes    []bson.D
		}
	}
	must(t, bson.UnmarshalExtJSON(text, true, &first))
	database := s.client(t).Database(o.Database)
	for _, c := range first.Collections {
		must(t, database.CreateCollection(t.Context(), c.Collection, options.CreateCollection().SetValidator(c.Validator)))
		if len(c.Indexes) > 0 {
			indexes := bson.D{{Key: "createIndexes", Value: c.Collection}, {Key: "indexes", Value: c.Indexes}}
			must(t, database.RunCommand(t.Context(), indexes).Err())
		}
	}
	s.put(t, o, all)
	must(t, mongodb.Migrate(t.Context(), s.uri, o))
	return o
}

// withoutNulls makes a database of this version, with migrated documents of version 1 without null
// fields.
func (s target) withoutNulls(t *testing.T) mongodb.Options {
	t.Helper()
	o := s.migratedFromFirst(t)
	all := s.documents(t, o)
	delete(all, "schema_versions")
	for _, docs := range all {
		for i, raw := range docs {
			var doc bson.D
			must(t, bson.Unmarshal(raw, &doc))
			doc = slices.DeleteFunc(doc, func(e bson.E) bool { return e.Value == nil })
			var err error
			docs[i], err = bson.Marshal(doc)
			must(t, err)
		}
	}
	s.put(t, o, all)
	return o
}

// put replaces all documents of the collections in all.
func (s target) put(t *testing.T, o mongodb.Options, all documents) {
	t.Helper()
	for collection, docs := range all {
		in := s.client(t).Database(o.Database).Collection(collection)
		_, err := in.DeleteMany(t.Context(), bson.D{})
		must(t, err)
		list := make([]any, len(docs))
		for i, doc := range docs {
			list[i] = doc
		}
		_, err = in.InsertMany(t.Context(), list)
		must(t, err)
	}
}

func (s target) documents(t *testing.T, o mongodb.Options) documents {
	t.Helper()
	all := documents{}
	for collection := range readReleased(t) {
		cursor, err := s.client(t).Database(o.Database).Collection(collection).Find(t.Context(), bson.D{})
		must(t, err)
		var docs []bson.Raw
		must(t, cursor.All(t.Context(), &docs))
		all[collection] = docs
	}
	return all
}

// releasedScene returns the scene of which version 1 stored the documents.
func releasedScene(t *testing.T, store *mongodb.Store, stored documents) *community.Scene {
	t.Helper()
	clock := community.NewClock()
	find := func(collection, field, value string) [16]byte {
		for _, doc := range stored[collection] {
			if doc.Lookup(field).StringValue() == value {
				_, id := doc.Lookup("_id").Binary()
				return [16]byte(id)
			}
		}
		t.Fatalf("version 1 stored no document of %s with %s %q", collection, field, value)
		return [16]byte{}
	}
	_, talk := stored["conversations"][0].Lookup("_id").Binary()
	c := &community.Scene{
		Community: community.New(store, clock, id.NewGenerator(nil), uow.Policy{}), Clock: clock,
		Admin: find("users", "name", "admin"), Voyager: find("users", "name", "voyager0"),
		Local: find("users", "name", "local0"), Other: find("users", "name", "Otto"), Talk: [16]byte(talk),
		Message: find("messages", "content", "Hello"), Hiking: find("interests", "name", "Hiking"),
		Pending: find("reservations", "status", "pending"), Accepted: find("reservations", "status", "accepted"),
		Report:  find("reports", "status", "pending"),
		Refresh: "TCS75ALFRXWSZRYRJZFN7B25H6O47NLNEI3NIEDJAAN364OC3I4C",
	}
	warning, err := c.Moderation.Impose(t.Context(), c.Admin, c.Voyager, moderation.SanctionInput{Kind: moderation.Warning, Reason: "rude"}, "")
	must(t, err)
	c.Warning = warning.ID
	return c
}
