package mongofake

import (
	"slices"
	"sync"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/google/uuid"
)

// stamp is the number of a commit. A snapshot is identified by the last commit that it sees.
type stamp uint64

// store holds all data. mu guards its fields and everything that they point to.
type store struct {
	mu          sync.Mutex
	last        stamp // of the newest commit
	collections map[string]*collection
	open        map[*txn]struct{}
	ended       chan struct{} // closed and replaced whenever a transaction ends
	sessions    map[string]*session
	cursors     map[int64]*cursor
	stale       []*record // records with old versions that a snapshot may still need
	swept       stamp     // the oldest snapshot at the last sweep
	flaws       flaws
	cluster     cluster
	changes     changes
}

// flaws are defects that a test plants to see whether other tests notice them.
type flaws struct {
	isolation  bool // transactions read commits made after their snapshot
	conflict   bool // the second writer of a document does not fail
	uniqueness bool // unique keys are not checked
	retryable  bool // repeated writes take effect again
}

type collection struct {
	namespace string
	uuid      primitive.Binary
	options   bson.D // as given to create and collMod
	validator *filter
	indexes   []*index // the first is on _id
	records   []*record
	dead      int   // the number of records that are dead
	since     stamp // when the collection or its indexes last changed; older snapshots cannot read it
	dropped   bool
}

// record is a document in all its versions.
type record struct {
	home     *collection
	versions []version // the committed versions, the oldest first
	writer   *txn      // the transaction with an uncommitted version, or nil
	draft    bson.D    // the uncommitted version; nil is a deletion
	dead     bool      // no snapshot sees it
}

type version struct {
	at  stamp
	doc bson.D // nil is a deletion
}

// view is what a reader sees: all commits up to its stamp, and its transaction's own writes.
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
		cluster:     cluster{reached: map[string]stamp{}},
	}
}

// latest returns the view of a reader without a transaction.
func (s *store) latest() view { return view{at: s.last} }

// see returns the document of r in a view, or nil if the view does not have it.
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
	c.since, s.cluster.catalog = s.last, s.last
	s.collections[namespace] = c
	return c
}

func (s *store) drop(c *collection) {
	c.dropped = true
	delete(s.collections, c.namespace)
}

// inDatabase returns the collections of a database, sorted by name.
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

// busy reports whether an open transaction has used c. Such a collection cannot be changed.
func (s *store) busy(c *collection) bool {
	for t := range s.open {
		if t.used[c] {
			return true
		}
	}
	return false
}

// oldest returns the oldest snapshot of any transaction that is open, or that a router may begin.
func (s *store) oldest() stamp {
	oldest := s.last
	if s.cluster.history {
		return 0
	}
	for _, m := range s.cluster.routers {
		oldest = min(oldest, max(m.knows, s.cluster.catalog))
	}
	for t := range s.open {
		oldest = min(oldest, t.at)
	}
	return oldest
}

// sweep removes the versions that no snapshot sees any more.
func (s *store) sweep() {
	oldest := s.oldest()
	if oldest == s.swept {
		return
	}
	s.swept = oldest
	s.stale = slices.DeleteFunc(s.stale, func(r *record) bool { return r.prune(oldest) })
}

// prune removes the versions of r that no snapshot from oldest on sees. It reports whether r needs no
// later prune.
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

// bury marks a record that no snapshot sees as dead, and removes the dead records from the collection
// once they are more than half of it.
func (r *record) bury() {
	r.dead = true
	c := r.home
	if c.dead++; c.dead <= len(c.records)/2 {
		return
	}
	living := make([]*record, 0, len(c.records)-c.dead) // a new list: a caller may be iterating over the old one
	for _, r := range c.records {
		if !r.dead {
			living = append(living, r)
		}
	}
	c.records, c.dead = living, 0
}

// forgetWork removes what does not survive a restart: it aborts open transactions and closes cursors.
func (s *store) forgetWork() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sess := range s.sessions {
		sess.abort()
	}
	clear(s.cursors)
}
