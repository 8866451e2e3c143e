package mongofake

import (
	"slices"

	"go.mongodb.org/mongo-driver/bson"
)

// txn is a transaction of several commands, or of one write that commits immediately.
type txn struct {
	view
	store  *store
	writes []*record
	claims []*entry // the keys of unique indexes that it has inserted
	used   map[*collection]bool
}

func (s *store) begin() *txn {
	t := &txn{store: s, used: map[*collection]bool{}}
	t.view = view{at: s.last, txn: t}
	s.open[t] = struct{}{}
	return t
}

// use records that t uses c. It returns an error if c was made or changed after t's snapshot.
func (t *txn) use(c *collection) error {
	if c.since > t.at {
		return fail(codeSnapshotUnavailable, "Unable to read from a snapshot due to pending collection catalog changes")
	}
	t.used[c] = true
	return nil
}

// insert adds a document as a new record.
func (t *txn) insert(c *collection, doc bson.D) error {
	if c.dropped { // while the write waited
		return fail(codeQueryPlanKilled, "collection dropped")
	}
	r := &record{home: c, writer: t, draft: doc}
	t.writes = append(t.writes, r)
	c.records = append(c.records, r)
	return t.link(r, nil, doc)
}

// replace gives r a new version. A nil document deletes it.
func (t *txn) replace(r *record, doc bson.D) error {
	if r.home.dropped { // while the write waited
		return fail(codeQueryPlanKilled, "collection dropped")
	}
	if err := t.claim(r); err != nil {
		return err
	}
	before := r.draft
	r.draft = doc
	if doc == nil {
		return nil
	}
	return t.link(r, before, doc)
}

// claim makes t the writer of r. The first writer wins: claim returns errConflict if another transaction
// is the writer of r, or has changed it after t's snapshot.
func (t *txn) claim(r *record) error {
	if r.writer == t {
		return nil
	}
	newest := r.versions[len(r.versions)-1]
	if (r.writer != nil || newest.at > t.at) && !t.store.flaws.conflict {
		return errConflict
	}
	r.writer, r.draft = t, t.store.see(view{at: t.at}, r)
	t.writes = append(t.writes, r)
	return nil
}

// link enters the keys that doc has, and before lacks, into the unique indexes.
func (t *txn) link(r *record, before, doc bson.D) error {
	for _, ix := range r.home.indexes {
		keys, err := ix.keys(doc)
		if err != nil {
			return err
		}
		if !ix.unique {
			continue
		}
		old, err := ix.keys(before)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if slices.Contains(old, key) {
				continue
			}
			if err := t.enter(ix, key, r, doc); err != nil {
				return err
			}
		}
	}
	return nil
}

// enter claims one key of a unique index. As on the server, the index on _id reports a duplicate before
// a conflict, and the others report a conflict before a duplicate.
func (t *txn) enter(ix *index, key string, r *record, doc bson.D) error {
	e := ix.entry(key)
	conflict := (e.writer != nil && e.writer != t || e.at > t.at) && !t.store.flaws.conflict
	if conflict && !ix.onID() {
		return errConflict
	}
	if !t.store.flaws.uniqueness {
		for other := range e.records {
			if other != r && ix.holds(t.store.see(t.view, other), key) {
				return ix.duplicate(doc)
			}
		}
	}
	if conflict {
		return errConflict
	}
	e.writer = t
	e.records[r] = struct{}{}
	t.claims = append(t.claims, e)
	return nil
}

// commit makes t's writes the newest versions.
func (t *txn) commit() {
	s := t.store
	if len(t.writes) > 0 {
		s.last++
	}
	for _, e := range t.claims {
		e.writer, e.at = nil, s.last
	}
	for _, r := range t.writes {
		if r.writer == t {
			s.committed(r, r.draft)
			s.changes.add(logged{s.last, r.home, s.see(s.latest(), r), r.draft})
			r.versions = append(r.versions, version{at: s.last, doc: r.draft})
			r.writer, r.draft = nil, nil
		}
	}
	t.end()
}

// abort undoes t's writes.
func (t *txn) abort() {
	for _, e := range t.claims {
		e.writer = nil
	}
	for _, r := range t.writes {
		if r.writer == t {
			doc := r.draft
			r.writer, r.draft = nil, nil
			r.home.unlink(r, doc)
		}
	}
	t.end()
}

func (t *txn) end() {
	s := t.store
	delete(s.open, t)
	oldest := s.oldest()
	for _, r := range t.writes {
		if !r.prune(oldest) {
			s.stale = append(s.stale, r)
		}
	}
	s.sweep()
	close(s.ended)
	s.ended = make(chan struct{})
}
