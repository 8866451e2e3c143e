package mongofake

import "go.mongodb.org/mongo-driver/bson"

func remove(c *call) (bson.D, error) {
	docs, err := c.documents("deletes")
	if err != nil {
		return nil, err
	}
	b := &batch{call: c}
	err = b.run(len(docs), func(i int) statement {
		return func() (bson.D, bool, error) { return c.removeStatement(args{docs[i], codeTypeMismatch}) }
	})
	return b.reply(false), err
}

func (c *call) removeStatement(a args) (done bson.D, wrote bool, err error) {
	limit, _ := integer(a.get("limit"))
	if limit == 0 && c.session != nil && c.txn == nil {
		return nil, false, fail(codeInvalidOptions, "Cannot use retryable writes with limit=0")
	}
	coll, err := c.open()
	if err != nil {
		return nil, false, err
	}
	f, err := c.statementFilter(a, "q")
	if err != nil || coll == nil {
		return nil, false, err
	}
	var n int32
	if limit == 1 {
		doc, err := c.removeFirst(coll, f, nil)
		if doc != nil {
			n = 1
		}
		return bson.D{{Key: "n", Value: n}}, n > 0, err
	}
	found, err := c.find(coll, f, nil)
	for _, r := range found {
		var gone bool
		err = c.write(impatient, func(t *txn) error {
			doc := c.store.see(t.view, r)
			if doc == nil {
				return nil
			}
			ok, err := f.matches(doc)
			if err != nil || !ok {
				return err
			}
			gone = true
			return t.replace(r, nil)
		})
		if err != nil {
			break
		}
		if gone {
			n++
		}
	}
	return bson.D{{Key: "n", Value: n}}, n > 0, err
}

// removeFirst deletes the first document that matches and returns it, or nil if none matches.
func (c *call) removeFirst(coll *collection, f *filter, sort bson.D) (bson.D, error) {
	var gone bson.D
	err := c.write(impatient, func(t *txn) error {
		r, doc, err := c.first(t, coll, f, sort)
		gone = doc
		if err != nil || r == nil {
			return err
		}
		return t.replace(r, nil)
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}
