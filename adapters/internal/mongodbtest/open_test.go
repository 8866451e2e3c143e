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

func TestOpenUnfitDatabase(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		ctx := context.Background()
		for name, c := range map[string]struct {
			change func(o mongodb.Options) error // changes a migrated database
			want   error
			text   string // a part of the error's text
		}{
			"unchanged": {func(mongodb.Options) error { return nil }, nil, ""},
			"empty": {func(o mongodb.Options) error {
				return s.client(t).Database(o.Database).Drop(ctx)
			}, mongodb.ErrOutdated, "has none"},
			"without a collection": {func(o mongodb.Options) error {
				return s.client(t).Database(o.Database).Collection("calendars").Drop(ctx)
			}, mongodb.ErrOutdated, "calendars"},
			"without an index": {func(o mongodb.Options) error {
				_, err := s.client(t).Database(o.Database).Collection("wallets").Indexes().DropOne(ctx, "of_user")
				return err
			}, mongodb.ErrOutdated, "of_user"},
			"newer": {func(o mongodb.Options) error {
				versions := s.client(t).Database(o.Database).Collection("schema_versions")
				_, err := versions.InsertOne(ctx, bson.M{"_id": int64(99), "applied_at": time.UnixMilli(1)})
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
				if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.text) {
					t.Errorf("Open = %v, want %v with %q in the text", err, c.want, c.text)
				}
				if errors.Is(c.want, mongodb.ErrOutdated) { // without the noted versions, Migrate repairs the database
					_ = s.client(t).Database(o.Database).Collection("schema_versions").Drop(ctx)
					must(t, mongodb.Migrate(ctx, s.uri, o))
					must(t, s.open(t, o).Close(ctx))
				}
				if errors.Is(c.want, mongodb.ErrNewer) && !errors.Is(mongodb.Migrate(ctx, s.uri, o), c.want) {
					t.Error("Migrate changed the database of a newer version")
				}
			})
		}
	})
}

func TestMigrateConcurrentlyAndAgain(t *testing.T) {
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
		cursor, err := s.client(t).Database(o.Database).Collection("schema_versions").Find(
			context.Background(), bson.D{}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
		must(t, err)
		must(t, cursor.All(context.Background(), &noted))
		if len(noted) < 2 || noted[0].ID != 1 || noted[len(noted)-1].ID != int64(len(noted)) {
			t.Errorf("the versions are %v, want 1 and the following without a gap", noted)
		}
	})
}

func TestOptions(t *testing.T) {
	s := onFake(startFake(t))
	for name, c := range map[string]struct {
		uri  string
		o    mongodb.Options
		text string // a part of the error's text
	}{
		"not a URI":              {"localhost:27017", mongodb.Options{}, "scheme"},
		"bad name of a database": {s.uri, mongodb.Options{Database: "a/b"}, "a/b"},
		"a long name":            {s.uri, mongodb.Options{Database: strings.Repeat("a", 64)}, "database"},
		"negative MaxConns":      {s.uri, mongodb.Options{MaxConns: -1}, "MaxConns"},
		"short CommandTimeout":   {s.uri, mongodb.Options{CommandTimeout: 1}, "CommandTimeout"},
		"negative CommitTime":    {s.uri, mongodb.Options{CommitTime: -time.Second}, "CommitTime"},
		"short QueueTime":        {s.uri, mongodb.Options{QueueTime: time.Microsecond}, "QueueTime"},
		"no server": {
			"mongodb://127.0.0.1:1/?replicaSet=x&serverSelectionTimeoutMS=100", mongodb.Options{}, "rs.initiate()",
		},
		"an empty database": {s.uri, mongodb.Options{Database: "nothing_here"}, "run the migrations"},
	} {
		t.Run(name, func(t *testing.T) {
			store, err := mongodb.Open(context.Background(), c.uri, c.o)
			if err == nil {
				must(t, store.Close(context.Background()))
				t.Fatal("Open returned no error")
			}
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("Open = %q, want an error with %q in the text", err, c.text)
			}
			if name == "no server" && !errors.Is(err, uow.ErrUnreachable) {
				t.Errorf("Open = %v, want ErrUnreachable", err)
			}
		})
	}
	if fault.KindOf(mongodb.ErrOutdated) != fault.Internal {
		t.Errorf("ErrOutdated is a fault of the kind %v, want Internal", fault.KindOf(mongodb.ErrOutdated))
	}
}

// The URI may name the database.
func TestDatabaseOfURI(t *testing.T) {
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
		t.Errorf("the database of the URI has %d marks, want 1", n)
	}
}

// Open distinguishes a server that refuses the password from one that does not answer.
func TestOpenWithWrongPassword(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		fault mongofake.Fault
		want  error
	}{
		"refused":          {mongofake.Fault{Error: &mongofake.Error{Code: 18, Message: "refused"}}, uow.ErrRefused},
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
			migrated := mongodb.Migrate(ctx, u.String(), mongodb.Options{})
			for name, err := range map[string]error{"Open": err, "Migrate": migrated} {
				if !errors.Is(err, c.want) || strings.Contains(err.Error(), "open sesame") {
					t.Errorf("%s = %v, want %v without the password", name, err, c.want)
				}
			}
		})
	}
}
