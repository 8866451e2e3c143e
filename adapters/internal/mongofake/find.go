package mongofake

import (
	"cmp"
	"slices"
	"strings"

	"github.com/256dpi/lungo/bsonkit"
	"go.mongodb.org/mongo-driver/bson"
)

// find returns the records with matching documents in the view of the command, in the order of sort.
// Without a sort it is the order in which the server would find them.
func (c *call) find(coll *collection, f *filter, sort bson.D) ([]*record, error) {
	return c.store.find(c.view(), coll, f, sort)
}

// first returns the first record that matches in t's view, or nil if none matches.
func (c *call) first(t *txn, coll *collection, f *filter, sort bson.D) (*record, bson.D, error) {
	found, err := c.store.find(t.view, coll, f, sort)
	if err != nil || len(found) == 0 {
		return nil, nil, err
	}
	return found[0], c.store.see(t.view, found[0]), nil
}

func (s *store) find(v view, coll *collection, f *filter, sort bson.D) ([]*record, error) {
	var found []*record
	for _, r := range coll.candidates(f) {
		doc := s.see(v, r)
		if doc == nil {
			continue
		}
		ok, err := f.matches(doc)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, r)
		}
	}
	coll.arrange(found, f, sort, func(r *record) bson.D { return s.see(v, r) })
	return found, nil
}

// arrange sorts records by sort or, without one, in the order of the index that the server would use.
func (c *collection) arrange(found []*record, f *filter, sort bson.D, doc func(*record) bson.D) {
	if len(found) < 2 {
		return
	}
	if len(sort) == 0 {
		if ix := c.chosen(f); ix != nil {
			sortBy(found, ix.open(f), ix.collator, doc)
		}
		return
	}
	ix, turned := c.serving(f, sort)
	if ix == nil {
		sortBy(found, sort, f.collator, doc)
		return
	}
	sortBy(found, ix.open(f), ix.collator, doc)
	if turned {
		slices.Reverse(found)
	}
}

// candidates returns the records that may match: those with the required _id, or all.
func (c *collection) candidates(f *filter) []*record {
	id, ok := f.equals("_id")
	if !ok || f.collator != nil {
		return c.records
	}
	e, ok := c.indexes[0].entries[keyOf(id)]
	if !ok {
		return nil
	}
	list := make([]*record, 0, len(e.records))
	for r := range e.records {
		list = append(list, r)
	}
	return list
}

// chosen returns the index that the server would use for the filter, or nil: the first index with a leading
// field that the filter bounds. The index on _id is before the others.
func (c *collection) chosen(f *filter) *index {
	for _, ix := range c.indexes {
		if ix.partial == nil && !ix.sparse && ix.collator == f.collator && f.bounds(ix.paths[0]) {
			return ix
		}
	}
	return nil
}

// open returns the part of the index's pattern that starts at the first field without a required value.
// The entries that match the filter are in the order of this part. A pinned field does not matter, even
// if it is an array: only the entries of the required element match.
func (ix *index) open(f *filter) bson.D {
	for i, e := range ix.pattern {
		if !f.pins(e.Key) {
			return ix.pattern[i:]
		}
	}
	return nil
}

// serving returns an index that has the documents in the order of sort, or nil. It reports in turned
// whether the server reads the index backwards. Leading fields that the filter pins do not matter.
func (c *collection) serving(f *filter, sort bson.D) (ix *index, turned bool) {
	for _, ix := range c.indexes {
		if ix.partial != nil || ix.sparse || ix.collator != f.collator {
			continue
		}
		pattern := ix.pattern
		for len(pattern) > 0 && pattern[0].Key != sort[0].Key && f.pins(pattern[0].Key) {
			pattern = pattern[1:]
		}
		if len(sort) > len(pattern) {
			continue
		}
		turned := descending(sort[0]) != descending(pattern[0])
		fits := true
		for i, e := range sort {
			fits = fits && e.Key == pattern[i].Key && (descending(e) != descending(pattern[i])) == turned
		}
		if fits {
			return ix, turned
		}
	}
	return nil, false
}

// sortBy sorts items by their documents. The sort is stable.
func sortBy[T any](items []T, order bson.D, collator *collator, doc func(T) bson.D) {
	type keyed struct {
		item T
		keys []any
	}
	list := make([]keyed, len(items))
	for i, item := range items {
		d := doc(item)
		keys := make([]any, len(order))
		for j, e := range order {
			keys[j] = collator.fold(sortKey(d, e.Key, descending(e)))
		}
		list[i] = keyed{item, keys}
	}
	slices.SortStableFunc(list, func(a, b keyed) int {
		for j, e := range order {
			if n := compareKeys(a.keys[j], b.keys[j]); n != 0 {
				if descending(e) {
					return -n
				}
				return n
			}
		}
		return 0
	})
	for i := range list {
		items[i] = list[i].item
	}
}

func descending(e bson.E) bool { return double(e.Value) < 0 }

// emptyArray sorts before everything, null included.
type emptyArray struct{}

// sortKey returns the value by which a document is sorted. For an array it is the least element or, if
// the order is descending, the greatest.
func sortKey(d bson.D, path string, descending bool) any {
	value, _ := bsonkit.All(&d, path, true, true)
	list, ok := value.(bson.A)
	if !ok {
		return value
	}
	if len(list) == 0 {
		if bsonkit.Get(&d, path) == bsonkit.Missing {
			return nil
		}
		return emptyArray{}
	}
	if descending {
		return slices.MaxFunc(list, bsonkit.Compare)
	}
	return slices.MinFunc(list, bsonkit.Compare)
}

func compareKeys(a, b any) int {
	_, x := a.(emptyArray)
	_, y := b.(emptyArray)
	if x || y {
		return cmp.Compare(count(!x), count(!y))
	}
	return bsonkit.Compare(a, b)
}

func compareText(a, b string) int { return strings.Compare(a, b) }

func (c *call) checkSort(sort bson.D) error {
	for _, e := range sort {
		n, ok := integer(e.Value)
		if !ok || n != 1 && n != -1 {
			return fail(codeBadValue, "bad sort specification")
		}
		if e.Key == "" || strings.HasPrefix(e.Key, "$") {
			c.server.config.Printf("sort by %q", e.Key)
			return fail(codeBadValue, "bad sort specification")
		}
	}
	return nil
}
