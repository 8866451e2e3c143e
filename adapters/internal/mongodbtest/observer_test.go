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

// TestStorage runs the kit. On the fake, it also checks every command that the adapter sends.
func TestStorage(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s target) {
		seen := &commands{}
		if s.fake != nil {
			defer s.fake.Observe(seen.add)()
		}
		porttest.Storage(t, func(t *testing.T) ports.Storage {
			return s.open(t, seen.without(func() mongodb.Options { return s.fresh(t) }))
		})
		if s.fake == nil {
			return
		}
		all := seen.take()
		t.Attr("counts", fmt.Sprintf("%d commands", len(all)))
		t.Run("concerns", func(t *testing.T) { checkConcerns(t, all) })
		t.Run("writes of one document name its shard", func(t *testing.T) { checkShards(t, all) })
		t.Run("queries have an index", func(t *testing.T) { checkQueries(t, s, all) })
		t.Run("a real server uses an index", func(t *testing.T) { checkPlans(t, onServer(t), all) })
		t.Run("the role for servers allows just these commands", func(t *testing.T) { checkRole(t, all) })
	})
}

// commands collects the commands of use cases. It leaves out those of the driver, of tests and migrations, and
// the beats of open stores.
type commands struct {
	mu     sync.Mutex
	paused bool
	all    []mongofake.Command
}

// without leaves out the commands of a migration.
func (c *commands) without(migrate func() mongodb.Options) mongodb.Options {
	pause := func(paused bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.paused = paused
	}
	pause(true)
	defer pause(false)
	return migrate()
}

func (c *commands) add(seen mongofake.Command) {
	switch seen.Name {
	case "isMaster", "ismaster", "hello", "endSessions", "killCursors",
		"listCollections", "listIndexes", "create", "createIndexes", "collMod", "dropDatabase":
		return
	}
	if seen.Collection == "schema_versions" || seen.Collection == "servers" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.paused {
		c.all = append(c.all, seen)
	}
}

// take removes the collected commands and returns them.
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
			t.Errorf("a write outside of a transaction: %s", describe(c))
		case c.StartTransaction && level != "snapshot":
			t.Errorf("a transaction begins with the read concern %v: %s", c.ReadConcern, describe(c))
		case c.InTransaction && !c.StartTransaction && c.ReadConcern != nil:
			t.Errorf("a read concern after the first command of a transaction: %s", describe(c))
		case !c.InTransaction && c.Name != "getMore" && level != "majority":
			t.Errorf("the read concern %v outside of a transaction: %s", c.ReadConcern, describe(c))
		case ends != (c.WriteConcern != nil), ends && !isMajority(c.WriteConcern):
			t.Errorf("the write concern %v: %s", c.WriteConcern, describe(c))
		case mode != "" && mode != "primary":
			t.Errorf("the read preference %s: %s", mode, describe(c))
		}
	}
	for _, name := range append(slices.Clone(writing), "find", "aggregate", "commitTransaction", "abortTransaction") {
		if counts[name] == 0 {
			t.Errorf("the adapter sent no %s for the kit", name)
		}
	}
}

func isMajority(concern bson.D) bool {
	_, w := lookup(concern, "w")
	return w == "majority"
}

// lookup returns the value of a field, and the value as text if it is one.
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

// statement is a query or a write in a command. An update or a delete may have several.
type statement struct {
	collection   string
	filter, sort bson.D
	one          bool // the statement changes, adds or removes one document
}

// isChangeStream reports whether a command begins to watch a collection.
func isChangeStream(c mongofake.Command) bool {
	pipeline, _ := lookup(c.Body, "pipeline")
	stages, _ := pipeline.(bson.A)
	return len(stages) > 0 && stages[0].(bson.D)[0].Key == "$changeStream"
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
		if isChangeStream(c) {
			return nil // it reads no documents
		}
		stages := list("pipeline")
		all = []statement{{c.Collection, document(stages[0].(bson.D), "$match"), nil, false}}
		for i, stage := range stages {
			if i == 1 {
				all[0].sort = document(stage.(bson.D), "$sort")
			}
			if joined := document(stage.(bson.D), "$lookup"); joined != nil {
				_, from := lookup(joined, "from")
				inner, _ := lookup(joined, "pipeline")
				all = append(all, statement{from, withoutVariables(document(inner.(bson.A)[0].(bson.D), "$match")), nil, false})
			}
		}
		return all
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

// withoutVariables returns a filter of a lookup with conditions on fields in place of an $expr that
// compares fields with variables: $eq, or $and of several comparisons. The names of variables stand
// for their values.
func withoutVariables(filter bson.D) (plain bson.D) {
	for _, e := range filter {
		if e.Key != "$expr" {
			plain = append(plain, e)
			continue
		}
		all := bson.A{e.Value}
		if several, _ := lookup(e.Value.(bson.D), "$and"); several != nil {
			all = several.(bson.A)
		}
		for _, one := range all {
			operator := one.(bson.D)[0]
			operands := operator.Value.(bson.A)
			name := strings.TrimPrefix(operands[0].(string), "$")
			condition := bson.E{Key: name, Value: operands[1]}
			if operator.Key != "$eq" {
				condition.Value = bson.D{{Key: operator.Key, Value: operands[1]}}
			}
			plain = append(plain, condition)
		}
	}
	return plain
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
				t.Fatalf("mongodb.ShardKeys has no key for %s", s.collection)
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
		t.Error("the adapter changed no document for the kit")
	}
}

// equalities returns the fields for which a filter requires one value.
func equalities(filter bson.D) (fields []string) {
	for _, e := range filter {
		if ops := operators(e.Value); ops == nil && !strings.HasPrefix(e.Key, "$") {
			fields = append(fields, e.Key)
		}
	}
	return fields
}

// operators returns the operators in the condition for a field, or nil if the condition is a value.
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
