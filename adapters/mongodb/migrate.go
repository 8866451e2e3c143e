package mongodb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// migrations are the steps from an empty database to the present one; a step's number is the version that it leads to. A step
// that was released never changes, may be interrupted and repeated, and may run in two processes at once.
var migrations = []func(ctx context.Context, db *mongo.Database) error{
	func(ctx context.Context, db *mongo.Database) error { return install(ctx, db, schema) },
}

// Migrate makes the collections with their rules and indexes, where they are missing, and brings them up to date. It may be
// interrupted, repeated, and run by several processes at once. The URI is that of Open; its user needs the roles
// readWrite and dbAdmin in the database. Servers that are under way go on with what they know; start the new ones after
// it. Errors: ErrNewer, ErrUnfit; uow.ErrRefused if the server does not accept the user or the password;
// uow.ErrUnreachable if no server can be reached.
func Migrate(ctx context.Context, uri string, o Options) error {
	client, o, err := connect(ctx, uri, o)
	if err != nil {
		return fmt.Errorf("mongodb: migrate: %w", err)
	}
	err = MigrateClient(ctx, client, o)
	return errors.Join(err, disconnect(client))
}

// MigrateClient is Migrate on a client of the host's.
func MigrateClient(ctx context.Context, client *mongo.Client, o Options) error {
	o, err := o.withDefaults("")
	if err == nil {
		err = migrate(ctx, newStore(client, o, nothingToLetGo))
	}
	if err != nil {
		return fmt.Errorf("mongodb: migrate: %w", err)
	}
	return nil
}

func migrate(ctx context.Context, s *Store) error {
	if err := s.checkServer(ctx); err != nil {
		return err
	}
	current, err := s.version(ctx)
	if err != nil {
		return err
	}
	if current > int64(len(migrations)) {
		return newer(current)
	}
	for i, step := range migrations[current:] {
		version := current + int64(i) + 1
		if err := step(ctx, s.db); err != nil {
			return fmt.Errorf("version %d: %w", version, translate(ctx, err))
		}
		_, err := s.in(versionsIn).UpdateOne(ctx, d("_id", version),
			d("$setOnInsert", d("applied_at", date(time.Now()))), options.Update().SetUpsert(true))
		if err != nil && !mongo.IsDuplicateKeyError(err) { // another process has noted it
			return fmt.Errorf("note version %d: %w", version, translate(ctx, err))
		}
	}
	return nil
}

// install makes collections as their specs say.
func install(ctx context.Context, db *mongo.Database, specs []spec) error {
	for _, s := range specs {
		err := db.CreateCollection(ctx, string(s.name), options.CreateCollection().SetValidator(s.validator()))
		if hasCode(err, codeNamespaceExists) {
			err = db.RunCommand(ctx, d("collMod", string(s.name), "validator", s.validator())).Err()
		}
		if err != nil {
			return fmt.Errorf("make the collection %s: %w", s.name, err)
		}
		if len(s.indexes) == 0 {
			continue
		}
		models := make([]mongo.IndexModel, len(s.indexes))
		for i, x := range s.indexes {
			models[i] = x.model()
		}
		if _, err := db.Collection(string(s.name)).Indexes().CreateMany(ctx, models); err != nil {
			return fmt.Errorf("index the collection %s: %w", s.name, err)
		}
	}
	return nil
}

func (i index) model() mongo.IndexModel {
	o := options.Index().SetName(i.name)
	if i.unique {
		o.SetUnique(true)
	}
	if i.sparse {
		o.SetSparse(true)
	}
	if i.partial != nil {
		o.SetPartialFilterExpression(i.partial)
	}
	return mongo.IndexModel{Keys: i.pattern(), Options: o}
}

// version is that of the last migration that was run, 0 where none was.
func (s *Store) version(ctx context.Context) (int64, error) {
	var last struct {
		ID int64 `bson:"_id"`
	}
	err := s.in(versionsIn).FindOne(ctx, bson.D{}, options.FindOne().SetSort(d("_id", -1))).Decode(&last)
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return 0, fmt.Errorf("read the store's version: %w", translate(ctx, err))
	}
	return last.ID, nil
}

// checkVersion makes sure that the database has had all migrations, and no others, and that nothing was taken away since:
// inside a transaction nothing can be made, and without an index a rule would not hold.
func (s *Store) checkVersion(ctx context.Context) error {
	current, err := s.version(ctx)
	switch {
	case err != nil:
		return err
	case current > int64(len(migrations)):
		return newer(current)
	case current == 0:
		return fmt.Errorf("%w (there are none in the database %s)", ErrOutdated, s.options.Database)
	case current < int64(len(migrations)):
		return fmt.Errorf("%w (the database %s has version %d, this program needs %d)", ErrOutdated, s.options.Database, current, len(migrations))
	}
	names, err := s.db.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return fmt.Errorf("list the collections: %w", translate(ctx, err))
	}
	for _, spec := range schema {
		if !slices.Contains(names, string(spec.name)) {
			return fmt.Errorf("%w (the collection %s is missing)", ErrOutdated, spec.name)
		}
		there, err := s.in(spec.name).Indexes().ListSpecifications(ctx)
		if err != nil {
			return fmt.Errorf("list the indexes of %s: %w", spec.name, translate(ctx, err))
		}
		for _, x := range spec.indexes {
			if !slices.ContainsFunc(there, x.is) {
				return fmt.Errorf("%w (the index %s of %s is missing, or another one)", ErrOutdated, x.name, spec.name)
			}
		}
	}
	return nil
}

// is reports whether an index is the one that is wanted.
func (i index) is(there *mongo.IndexSpecification) bool {
	pattern := ""
	elements, err := there.KeysDocument.Elements()
	for n, e := range elements {
		if n > 0 {
			pattern += " "
		}
		pattern += e.Key()
	}
	return err == nil && there.Name == i.name && pattern == i.keys && (there.Unique != nil && *there.Unique) == i.unique
}

func newer(current int64) error {
	return fmt.Errorf("%w (version %d, where this program knows %d)", ErrNewer, current, len(migrations))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
