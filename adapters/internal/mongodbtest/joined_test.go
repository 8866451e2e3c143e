package mongodbtest

import (
	"context"
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/adapters/internal/wired"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
	root "github.com/cicerone-go/cicerone/wiring/mongodb"
)

func TestJoinedSubscribers(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) { s.joinedSubscribers(t) })
}

func (s target) joinedSubscribers(t *testing.T) {
	ctx, o, client := t.Context(), s.fresh(t), s.client(t)
	must(t, client.Database(o.Database).CreateCollection(ctx, "hotel_diary"))
	open := func(ctx context.Context, c wiring.Config) (*wiring.App, error) { return root.New(ctx, s.uri, o, c) }
	wired.Joined(t, open, wired.Diary{
		Write: func(ctx context.Context, line string) error {
			session, err := mongodb.SessionFrom(ctx)
			if err != nil {
				return err
			}
			db := session.Client().Database(o.Database)
			if _, err := db.Collection("hotel_diary").InsertOne(session, bson.D{{Key: "line", Value: line}}); err != nil {
				return err
			}
			waiting, err := db.Collection("outbox").CountDocuments(session, bson.D{})
			if err != nil {
				return err
			}
			numbered, err := db.Collection("events").CountDocuments(session, bson.D{})
			if err == nil && waiting+numbered == 0 {
				err = errors.New("the unit's events are not there")
			}
			return err
		},
		Read: func(t *testing.T) (lines []string) {
			cursor, err := client.Database(o.Database).Collection("hotel_diary").Find(ctx, bson.D{})
			must(t, err)
			var all []struct{ Line string }
			must(t, cursor.All(ctx, &all))
			for _, d := range all {
				lines = append(lines, d.Line)
			}
			return lines
		},
	})

	store, err := mongodb.New(ctx, client, o)
	must(t, err)
	defer func() { must(t, store.Close(context.Background())) }()
	if _, err := mongodb.SessionFrom(ctx); !errors.Is(err, mongodb.ErrNoUnit) {
		t.Errorf("SessionFrom = %v without a unit, want ErrNoUnit", err)
	}
	must(t, store.Run(ctx, uow.Read, func(ctx context.Context, _ ports.Tx) error {
		if _, err := mongodb.SessionFrom(ctx); !errors.Is(err, mongodb.ErrNoUnit) {
			t.Errorf("SessionFrom = %v in a unit that reads, want ErrNoUnit", err)
		}
		return nil
	}))
	err = store.Run(ctx, uow.Write, func(context.Context, ports.Tx) error {
		return mongo.CommandError{Code: 112, Labels: []string{"TransientTransactionError"}}
	})
	if !errors.Is(err, uow.ErrConflict) {
		t.Errorf("the unit returned %v for a conflict of the host, want ErrConflict", err)
	}
}
