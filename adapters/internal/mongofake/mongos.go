package mongofake

import (
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// mongos is a router of a sharded cluster. A transaction that begins through it sees the cluster as
// of the newest commit that the router knows. It learns of commits from the replies of shards and
// from its clients, and from nothing else: the fake has a shard for each value of a shard key, and
// a shard knows only of commits that changed one of its documents. On a real cluster there are few
// shards, and they also learn from one another.
type mongos struct {
	keys  map[string]string // the shard key of each collection; one without a key is on the primary shard
	knows stamp
}

// cluster is the sharded cluster that a store simulates, if it has routers.
type cluster struct {
	routers []*mongos
	reached map[string]stamp // by shard: the newest commit that changed one of its documents
	catalog stamp            // when a collection or index last changed, which every router knows
	history bool             // all versions are kept
}

// Another starts another mongos of the same sharded cluster, on a free loopback port. It returns an
// error if s is not a mongos.
func (s *Server) Another() (*Server, error) {
	config := s.config
	config.Address = "127.0.0.1:0"
	return start(config, s.store)
}

// routed makes s a mongos.
func (s *Server) routed() {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.mongos = &mongos{keys: s.config.ShardKeys, knows: s.store.last}
	s.store.cluster.routers = append(s.store.cluster.routers, s.mongos)
	s.store.cluster.history = s.config.SnapshotReads
}

const primaryShard = "primary"

// shard returns the shard of a document of a collection.
func (m *mongos) shard(collection string, doc bson.D) string {
	key := m.keys[collection]
	if key == "" {
		return primaryShard
	}
	return collection + keyOf(lookup(doc, key))
}

// committed records that the newest commit has changed the shard of a document. A deletion has no
// doc.
func (s *store) committed(r *record, doc bson.D) {
	if len(s.cluster.routers) > 0 {
		if doc == nil && len(r.versions) > 0 {
			doc = r.versions[len(r.versions)-1].doc
		}
		s.cluster.reached[s.cluster.routers[0].shard(r.home.name(), doc)] = s.last
	}
}

// learn raises the newest commit that the router knows.
func (m *mongos) learn(at stamp) { m.knows = max(m.knows, at) }

// hears takes over what the command's client knows.
func (m *mongos) hears(c *command) {
	for _, at := range []any{lookup(c.document("$clusterTime"), "clusterTime"), lookup(c.readConcern, "afterClusterTime")} {
		if t, ok := at.(primitive.Timestamp); ok {
			m.learn(stamp(t.I))
		}
	}
}

func timestamp(at stamp) primitive.Timestamp {
	return primitive.Timestamp{T: 1, I: uint32(at)} // #nosec G115 -- a test has few commits
}

// times returns the fields with times that a reply has.
func (s *Server) times() bson.D {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	now := timestamp(s.mongos.knows)
	return bson.D{
		{Key: "operationTime", Value: now},
		{Key: "$clusterTime", Value: bson.D{
			{Key: "clusterTime", Value: now},
			{Key: "signature", Value: bson.D{{Key: "hash", Value: primitive.Binary{Data: make([]byte, 20)}}, {Key: "keyId", Value: int64(0)}}},
		}},
	}
}

// snapshot returns the commit as of which a read outside of a transaction sees the data, if it is
// one of a snapshot: the one that it names, or the newest that its router knew when the command
// arrived.
func (c *call) snapshot() (at stamp, ok bool) {
	if c.txn != nil || c.server.mongos == nil || lookup(c.readConcern, "level") != "snapshot" {
		return 0, false
	}
	if t, named := lookup(c.readConcern, "atClusterTime").(primitive.Timestamp); named {
		return stamp(t.I), true
	}
	return max(c.server.mongos.knows, c.store.cluster.catalog), true
}

// hearFrom learns what the shards know to which the command was sent.
func (c *call) hearFrom() {
	m, reached := c.server.mongos, c.store.cluster.reached
	if c.name == "commitTransaction" {
		m.learn(c.store.last)
		return
	}
	for _, shard := range c.targets() {
		if shard == "" {
			m.learn(c.store.last)
			return
		}
		m.learn(reached[shard])
	}
}

// targets returns the shards to which the command is sent. The empty name stands for all shards.
func (c *call) targets() (shards []string) {
	list := func(name string) bson.A {
		l, _ := c.get(name).(bson.A)
		return l
	}
	filter := func(d any, name string) bson.D {
		of, _ := d.(bson.D)
		found, _ := lookup(of, name).(bson.D)
		return found
	}
	switch c.name {
	case "find":
		return c.targetsOf(filter(c.body, "filter"))
	case "findAndModify", "count", "distinct":
		return c.targetsOf(filter(c.body, "query"))
	case "aggregate":
		if stages := list("pipeline"); len(stages) > 0 {
			return c.targetsOf(filter(stages[0], "$match"))
		}
		return []string{""}
	case "insert":
		for _, doc := range list("documents") {
			if d, ok := doc.(bson.D); ok {
				shards = append(shards, c.server.mongos.shard(c.collection(), d))
			}
		}
	case "update", "delete":
		for _, statement := range slices.Concat(list("updates"), list("deletes")) {
			shards = append(shards, c.targetsOf(filter(statement, "q"))...)
		}
	}
	return shards
}

func (c *call) targetsOf(filter bson.D) (shards []string) {
	m := c.server.mongos
	key := m.keys[c.collection()]
	if key == "" {
		return []string{primaryShard}
	}
	value := lookup(filter, key)
	among, isDocument := value.(bson.D)
	if isDocument && len(among) > 0 && among[0].Key[0] == '$' {
		in, _ := lookup(among, "$in").(bson.A)
		for _, v := range in {
			shards = append(shards, m.shard(c.collection(), bson.D{{Key: key, Value: v}}))
		}
	} else if value != nil {
		shards = []string{m.shard(c.collection(), filter)}
	}
	if shards == nil {
		return []string{""}
	}
	return shards
}
