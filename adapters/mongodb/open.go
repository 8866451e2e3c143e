package mongodb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/x/mongo/driver/connstring"

	"github.com/cicerone-go/cicerone/core/uow"
)

// leastWire is the wire version of MongoDB 4.2, the first in which a sharded cluster has transactions, too.
const leastWire = 8

// Open connects to the deployment that a URI names, mongodb://… or mongodb+srv://…, and opens the store in its database. The
// collections must be there: see Migrate. Errors: ErrOutdated, ErrNewer, ErrUnfit, ErrInUse; uow.ErrRefused if
// the server does not accept the user or the password; uow.ErrUnreachable if no primary can be reached; else the URI or the options make no sense.
func Open(ctx context.Context, uri string, o Options) (*Store, error) {
	client, o, err := connect(ctx, uri, o)
	if err != nil {
		return nil, fmt.Errorf("mongodb: open: %w", err)
	}
	s := newStore(client, o, func() error { return disconnect(client) })
	if err := s.check(ctx); err != nil {
		return nil, fmt.Errorf("mongodb: open: %w", errors.Join(err, s.Close(context.WithoutCancel(ctx))))
	}
	return s, nil
}

// New opens the store over a client of the host's, which stays the host's to disconnect. Errors are those of Open.
func New(ctx context.Context, client *mongo.Client, o Options) (*Store, error) {
	o, err := o.withDefaults("")
	if err != nil {
		return nil, fmt.Errorf("mongodb: %w", err)
	}
	s := newStore(client, o, nothingToLetGo)
	if err := s.check(ctx); err != nil {
		return nil, fmt.Errorf("mongodb: %w", errors.Join(err, s.Close(context.WithoutCancel(ctx))))
	}
	return s, nil
}

// connect makes a client of a URI. It asks the server nothing yet.
func connect(ctx context.Context, uri string, o Options) (*mongo.Client, Options, error) {
	written, err := connstring.ParseAndValidate(uri)
	if err != nil {
		return nil, o, fmt.Errorf("read the URI: %w", err)
	}
	if o, err = o.withDefaults(written.Database); err != nil {
		return nil, o, err
	}
	c := options.Client().ApplyURI(uri)
	if !written.ServerSelectionTimeoutSet {
		c.SetServerSelectionTimeout(findTime)
	}
	if o.MaxConns > 0 {
		c.SetMaxPoolSize(uint64(o.MaxConns))
	}
	if written.AppName == "" {
		c.SetAppName("cicerone")
	}
	client, err := mongo.Connect(ctx, c)
	if err != nil {
		return nil, o, fmt.Errorf("make a client: %w", err)
	}
	return client, o, nil
}

func disconnect(client *mongo.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := client.Disconnect(ctx); err != nil {
		return fmt.Errorf("disconnect: %w", err)
	}
	return nil
}

func nothingToLetGo() error { return nil }

// check makes sure that the server has transactions, that the collections are those that this program knows, and that nobody has
// them alone.
func (s *Store) check(ctx context.Context) error {
	if err := s.checkServer(ctx); err != nil {
		return err
	}
	if err := s.checkVersion(ctx); err != nil {
		return err
	}
	return s.presence.begin(ctx)
}

const howToInitiate = "start it with --replSet rs0, and once run rs.initiate() in it: mongosh --eval 'rs.initiate()'"

func (s *Store) checkServer(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.options.CommandTimeout, errSilent)
	defer cancel()
	var server struct {
		SetName        string `bson:"setName"`
		Message        string `bson:"msg"`
		WireVersion    int    `bson:"maxWireVersion"`
		SessionMinutes *int   `bson:"logicalSessionTimeoutMinutes"`
	}
	err := s.client.Database("admin").RunCommand(ctx, d("isMaster", 1), options.RunCmd().SetReadPreference(readpref.Primary())).Decode(&server)
	s.sharded = server.Message == "isdbgrid"
	switch {
	case err != nil:
		if err = translate(ctx, err); errors.Is(err, uow.ErrUnreachable) {
			err = fmt.Errorf("a replica set that was never initiated has none (%s): %w", howToInitiate, err)
		}
		return fmt.Errorf("look for a primary: %w", err)
	case server.WireVersion < leastWire:
		return fmt.Errorf("%w: it is older than MongoDB 4.2: update it, and set its featureCompatibilityVersion", ErrUnfit)
	case server.SetName == "" && !s.sharded:
		return fmt.Errorf("%w: it stands alone, and only replica sets have transactions: %s", ErrUnfit, howToInitiate)
	case server.SessionMinutes == nil:
		return fmt.Errorf("%w: it has no sessions: each node must have data, and featureCompatibilityVersion 3.6 or later", ErrUnfit)
	}
	return nil
}

// ShardKey is how a collection should be spread where the deployment is a sharded cluster.
type ShardKey struct {
	Collection string
	Field      string // "" of a collection that should stay on one shard
	Hashed     bool
	Why        string
}

// Command is the line of mongosh that shards the collection in a database, "" of one that should stay on one shard.
func (k ShardKey) Command(database string) string {
	if k.Field == "" {
		return ""
	}
	how := "1"
	if k.Hashed {
		how = `"hashed"`
	}
	return fmt.Sprintf("sh.shardCollection(%q, {%q: %s})", strings.Join([]string{database, k.Collection}, "."), k.Field, how)
}

// ShardKeys lists the key of every collection. With these, each rule that says "only one" goes on to hold, and each write of one
// document finds its shard. Shard a collection after Migrate.
func ShardKeys() []ShardKey {
	keys := make([]ShardKey, len(schema))
	for i, s := range schema {
		keys[i] = ShardKey{Collection: string(s.name), Field: s.shard.key, Hashed: s.shard.hashed, Why: s.shard.why}
	}
	return keys
}
