package mongofake

import (
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

func insert(c *call) (bson.D, error) {
	docs, err := c.documents("documents")
	if err != nil {
		return nil, err
	}
	b := &batch{call: c}
	err = b.run(len(docs), func(i int) statement {
		return func() (bson.D, bool, error) {
			if err := c.insertOne(docs[i]); err != nil {
				return nil, false, err
			}
			return bson.D{{Key: "n", Value: int32(1)}}, true, nil
		}
	})
	return b.reply(false), err
}

func (c *call) insertOne(doc bson.D) error {
	coll, err := c.openOrCreate()
	if err != nil {
		return err
	}
	for _, e := range doc {
		if strings.HasPrefix(e.Key, "$") {
			return fail(codeBadValue, "Document can't have $ prefixed field names: %s", e.Key)
		}
	}
	doc = idFirst(doc)
	if err := checkID(doc[0].Value, codeBadValue); err != nil {
		return err
	}
	return c.write(impatient, func(t *txn) error {
		if err := coll.valid(doc); err != nil {
			return err
		}
		return t.insert(coll, doc)
	})
}

func impatient() bool { return false }

// checkID returns an error if a value cannot be an _id.
func checkID(id any, code int32) error {
	switch id.(type) {
	case bson.A, primitive.Regex, primitive.Undefined:
		return fail(code, "can't use a value of type %T for _id", id)
	}
	return nil
}

// openOrCreate returns the command's collection. Outside a transaction it creates one that does not exist.
func (c *call) openOrCreate() (*collection, error) {
	coll, err := c.open()
	if coll != nil || err != nil {
		return coll, err
	}
	if c.txn != nil {
		return nil, fail(codeNotInTransaction, "Cannot create namespace %s in multi-document transaction.", c.namespace())
	}
	if err := checkNamespace(c.database, c.collection()); err != nil {
		return nil, err
	}
	return c.store.create(c.namespace(), nil), nil
}

// valid returns an error if the collection's validator refuses a document.
func (c *collection) valid(doc bson.D) error {
	if c.validator == nil {
		return nil
	}
	ok, err := c.validator.matches(doc)
	if err == nil && !ok {
		err = fail(codeInvalidDocument, "Document failed validation")
	}
	return err
}
