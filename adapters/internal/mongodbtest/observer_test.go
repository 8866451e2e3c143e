package mongodbtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/porttest"
)

// TestStorage runs the kit; on the fake, it looks at every command that the adapter sends meanwhile.
func TestStorage(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		seen := &commands{}
		if s.fake != nil {
			defer s.fake.Observe(seen.add)()
		}
		porttest.Storage(t, func(t *testing.T) ports.Storage { return s.open(t, s.fresh(t)) })
		if s.fake == nil {
			return
		}
		all := seen.take()
		t.Attr("counts", fmt.Sprintf("%d commands", len(all)))
		t.Run("what writes is in a transaction, with its concerns", func(t *testing.T) { checkConcerns(t, all) })
		t.Run("a write of one document names its shard", func(t *testing.T) { checkShards(t, all) })
		t.Run("a query has its index", func(t *testing.T) { checkQueries(t, s, all) })
		t.Run("a real server uses an index for it", func(t *testing.T) { checkPlans(t, onServer(t), all) })
		t.Run("the role for servers allows it, and nothing else", func(t *testing.T) { checkRole(t, all) })
	})
}

// commands are those that an observer saw, without the driver's own, the tests', those of migrations, and those by which a store that is open
// says so: nothing that people do is in them.
type commands struct {
	mu  sync.Mutex
	all []mongofake.Command
}

func (c *commands) add(seen mongofake.Command) {
	switch seen.Name {
	case "isMaster", "ismaster", "hello", "endSessions", "listCollections", "listIndexes", "create", "createIndexes", "collMod", "killCursors", "dropDatabase":
		return
	}
	if seen.Collection == "schema_versions" || seen.Collection == "servers" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, seen)
}

// take hands out what was seen, and forgets it.
func (c *commands) take() []mongofake.Command {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.all
	c.all = nil
	return all
}

var writing = []string{"insert", "update", "delete", "findAndModify"}

func checkConcerns(t *testing.T, all []mongofake.Command) {
	counts := map[string]int{}
	for _, c := range all {
		counts[c.Name]++
		_, level := lookup(c.ReadConcern, "level")
		preference, _ := lookup(c.Body, "$readPreference")
		mode := ""
		if p, ok := preference.(bson.D); ok {
			mode, _ = p[0].Value.(string)
		}
		ends := c.Name == "commitTransaction" || c.Name == "abortTransaction"
		switch {
		case slices.Contains(writing, c.Name) && !c.InTransaction:
			t.Errorf("outside any transaction: %s", describe(c))
		case c.StartTransaction && level != "snapshot":
			t.Errorf("a transaction begins with the read concern %v: %s", c.ReadConcern, describe(c))
		case c.InTransaction && !c.StartTransaction && c.ReadConcern != nil:
			t.Errorf("a read concern inside of a transaction: %s", describe(c))
		case !c.InTransaction && c.Name != "getMore" && level != "majority":
			t.Errorf("outside a transaction, with the read concern %v: %s", c.ReadConcern, describe(c))
		case ends != (c.WriteConcern != nil), ends && !isMajority(c.WriteConcern):
			t.Errorf("the write concern %v: %s", c.WriteConcern, describe(c))
		case mode != "" && mode != "primary":
			t.Errorf("read from %s: %s", mode, describe(c))
		}
	}
	for _, name := range append(slices.Clone(writing), "find", "aggregate", "commitTransaction", "abortTransaction") {
		if counts[name] == 0 {
			t.Errorf("the kit made the adapter send no %s", name)
		}
	}
}

func isMajority(concern bson.D) bool {
	_, w := lookup(concern, "w")
	return w == "majority"
}

// lookup finds a field, as it is and as text.
func lookup(d bson.D, name string) (value any, text string) {
	for _, e := range d {
		if e.Key == name {
			text, _ = e.Value.(string)
			return e.Value, text
		}
	}
	return nil, ""
}

func describe(c mongofake.Command) string {
	s := fmt.Sprint(c.Body)
	return fmt.Sprintf("%s of %s: %.400s", c.Name, c.Collection, s)
}

// statement is one question or change of a command: an update has several.
type statement struct {
	collection   string
	filter, sort bson.D
	one          bool // it changes one document, or makes it
}

func statements(c mongofake.Command) (all []statement) {
	document := func(d bson.D, name string) bson.D {
		v, _ := lookup(d, name)
		found, _ := v.(bson.D)
		return found
	}
	list := func(name string) bson.A {
		v, _ := lookup(c.Body, name)
		found, _ := v.(bson.A)
		return found
	}
	switch c.Name {
	case "find":
		return []statement{{c.Collection, document(c.Body, "filter"), document(c.Body, "sort"), false}}
	case "aggregate":
		return []statement{{c.Collection, document(list("pipeline")[0].(bson.D), "$match"), nil, false}}
	case "findAndModify":
		return []statement{{c.Collection, document(c.Body, "query"), document(c.Body, "sort"), true}}
	case "update":
		for _, u := range list("updates") {
			multi, _ := lookup(u.(bson.D), "multi")
			all = append(all, statement{c.Collection, document(u.(bson.D), "q"), nil, multi != true})
		}
	case "delete":
		for _, u := range list("deletes") {
			limit, _ := lookup(u.(bson.D), "limit")
			all = append(all, statement{c.Collection, document(u.(bson.D), "q"), nil, fmt.Sprint(limit) == "1"})
		}
	}
	return all
}

func checkShards(t *testing.T, all []mongofake.Command) {
	keys := map[string]string{}
	for _, k := range mongodb.ShardKeys() {
		keys[k.Collection] = k.Field
	}
	missing, checked := map[string]bool{}, 0
	for _, c := range all {
		for _, s := range statements(c) {
			key, known := keys[s.collection]
			if !known {
				t.Fatalf("no shard key is named for %s", s.collection)
			}
			if !s.one || key == "" {
				continue
			}
			checked++
			if !slices.Contains(equalities(s.filter), key) {
				missing[fmt.Sprintf("%s, sharded by %s: %s", s.collection, key, shape(s))] = true
			}
		}
	}
	for _, m := range slices.Sorted(maps.Keys(missing)) {
		t.Error(m)
	}
	if checked == 0 {
		t.Error("the kit made the adapter change no document")
	}
}

// equalities are the fields that a filter wants to have one value.
func equalities(filter bson.D) (fields []string) {
	for _, e := range filter {
		if ops := operators(e.Value); ops == nil && !strings.HasPrefix(e.Key, "$") {
			fields = append(fields, e.Key)
		}
	}
	return fields
}

// operators are those with which a field is compared, nil where it is with a value.
func operators(v any) (ops []string) {
	d, ok := v.(bson.D)
	if !ok {
		return nil
	}
	for _, e := range d {
		if !strings.HasPrefix(e.Key, "$") {
			return nil
		}
		ops = append(ops, e.Key)
	}
	return ops
}
