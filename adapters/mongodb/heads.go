package mongodb

import (
	"context"
	"sync"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
)

// heads caches conversations. The participants and the creation time of a conversation never
// change, and every operation in it reads them first. Only majority-committed conversations are
// cached.
type heads struct {
	mu  sync.RWMutex
	all map[id.Conversation]messaging.Conversation
}

// mostHeads is the maximum number of cached conversations, of about a hundred bytes each.
const mostHeads = 20_000

func (h *heads) get(conversation id.Conversation) (c messaging.Conversation, known bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	c, known = h.all[conversation]
	return c, known
}

func (h *heads) put(c messaging.Conversation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.all) >= mostHeads {
		for one := range h.all { // any one
			delete(h.all, one)
			break
		}
	}
	h.all[c.ID] = c
}

// findHead returns the fields of a conversation that never change, or fault.NotFound.
func findHead(ctx context.Context, t *txn, conversation id.Conversation) (messaging.Conversation, error) {
	if c, known := t.store.heads.get(conversation); known {
		return c, nil
	}
	q := query{in: conversationsIn, filter: d("_id", uuid(conversation)), fields: pairFields}
	c, err := find(ctx, t, conversations.scan, q)
	if err == nil && (t.session == nil || t.apart(q)) { // one read in a transaction may not be committed
		t.store.heads.put(c)
	}
	return c, orNotFound(err, "a conversation")
}
