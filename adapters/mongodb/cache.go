package mongodb

import (
	"context"
	"sync"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
)

// cache holds documents that never change and are never removed. Callers put only documents into it
// that are majority-committed.
type cache[K comparable, V any] struct {
	mu  sync.RWMutex
	all map[K]V
}

// mostCached is the maximum number of documents in a cache, of about a hundred bytes each.
const mostCached = 20_000

func newCache[K comparable, V any]() *cache[K, V] { return &cache[K, V]{all: map[K]V{}} }

func (c *cache[K, V]) get(key K) (v V, known bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, known = c.all[key]
	return v, known
}

func (c *cache[K, V]) put(key K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) >= mostCached {
		for one := range c.all { // any one
			delete(c.all, one)
			break
		}
	}
	c.all[key] = v
}

// findHead returns the fields of a conversation that never change, or fault.NotFound. Every
// operation in a conversation reads them first.
func findHead(ctx context.Context, t *txn, conversation id.Conversation) (messaging.Conversation, error) {
	if c, known := t.store.heads.get(conversation); known {
		return c, nil
	}
	q := query{in: conversationsIn, filter: d("_id", uuid(conversation)), fields: pairFields}
	c, err := find(ctx, t, conversations.scan, q)
	if err == nil && (t.session == nil || t.apart(q)) { // one read in a transaction may not be committed
		t.store.heads.put(c.ID, c)
	}
	return c, orNotFound(err, "a conversation")
}
