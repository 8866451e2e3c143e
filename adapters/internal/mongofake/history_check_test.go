package mongofake_test

import (
	"context"

	"go.mongodb.org/mongo-driver/bson"
)

func (h *history) check() error {
	ctx := context.Background()
	var counter struct{ N int }
	if err := h.docs.FindOne(ctx, bson.D{{Key: "_id", Value: "counter"}}).Decode(&counter); err != nil {
		return err
	}
	if counter.N != h.added {
		h.problem("the counter is %d after %d increments", counter.N, h.added)
	}
	for _, x := range h.txns {
		if x.committed {
			for _, slot := range x.claims {
				h.claimed[slot]++
			}
		}
	}
	for slot, n := range h.claimed {
		left, err := h.claims.CountDocuments(ctx, bson.D{{Key: "slot", Value: slot}})
		if err != nil {
			return err
		}
		if n != 1 || left != 1 {
			h.problem("slot %d was claimed %d times and is stored %d times, want once", slot, n, left)
		}
	}
	final, err := h.readAll(ctx)
	if err != nil {
		return err
	}
	h.checkOrder(final)
	return nil
}

// checkOrder finds the order of the versions of each document, and checks all reads against it.
func (h *history) checkOrder(final []seenOf) {
	order := make([]map[string]int, historyDocs) // for each document, the position of each writer
	for doc := range order {
		next := map[string]string{}
		for _, x := range h.txns {
			before, wrote := x.writes[doc]
			if !x.committed || !wrote {
				continue
			}
			if other, taken := next[before]; taken {
				h.problem("lost update: %s and %s both replaced the version of %s of document %d", other, x.id, before, doc)
			}
			next[before] = x.id
		}
		order[doc] = map[string]int{"nobody": 0}
		last := "nobody"
		for n := 1; next[last] != "" && n <= len(next); n++ {
			last = next[last]
			order[doc][last] = n
		}
		if len(order[doc]) != len(next)+1 {
			h.problem("document %d: a version follows one that was not committed: %v", doc, next)
		}
		for _, s := range final {
			if s.doc == doc && s.by != last {
				h.problem("document %d has the version of %s, want the last, of %s", doc, s.by, last)
			}
		}
	}
	for _, s := range h.outside {
		if _, ok := order[s.doc][s.by]; !ok {
			h.problem("dirty read of document %d by %s", s.doc, s.by)
		}
	}
	for _, reader := range h.txns {
		h.checkSnapshot(reader, order)
	}
}

// checkSnapshot checks that a transaction saw either all writes of another or none.
func (h *history) checkSnapshot(reader *txnSeen, order []map[string]int) {
	for doc, by := range reader.reads {
		if _, ok := order[doc][by]; !ok {
			h.problem("%s: dirty read of document %d by %s", reader.id, doc, by)
		}
	}
	for _, writer := range h.txns {
		if !writer.committed || writer == reader {
			continue
		}
		saw, missed := false, false
		for doc := range writer.writes {
			if by, read := reader.reads[doc]; read {
				if order[doc][by] >= order[doc][writer.id] {
					saw = true
				} else {
					missed = true
				}
			}
		}
		if saw && missed {
			h.problem("%s saw some writes of %s and not others", reader.id, writer.id)
		}
	}
}
