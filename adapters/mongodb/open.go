package mongodb

import (
	"cmp"
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

// leastWire is the wire version of MongoDB 4.2, the first version with transactions in sharded
// clusters.
const leastWire = 8

// snapshotWire is the wire version of MongoDB 5.0, the first version with snapshots outside of
// transactions.
const snapshotWire = 13

// Open connects to the deployment of a URI, mongodb://… or mongodb+srv://…, and opens the store in
// its database. The collections must exist: see Migrate.
//
// Open returns ErrOutdated, ErrNewer, ErrUnfit, ErrInUse, uow.ErrRefused if the server rejects the
// user or the password, and uow.ErrUnreachable if no primary can be reached. Any other error means
// an invalid URI or invalid options.
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

// New opens the store with a host's client, which the host disconnects. The errors are those of
// Open.
func New(ctx context.Context, client *mongo.Client, o Options) (*Store, error) {
	o, err := o.withDefaults("")
	if err != nil {
		return nil, fmt.Errorf("mongodb: %w", err)
	}
	s := newStore(client, o, keepClient)
	if err := s.check(ctx); err != nil {
		return nil, fmt.Errorf("mongodb: %w", errors.Join(err, s.Close(context.WithoutCancel(ctx))))
	}
	return s, nil
}

// connect returns a client for a URI. It sends nothing to the server yet.
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

func keepClient() error { return nil }

// check returns an error unless the server has transactions, the collections are those of this
// program, and no other process has opened the store exclusively.
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
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(s.options.CommandTimeout, commandTime), errSilent)
	defer cancel()
	var server struct {
		SetName        string `bson:"setName"`
		Message        string `bson:"msg"`
		WireVersion    int    `bson:"maxWireVersion"`
		SessionMinutes *int   `bson:"logicalSessionTimeoutMinutes"`
	}
	err := s.client.Database("admin").RunCommand(ctx, d("isMaster", 1), options.RunCmd().SetReadPreference(readpref.Primary())).Decode(&server)
	s.sharded = server.Message == "isdbgrid"
	s.options, s.wire = s.options.forServer(s.sharded), server.WireVersion
	switch {
	case err != nil:
		if err = translate(ctx, err); errors.Is(err, uow.ErrUnreachable) {
			err = fmt.Errorf("a replica set that was never initiated has none (%s): %w", howToInitiate, err)
		}
		return fmt.Errorf("find a primary: %w", err)
	case server.WireVersion < leastWire:
		return fmt.Errorf("%w: it is older than MongoDB 4.2: update it, and set its featureCompatibilityVersion", ErrUnfit)
	case server.SetName == "" && !s.sharded:
		return fmt.Errorf("%w: it stands alone, and only replica sets have transactions: %s", ErrUnfit, howToInitiate)
	case server.SessionMinutes == nil:
		return fmt.Errorf("%w: it has no sessions: each node must have data, and featureCompatibilityVersion 3.6 or later", ErrUnfit)
	}
	return nil
}

// ShardKey is the shard key that a collection should have in a sharded cluster.
type ShardKey struct {
	Collection string
	Field      string // "" if the collection should stay on one shard
	Hashed     bool
	Why        string
}

// Command returns the mongosh command that shards the collection, or "" if it should stay on one
// shard.
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

// ShardKeys returns the shard key of every collection. With these keys the uniqueness rules hold on
// many shards, and each write of one document goes to its shard. Shard a collection after Migrate.
func ShardKeys() []ShardKey {
	keys := make([]ShardKey, len(schema))
	for i, s := range schema {
		keys[i] = ShardKey{Collection: string(s.name), Field: s.shard.key, Hashed: s.shard.hashed, Why: s.shard.why}
	}
	return keys
}
