package mongofake

import (
	"slices"
	"sync"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/google/uuid"
)

// stamp numbers the commits; a snapshot is the stamp of the last commit that it sees.
type stamp uint64

// store holds all data. Everything in it, and in what it points to, is guarded by mu.
type store struct {
	mu          sync.Mutex
	last        stamp // of the commits
	collections map[string]*collection
	open        map[*txn]struct{}
	ended       chan struct{} // closed, and made anew, whenever a transaction ends
	sessions    map[string]*session
	cursors     map[int64]*cursor
	stale       []*record // with versions that some snapshot may still need
	swept       stamp     // the oldest snapshot when stale was last looked through
	flaws       flaws
}

// flaws are errors planted by tests, which must notice them.
type flaws struct {
	isolation  bool // transactions read what was committed after their snapshot
	conflict   bool // the second writer of a document is not stopped
	uniqueness bool // unique keys are not looked at
	retryable  bool // repeated writes are done again
}

type collection struct {
	namespace string
	uuid      primitive.Binary
	options   bson.D // as they were given
	validator *filter
	lenient   bool // validationLevel: moderate
	warn      bool // validationAction: warn
	unchecked bool // validationLevel: off
	collator  *collator
	indexes   []*index // the first one is on _id
	records   []*record
	dead      int   // records that are empty for every snapshot
	since     stamp // older snapshots cannot be read: the collection or its indexes were not there
	dropped   bool
}

// record is one document through its versions.
type record struct {
	home     *collection
	versions []version // committed ones, the oldest first
	writer   *txn      // who has an uncommitted version, nil for nobody
	draft    bson.D    // that version; nil for a deletion
	dead     bool
}

type version struct {
	at  stamp
	doc bson.D // nil for a deletion
}

// view is what a reader sees: everything committed at its stamp, and its transaction's own writes.
type view struct {
	at  stamp
	txn *txn
}

func newStore() *store {
	return &store{
		collections: map[string]*collection{},
		open:        map[*txn]struct{}{},
		ended:       make(chan struct{}),
		sessions:    map[string]*session{},
		cursors:     map[int64]*cursor{},
	}
}

// latest is the view of a reader without a transaction.
func (s *store) latest() view { return view{at: s.last} }

// see is the version of r in a view, nil where there is none.
func (s *store) see(v view, r *record) bson.D {
	if r.writer != nil && r.writer == v.txn {
		return r.draft
	}
	for i := len(r.versions) - 1; i >= 0; i-- {
		if r.versions[i].at <= v.at || s.flaws.isolation {
			return r.versions[i].doc
		}
	}
	return nil
}

func (s *store) create(namespace string, options bson.D) *collection {
	id := uuid.New()
	c := &collection{
		namespace: namespace, options: options,
		uuid: primitive.Binary{Subtype: bson.TypeBinaryUUID, Data: id[:]},
	}
	c.indexes = []*index{idIndex(namespace)}
	s.last++
	c.since = s.last
	s.collections[namespace] = c
	return c
}

func (s *store) drop(c *collection) {
	c.dropped = true
	delete(s.collections, c.namespace)
}

// inDatabase lists a database's collections by name.
func (s *store) inDatabase(database string) []*collection {
	var list []*collection
	for namespace, c := range s.collections {
		if databaseOf(namespace) == database {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *collection) int { return compareText(a.namespace, b.namespace) })
	return list
}

func (c *collection) name() string { return c.namespace[len(databaseOf(c.namespace))+1:] }

// busy says whether an open transaction has used c, so that it cannot be changed.
func (s *store) busy(c *collection) bool {
	for t := range s.open {
		if t.used[c] {
			return true
		}
	}
	return false
}

// oldest is the oldest snapshot that somebody still reads.
func (s *store) oldest() stamp {
	oldest := s.last
	for t := range s.open {
		oldest = min(oldest, t.at)
	}
	return oldest
}

// sweep throws away the versions that nobody can see any more.
func (s *store) sweep() {
	oldest := s.oldest()
	if oldest == s.swept {
		return
	}
	s.swept = oldest
	s.stale = slices.DeleteFunc(s.stale, func(r *record) bool { return r.prune(oldest) })
}

// prune says whether nothing of r is left to be thrown away later.
func (r *record) prune(oldest stamp) bool {
	if r.dead {
		return true
	}
	keep := 0
	for i, v := range r.versions {
		if v.at <= oldest {
			keep = i
		}
	}
	gone := r.versions[:keep]
	r.versions = slices.Clone(r.versions[keep:])
	for _, v := range gone {
		r.home.unlink(r, v.doc)
	}
	if r.writer != nil || len(r.versions) > 1 {
		return false
	}
	if len(r.versions) == 0 || r.versions[0].doc == nil && r.versions[0].at <= oldest {
		r.bury()
	}
	return r.dead || r.versions[0].doc != nil
}

// bury takes a record that nobody can see out of its collection.
func (r *record) bury() {
	r.dead = true
	c := r.home
	if c.dead++; c.dead <= len(c.records)/2 {
		return
	}
	living := make([]*record, 0, len(c.records)-c.dead) // a new list: somebody may be going through the old one
	for _, r := range c.records {
		if !r.dead {
			living = append(living, r)
		}
	}
	c.records, c.dead = living, 0
}

// forgetWork ends all that does not outlive a server: open transactions, cursors, and who waits.
func (s *store) forgetWork() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sess := range s.sessions {
		sess.abort()
	}
	clear(s.cursors)
}
