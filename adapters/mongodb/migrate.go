package mongodb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// Migrate creates the collections with their validators and indexes, or brings them and their
// documents up to date. It may be interrupted, run again, and run by several processes
// concurrently. The URI is that of Open; its user needs the roles readWrite and dbAdmin in the
// database. Running servers continue with the version that they know; start the new ones after
// Migrate.
//
// Migrate returns ErrNewer, ErrUnfit, uow.ErrRefused if the server rejects the user or the
// password, and uow.ErrUnreachable if no server can be reached.
func Migrate(ctx context.Context, uri string, o Options) error {
	client, o, err := connect(ctx, uri, o)
	if err != nil {
		return fmt.Errorf("mongodb: migrate: %w", err)
	}
	err = MigrateClient(ctx, client, o)
	return errors.Join(err, disconnect(client))
}

// MigrateClient is like Migrate, with a host's client.
func MigrateClient(ctx context.Context, client *mongo.Client, o Options) error {
	o, err := o.withDefaults("")
	if err == nil {
		s := newStore(client, o, keepClient)
		if err = migrate(ctx, s, migrations); err == nil {
			err = s.sealBefore(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("mongodb: migrate: %w", err)
	}
	return nil
}

func migrate(ctx context.Context, s *Store, steps []step) error {
	if err := s.checkServer(ctx); err != nil {
		return err
	}
	layouts := map[string]layout{} // by collection
	for i, step := range steps {
		version := int64(i) + 1
		current, err := s.version(ctx) // another process may have increased it
		if err != nil {
			return err
		}
		if current > int64(len(steps)) {
			return newer(current)
		}
		changes, err := step()
		if err != nil {
			return err
		}
		for _, c := range changes {
			if layouts[c.in], err = layouts[c.in].after(c); err == nil && current < version {
				err = c.make(ctx, s, layouts[c.in])
			}
			if err != nil {
				return fmt.Errorf("version %d: %s: %w", version, c.in, translate(ctx, err))
			}
		}
		if current < version {
			if err := s.note(ctx, version); err != nil {
				return err
			}
		}
	}
	return nil
}

// make applies a change, which leads to a layout. It fills in documents before the validator
// requires the new fields, and once more afterwards, because programs of the version before may
// have written documents in between.
func (c change) make(ctx context.Context, s *Store, l layout) error {
	if err := c.fill.run(ctx, s, c.in); err != nil {
		return err
	}
	validator := c.validator
	if validator == nil {
		validator = l.validator()
	}
	err := s.db.CreateCollection(ctx, c.in, options.CreateCollection().SetValidator(validator))
	if hasCode(err, codeNamespaceExists) {
		err = s.db.RunCommand(ctx, d("collMod", c.in, "validator", validator)).Err()
	}
	if err != nil {
		return fmt.Errorf("create the collection: %w", err)
	}
	if err := c.fill.run(ctx, s, c.in); err != nil {
		return err
	}
	indexes := s.db.Collection(c.in).Indexes()
	if len(c.indexes) > 0 {
		models := make([]mongo.IndexModel, len(c.indexes))
		for i, x := range c.indexes {
			models[i] = x.model()
		}
		if _, err := indexes.CreateMany(ctx, models); err != nil {
			return fmt.Errorf("create its indexes: %w", err)
		}
	}
	for _, name := range c.unindexed {
		if _, err := indexes.DropOne(ctx, name); err != nil && !hasCode(err, codeIndexNotFound) {
			return fmt.Errorf("remove the index %s: %w", name, err)
		}
	}
	return nil
}

// note records in the database that a version was reached.
func (s *Store) note(ctx context.Context, version int64) error {
	_, err := s.in(versionsIn).UpdateOne(ctx, d("_id", version),
		d("$setOnInsert", d("applied_at", date(time.Now()))), options.Update().SetUpsert(true))
	if err != nil && !mongo.IsDuplicateKeyError(err) { // another process has recorded it
		return fmt.Errorf("record version %d: %w", version, translate(ctx, err))
	}
	return nil
}

// version returns the version of the last migration that ran, or 0.
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

// checkVersion returns an error unless the database has exactly this program's version, and all its
// collections and indexes. Collections cannot be created in a transaction, and without an index a
// rule would not hold.
func (s *Store) checkVersion(ctx context.Context) error {
	current, err := s.version(ctx)
	switch {
	case err != nil:
		return err
	case current > int64(len(migrations)):
		return newer(current)
	case current == 0:
		return fmt.Errorf("%w (the database %s has none)", ErrOutdated, s.options.Database)
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
				return fmt.Errorf("%w (the index %s of %s is missing or differs)", ErrOutdated, x.name, spec.name)
			}
		}
	}
	return nil
}

// is reports whether an index matches the wanted one.
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
	return fmt.Errorf("%w (version %d; this program supports %d)", ErrNewer, current, len(migrations))
}
