package mongofake

import (
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// command is one request, with the fields that every command may have parsed from its body.
type command struct {
	args
	name     string
	database string
	received time.Time

	session          string
	txnNumber        *int64
	autocommit       any // nil if it was not sent
	startTransaction bool
	readConcern      bson.D
	writeConcern     bson.D
	maxTimeMS        int64
}

// generic lists the fields that every command may have.
var generic = []string{"$db", "lsid", "txnNumber", "autocommit", "startTransaction", "readConcern", "writeConcern",
	"maxTimeMS", "$readPreference", "$clusterTime", "$client", "helloOk"}

func newCommand(m *message) *command {
	c := &command{args: args{body: m.body, mismatch: codeTypeMismatch}, database: m.database, received: time.Now()}
	if len(m.body) > 0 {
		c.name = m.body[0].Key
	}
	if id, ok := lookup(c.document("lsid"), "id").(primitive.Binary); ok {
		c.session = string(id.Data)
	}
	if n, ok := integer(c.get("txnNumber")); ok {
		c.txnNumber = &n
	}
	c.autocommit = c.get("autocommit")
	c.startTransaction = truthy(c.get("startTransaction"))
	c.readConcern = c.document("readConcern")
	c.writeConcern = c.document("writeConcern")
	c.maxTimeMS, _ = integer(c.get("maxTimeMS"))
	return c
}

// transactional reports whether c belongs to a transaction of several commands.
func (c *command) transactional() bool { return c.autocommit != nil }

// collection returns the name of the collection that c names, or "" if it names no collection.
func (c *command) collection() string {
	if c.name == "getMore" {
		name, _ := c.get("collection").(string)
		return name
	}
	if len(c.body) == 0 {
		return ""
	}
	name, _ := c.body[0].Value.(string)
	return name
}

func (c *command) namespace() string { return c.database + "." + c.collection() }

func (c *command) observed() Command {
	o := Command{
		Name: c.name, Database: c.database, Collection: c.collection(), Body: c.body, Session: c.session,
		InTransaction: c.autocommit == false, StartTransaction: c.startTransaction,
		ReadConcern: c.readConcern, WriteConcern: c.writeConcern, MaxTimeMS: c.maxTimeMS,
	}
	if c.txnNumber != nil {
		o.TxnNumber = *c.txnNumber
	}
	return o
}

// args reads the fields of a command, or of one statement in it.
type args struct {
	body     bson.D
	mismatch int32 // the code for a field of the wrong type, which differs between commands
}

func (a args) get(name string) any { return lookup(a.body, name) }

// document returns the value of a field if it is a document, and otherwise nil.
func (a args) document(name string) bson.D {
	d, _ := a.get(name).(bson.D)
	return d
}

func (a args) optDocument(name string) (bson.D, error) {
	switch v := a.get(name).(type) {
	case bson.D:
		return v, nil
	case nil:
		return nil, nil
	default:
		return nil, a.wrong(name, v, "object")
	}
}

// optCount returns the value of an optional field, which must be a number and not negative. It reports
// in ok whether the field is present.
func (a args) optCount(name string) (n int64, ok bool, err error) {
	v := a.get(name)
	if v == nil {
		return 0, false, nil
	}
	if n, ok = integer(v); !ok {
		return 0, false, a.wrong(name, v, "number")
	}
	if n < 0 {
		return 0, false, fail(codeBadValue, "%s value must be non-negative, but received: %d", name, n)
	}
	return n, true, nil
}

// documents returns the value of a required field, which must be an array of documents.
func (a args) documents(name string) ([]bson.D, error) {
	v := a.get(name)
	if v == nil {
		return nil, fail(codeMissingField, "BSON field '%s' is missing but a required field", name)
	}
	list, ok := v.(bson.A)
	if !ok {
		return nil, a.wrong(name, v, "array")
	}
	docs := make([]bson.D, len(list))
	for i, item := range list {
		if docs[i], ok = item.(bson.D); !ok {
			return nil, a.wrong(name, item, "object")
		}
	}
	return docs, nil
}

func (a args) wrong(name string, v any, want string) error {
	return fail(a.mismatch, "BSON field '%s' is the wrong type '%s', expected type '%s'", name, typeName(v), want)
}

// unknown is the first field of the body that is neither generic nor among known.
func (a args) unknown(known []string) (string, bool) {
next:
	for _, e := range a.body {
		for _, list := range [][]string{known, generic} {
			for _, k := range list {
				if e.Key == k {
					continue next
				}
			}
		}
		return e.Key, true
	}
	return "", false
}

// lookup returns the value of a field, or nil if d lacks it.
func lookup(d bson.D, key string) any {
	for _, e := range d {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

func has(d bson.D, key string) bool {
	for _, e := range d {
		if e.Key == key {
			return true
		}
	}
	return false
}

// truthy reports whether the server takes a value for true: any value except false, null and zero.
func truthy(v any) bool {
	switch v := v.(type) {
	case nil, missing:
		return false
	case bool:
		return v
	case int32:
		return v != 0
	case int64:
		return v != 0
	case float64:
		return v != 0
	case primitive.Decimal128:
		return !v.IsZero()
	}
	return true
}

func databaseOf(namespace string) string {
	database, _, _ := strings.Cut(namespace, ".")
	return database
}
