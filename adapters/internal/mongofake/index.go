package mongofake

import (
	"slices"
	"strings"

	"github.com/256dpi/lungo/bsonkit"
	"go.mongodb.org/mongo-driver/bson"
)

// index holds its definition and, if it is unique, the records of each key. Reads do not use it: they
// go through all records, and sort what they find in the order of the index.
type index struct {
	spec     bson.D // as listIndexes shows it
	name     string
	pattern  bson.D
	paths    []string
	unique   bool
	sparse   bool
	partial  *filter
	collator *collator
	entries  map[string]*entry
}

// entry is one key of a unique index.
type entry struct {
	writer  *txn  // the open transaction that has inserted the key, or nil
	at      stamp // the last commit that inserted the key
	records map[*record]struct{}
}

func idIndex(namespace string) *index {
	pattern := bson.D{{Key: "_id", Value: int32(1)}}
	return &index{
		spec: bson.D{{Key: "v", Value: int32(2)}, {Key: "key", Value: pattern}, {Key: "name", Value: "_id_"},
			{Key: "ns", Value: namespace}},
		name: "_id_", pattern: pattern, paths: []string{"_id"}, unique: true, entries: map[string]*entry{},
	}
}

func (ix *index) onID() bool { return ix.name == "_id_" }

func (ix *index) entry(key string) *entry {
	e, ok := ix.entries[key]
	if !ok {
		e = &entry{records: map[*record]struct{}{}}
		ix.entries[key] = e
	}
	return e
}

// keys returns the keys of a document in the index: several if an indexed field is an array, and none
// if the index does not hold the document.
func (ix *index) keys(doc bson.D) ([]string, error) {
	if doc == nil {
		return nil, nil
	}
	if ix.partial != nil {
		if ok, err := ix.partial.matches(doc); err != nil || !ok {
			return nil, err
		}
	}
	keys, there := []string{""}, false
	arrays := 0
	for _, path := range ix.paths {
		value, _ := bsonkit.All(&doc, path, true, true)
		values := bson.A{value}
		if list, ok := value.(bson.A); ok {
			if arrays++; arrays > 1 {
				return nil, fail(codeParallelArrays, "cannot index parallel arrays [%s]", strings.Join(ix.paths, "] ["))
			}
			if len(list) > 0 {
				values = list
			}
		}
		there = there || value != bsonkit.Missing
		next := make([]string, 0, len(keys)*len(values))
		for _, key := range keys {
			for _, v := range values {
				next = append(next, key+keyOf(ix.collator.fold(v)))
			}
		}
		keys = next
	}
	if ix.sparse && !there {
		return nil, nil
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// holds reports whether a version of a document has the key. It may ignore errors of keys, because a
// document that cannot be indexed was never stored.
func (ix *index) holds(doc bson.D, key string) bool {
	keys, err := ix.keys(doc)
	return err == nil && slices.Contains(keys, key)
}

func (ix *index) duplicate(doc bson.D) *failure {
	f := fail(codeDuplicateKey, "E11000 duplicate key error index: %s", ix.name)
	f.keyPattern = ix.pattern
	for _, path := range ix.paths {
		value := bsonkit.Get(&doc, path)
		if value == bsonkit.Missing {
			value = nil
		}
		f.keyValue = append(f.keyValue, bson.E{Key: path, Value: value})
	}
	return f
}

// unlink removes r from the keys of a version that is gone, unless another version of r has them.
func (c *collection) unlink(r *record, doc bson.D) {
	for _, ix := range c.indexes {
		if !ix.unique {
			continue
		}
		keys, _ := ix.keys(doc) // a document that cannot be indexed has none
		for _, key := range keys {
			e, ok := ix.entries[key]
			if !ok || ix.holds(r.draft, key) ||
				slices.ContainsFunc(r.versions, func(v version) bool { return ix.holds(v.doc, key) }) {
				continue
			}
			delete(e.records, r)
			if len(e.records) == 0 && e.writer == nil && e.at == 0 {
				delete(ix.entries, key)
			}
		}
	}
}

// build fills a new index with the documents of the collection. It returns an error for a duplicate.
func (ix *index) build(s *store, c *collection) error {
	for _, r := range c.records {
		doc := s.see(s.latest(), r)
		keys, err := ix.keys(doc)
		if err != nil {
			return err
		}
		if !ix.unique {
			continue
		}
		for _, key := range keys {
			e := ix.entry(key)
			if len(e.records) > 0 {
				return ix.duplicate(doc)
			}
			e.records[r] = struct{}{}
		}
	}
	return nil
}
