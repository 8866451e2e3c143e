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

// Migrate makes the collections with their validators and indexes, or brings them up to date, documents included. It may be
// interrupted, repeated, and run by several processes concurrently. The URI is that of Open; its user needs the roles
// readWrite and dbAdmin in the database. Servers that are running continue with the version that they know; start the new
// ones after it. Errors: ErrNewer, ErrUnfit; uow.ErrRefused if the server does not accept the user or the password;
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
		err = migrate(ctx, newStore(client, o, nothingToLetGo), migrations)
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
		current, err := s.version(ctx) // which another process may have brought on
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

// make makes a change, which leads to a layout. Documents are filled in before the validator asks for it, and once more after
// that: programs that know the version before may have written others meanwhile.
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
		return fmt.Errorf("make the collection: %w", err)
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
			return fmt.Errorf("make its indexes: %w", err)
		}
	}
	for _, name := range c.unindexed {
		if _, err := indexes.DropOne(ctx, name); err != nil && !hasCode(err, codeIndexNotFound) {
			return fmt.Errorf("remove the index %s: %w", name, err)
		}
	}
	return nil
}

// note keeps in the database that a version is reached.
func (s *Store) note(ctx context.Context, version int64) error {
	_, err := s.in(versionsIn).UpdateOne(ctx, d("_id", version),
		d("$setOnInsert", d("applied_at", date(time.Now()))), options.Update().SetUpsert(true))
	if err != nil && !mongo.IsDuplicateKeyError(err) { // which another process has noted
		return fmt.Errorf("note version %d: %w", version, translate(ctx, err))
	}
	return nil
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
