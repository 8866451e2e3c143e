package mongofake

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
)

const setName = "rs0"

func isMaster(c *call) (bson.D, error) {
	address := c.server.Address()
	role := bson.D{
		{Key: "hosts", Value: bson.A{address}},
		{Key: "setName", Value: setName},
		{Key: "setVersion", Value: int32(1)},
		{Key: "ismaster", Value: true},
		{Key: "secondary", Value: false},
		{Key: "primary", Value: address},
		{Key: "me", Value: address},
	}
	if c.server.mongos != nil {
		role = bson.D{{Key: "ismaster", Value: true}, {Key: "msg", Value: "isdbgrid"}}
	}
	return append(role, bson.D{
		{Key: "maxBsonObjectSize", Value: int32(16777216)},
		{Key: "maxMessageSizeBytes", Value: int32(maxMessage)},
		{Key: "maxWriteBatchSize", Value: int32(maxBatch)},
		{Key: "logicalSessionTimeoutMinutes", Value: int32(30)},
		{Key: "minWireVersion", Value: int32(0)},
		{Key: "maxWireVersion", Value: wireVersion(c.server.config)},
		{Key: "readOnly", Value: false},
	}...), nil
}

func wireVersion(c Config) int32 {
	if c.SnapshotReads {
		return 13 // of MongoDB 5.0
	}
	return 8 // of MongoDB 4.2
}

func ping(*call) (bson.D, error) { return bson.D{}, nil }

func checkNamespace(database, collection string) error {
	if collection == "" || strings.HasPrefix(collection, ".") || strings.ContainsAny(collection, "$\x00") ||
		database == "" || strings.ContainsAny(database, "/\\. \"$\x00") {
		return fail(codeInvalidNamespace, "Invalid namespace specified '%s.%s'", database, collection)
	}
	return nil
}

func create(c *call) (bson.D, error) {
	if err := checkNamespace(c.database, c.collection()); err != nil {
		return nil, err
	}
	if c.store.collections[c.namespace()] != nil {
		return nil, fail(codeNamespaceExists, "a collection '%s' already exists", c.namespace())
	}
	made := &collection{}
	options := bson.D{}
	for _, e := range c.body[1:] {
		if slices.Contains(generic, e.Key) {
			continue
		}
		if err := c.setOption(made, e); err != nil {
			return nil, err
		}
		options = append(options, e)
	}
	c.store.create(c.namespace(), options).validator = made.validator
	return bson.D{}, nil
}

// setOption sets an option of create or collMod.
func (c *call) setOption(coll *collection, e bson.E) error {
	switch e.Key {
	case "validator":
		query, ok := e.Value.(bson.D)
		if !ok {
			return c.wrong(e.Key, e.Value, "object")
		}
		f, err := c.parseFilter(query, nil)
		coll.validator = f
		return err
	case "validationLevel", "validationAction":
		if e.Value != map[string]any{"validationLevel": "strict", "validationAction": "error"}[e.Key] {
			c.server.config.Printf("%s: %s %v", c.name, e.Key, e.Value)
			return fail(codeBadValue, "invalid %s: %v", e.Key, e.Value)
		}
	default:
		c.server.config.Printf("%s: option %q", c.name, e.Key)
		return fail(codeInvalidOptions, "The field '%s' is not a valid collection option.", e.Key)
	}
	return nil
}

func collMod(c *call) (bson.D, error) {
	coll, err := c.existing()
	if err != nil {
		return nil, err
	}
	if err := c.quiet(coll); err != nil {
		return nil, err
	}
	changed := *coll
	options := slices.Clone(coll.options)
	for _, e := range c.body[1:] {
		if slices.Contains(generic, e.Key) {
			continue
		}
		if err := c.setOption(&changed, e); err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(options, func(o bson.E) bool { return o.Key == e.Key }); i >= 0 {
			options[i] = e
			continue
		}
		options = append(options, e)
	}
	coll.validator, coll.options = changed.validator, options
	return bson.D{}, nil
}

// existing returns the command's collection, or an error if it does not exist.
func (c *call) existing() (*collection, error) {
	coll := c.store.collections[c.namespace()]
	if coll == nil {
		return nil, fail(codeNamespaceNotFound, "ns not found: %s", c.namespace())
	}
	return coll, nil
}

func drop(c *call) (bson.D, error) {
	coll, err := c.existing()
	if err != nil {
		return nil, err
	}
	if err := c.quiet(coll); err != nil {
		return nil, err
	}
	c.store.drop(coll)
	return bson.D{{Key: "nIndexesWas", Value: int32(len(coll.indexes))}, {Key: "ns", Value: coll.namespace}}, nil
}

func dropDatabase(c *call) (bson.D, error) {
	colls := c.store.inDatabase(c.database)
	for _, coll := range colls {
		if err := c.quiet(coll); err != nil {
			return nil, err
		}
		c.store.drop(coll)
	}
	if len(colls) == 0 {
		return bson.D{}, nil
	}
	return bson.D{{Key: "dropped", Value: c.database}}, nil
}

func listCollections(c *call) (bson.D, error) {
	query, err := c.optDocument("filter")
	if err != nil {
		return nil, err
	}
	f, err := c.parseFilter(query, nil)
	if err != nil {
		return nil, err
	}
	list := bson.A{}
	for _, coll := range c.store.inDatabase(c.database) {
		d := coll.describe()
		ok, err := f.matches(d)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if truthy(c.get("nameOnly")) {
			d = d[:2]
		}
		list = append(list, d)
	}
	return listed(c.database+".$cmd.listCollections", list), nil
}

func (c *collection) describe() bson.D {
	options := c.options
	if options == nil {
		options = bson.D{}
	}
	return bson.D{
		{Key: "name", Value: c.name()},
		{Key: "type", Value: "collection"},
		{Key: "options", Value: options},
		{Key: "info", Value: bson.D{{Key: "readOnly", Value: false}, {Key: "uuid", Value: c.uuid}}},
		{Key: "idIndex", Value: c.indexes[0].spec},
	}
}
