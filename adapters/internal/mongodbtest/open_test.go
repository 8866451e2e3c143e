package mongodbtest

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

func TestOpenAnUnfitDatabase(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		ctx := context.Background()
		for name, c := range map[string]struct {
			change func(o mongodb.Options) error // of a database that is in order
			want   error
			says   string
		}{
			"in order": {func(mongodb.Options) error { return nil }, nil, ""},
			"empty": {func(o mongodb.Options) error {
				return s.client(t).Database(o.Database).Drop(ctx)
			}, mongodb.ErrOutdated, "there are none"},
			"a collection is missing": {func(o mongodb.Options) error {
				return s.client(t).Database(o.Database).Collection("calendars").Drop(ctx)
			}, mongodb.ErrOutdated, "calendars"},
			"an index is missing": {func(o mongodb.Options) error {
				_, err := s.client(t).Database(o.Database).Collection("wallets").Indexes().DropOne(ctx, "of_user")
				return err
			}, mongodb.ErrOutdated, "of_user"},
			"newer": {func(o mongodb.Options) error {
				_, err := s.client(t).Database(o.Database).Collection("schema_versions").InsertOne(ctx, bson.M{"_id": int64(99), "applied_at": time.UnixMilli(1)})
				return err
			}, mongodb.ErrNewer, "version 99"},
		} {
			t.Run(name, func(t *testing.T) {
				o := s.fresh(t)
				must(t, c.change(o))
				store, err := mongodb.Open(ctx, s.uri, o)
				if err == nil {
					must(t, store.Close(ctx))
				}
				if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.says) {
					t.Errorf("opened with %v, want %v that says %q", err, c.want, c.says)
				}
				if errors.Is(c.want, mongodb.ErrOutdated) { // which a migration mends, if nobody else did the damage
					_ = s.client(t).Database(o.Database).Collection("schema_versions").Drop(ctx)
					must(t, mongodb.Migrate(ctx, s.uri, o))
					must(t, s.open(t, o).Close(ctx))
				}
				if errors.Is(c.want, mongodb.ErrNewer) && !errors.Is(mongodb.Migrate(ctx, s.uri, o), c.want) {
					t.Error("a migration went over what a newer version made")
				}
			})
		}
	})
}

func TestMigrateAtOnceAndAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		o := s.empty(t)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := mongodb.Migrate(context.Background(), s.uri, o); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		must(t, mongodb.Migrate(context.Background(), s.uri, o))
		must(t, s.open(t, o).Close(context.Background()))
		var noted []struct {
			ID int64 `bson:"_id"`
		}
		cursor, err := s.client(t).Database(o.Database).Collection("schema_versions").Find(context.Background(), bson.D{}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
		must(t, err)
		must(t, cursor.All(context.Background(), &noted))
		if len(noted) < 2 || noted[0].ID != 1 || noted[len(noted)-1].ID != int64(len(noted)) {
			t.Errorf("the versions %v are noted", noted)
		}
	})
}

func TestOptions(t *testing.T) {
	s := onFake(startFake(t))
	for name, c := range map[string]struct {
		uri  string
		o    mongodb.Options
		says string
	}{
		"not a URI":          {"localhost:27017", mongodb.Options{}, "scheme"},
		"a database's name":  {s.uri, mongodb.Options{Database: "a/b"}, "a/b"},
		"a long name":        {s.uri, mongodb.Options{Database: strings.Repeat("a", 64)}, "database"},
		"connections":        {s.uri, mongodb.Options{MaxConns: -1}, "MaxConns"},
		"too short a time":   {s.uri, mongodb.Options{CommandTimeout: 1}, "CommandTimeout"},
		"a negative time":    {s.uri, mongodb.Options{CommitTime: -time.Second}, "CommitTime"},
		"no time to queue":   {s.uri, mongodb.Options{QueueTime: time.Microsecond}, "QueueTime"},
		"nobody is there":    {"mongodb://127.0.0.1:1/?replicaSet=x&serverSelectionTimeoutMS=100", mongodb.Options{}, "rs.initiate()"},
		"database of no use": {s.uri, mongodb.Options{Database: "nothing_here"}, "run the migrations"},
	} {
		t.Run(name, func(t *testing.T) {
			store, err := mongodb.Open(context.Background(), c.uri, c.o)
			if err == nil {
				must(t, store.Close(context.Background()))
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
			if name == "nobody is there" && !errors.Is(err, uow.ErrUnreachable) {
				t.Errorf("it is no %v", uow.ErrUnreachable)
			}
		})
	}
	if fault.KindOf(mongodb.ErrOutdated) != fault.Internal {
		t.Error("that nobody migrated is not the users' doing")
	}
}

// The database may stand in the URI.
func TestDatabaseOfTheURI(t *testing.T) {
	s := onFake(startFake(t))
	uri := strings.Replace(s.uri, "/?", "/there?", 1)
	must(t, mongodb.Migrate(context.Background(), uri, mongodb.Options{}))
	store := target{uri: uri}.open(t, mongodb.Options{})
	defer func() { must(t, store.Close(context.Background())) }()
	must(t, store.Ping(context.Background()))
	must(t, store.Run(context.Background(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
		return tx.Marks().Mark(ctx, "demo", time.UnixMilli(1))
	}))
	n, err := s.client(t).Database("there").Collection("store_marks").CountDocuments(context.Background(), bson.D{})
	must(t, err)
	if n != 1 {
		t.Error("the store is in another database")
	}
}

// A server that answers and does not accept the password is told apart from one that does not answer.
func TestOpenWithAWrongPassword(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		fault mongofake.Fault
		want  error
	}{
		"refused":          {mongofake.Fault{Error: &mongofake.Error{Code: 18, Message: "Authentication failed."}}, uow.ErrRefused},
		"refused by Atlas": {mongofake.Fault{Error: &mongofake.Error{Code: 8000, Message: "bad auth"}}, uow.ErrRefused},
		"cut off":          {mongofake.Fault{Cut: mongofake.BeforeEffect}, uow.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			fake := startFake(t)
			c.fault.Command, c.fault.Times = "saslStart", -1
			fake.Inject(c.fault)
			u := mustParse(t, fake.URI())
			u.User, u.Path = url.UserPassword("ada", "open sesame"), "/a"
			u.RawQuery += "&serverSelectionTimeoutMS=500"
			s, err := mongodb.Open(ctx, u.String(), mongodb.Options{})
			if err == nil {
				must(t, s.Close(ctx))
			}
			for did, err := range map[string]error{"opened": err, "migrated": mongodb.Migrate(ctx, u.String(), mongodb.Options{})} {
				if !errors.Is(err, c.want) || strings.Contains(err.Error(), "open sesame") {
					t.Errorf("%s with %v, want %v without the password", did, err, c.want)
				}
			}
		})
	}
}
