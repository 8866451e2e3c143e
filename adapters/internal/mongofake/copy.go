package mongofake

import (
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
)

// Copy makes a database with the collections, validators, indexes and documents that another one
// has. It is much faster than the commands that made the other one. It returns an error, and copies
// nothing, if the new database exists already or the other one does not.
func (s *Server) Copy(from, to string) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	collections := s.store.inDatabase(from)
	if len(collections) == 0 {
		return fmt.Errorf("mongofake: copy %s: it does not exist", from)
	}
	if len(s.store.inDatabase(to)) > 0 {
		return fmt.Errorf("mongofake: copy %s to %s: that exists already", from, to)
	}
	for _, c := range collections {
		if err := s.store.copy(c, to+"."+c.name()); err != nil {
			return fmt.Errorf("mongofake: copy %s: %w", c.namespace, err)
		}
	}
	s.store.cluster.catalog = s.store.last // every router knows the documents, as those of a migration
	return nil
}

func (s *store) copy(from *collection, namespace string) error {
	c := s.create(namespace, from.options)
	c.validator = from.validator
	indexes := slices.Clone(c.indexes)
	for _, ix := range from.indexes[1:] {
		indexes = append(indexes, ix.in(namespace))
	}
	c.changeIndexes(s, indexes)
	t := s.begin()
	for _, r := range from.records {
		if doc := s.see(s.latest(), r); doc != nil {
			if err := t.insert(c, doc); err != nil { // never: the indexes are those of from
				t.abort()
				return err
			}
		}
	}
	t.commit()
	return nil
}

// in returns an empty index with the same definition, of another collection.
func (ix *index) in(namespace string) *index {
	made := *ix
	made.entries = map[string]*entry{}
	made.spec = slices.Clone(ix.spec)
	i := slices.IndexFunc(made.spec, func(e bson.E) bool { return e.Key == "ns" })
	made.spec[i].Value = namespace
	return &made
}
