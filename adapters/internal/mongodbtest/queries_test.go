package mongodbtest

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
)

// shape returns the fields of a statement, how each is compared, and the order, without the values.
func shape(s statement) string {
	parts := conditions(s.filter)
	if len(s.sort) > 0 {
		parts = append(parts, "| sort")
		for _, e := range s.sort {
			direction := ""
			if fmt.Sprint(e.Value) == "-1" {
				direction = "-"
			}
			parts = append(parts, direction+e.Key)
		}
	}
	return strings.Join(parts, " ")
}

// signs maps operators to the signs that a shape writes for them.
var signs = map[string]string{
	"$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">=", "$ne": "!=", "$in": "=in", "$nin": "!in", "$exists": "?",
}

func conditions(filter bson.D) (parts []string) {
	for _, e := range filter {
		switch v := e.Value.(type) {
		case primitive.Regex:
			parts = append(parts, e.Key+"~")
		case bson.A:
			var branches []string
			for _, b := range v {
				branches = append(branches, strings.Join(conditions(b.(bson.D)), " "))
			}
			parts = append(parts, "("+strings.Join(slices.Compact(branches), " "+e.Key[1:]+" ")+")")
		default:
			ops := operators(e.Value)
			if ops == nil {
				parts = append(parts, e.Key+"=")
			}
			for _, op := range ops {
				parts = append(parts, e.Key+signs[op])
			}
		}
	}
	slices.Sort(parts)
	return slices.Compact(parts)
}

// indexed is an index as the server lists it.
type indexed struct {
	Name    string `bson:"name"`
	Key     bson.D `bson:"key"`
	Unique  bool   `bson:"unique"`
	Partial bson.D `bson:"partialFilterExpression"`
}

func indexesOf(t *testing.T, s target, database, collection string) []indexed {
	t.Helper()
	cursor, err := s.client(t).Database(database).Collection(collection).Indexes().List(context.Background())
	must(t, err)
	var all []indexed
	must(t, cursor.All(context.Background(), &all))
	return all
}

// checkQueries checks that the table lists just the queries that were sent, and that its indexes serve them.
func checkQueries(t *testing.T, s target, all []mongofake.Command) {
	asked := map[string]map[string]statement{}
	for _, c := range all {
		for _, st := range statements(c) {
			if asked[st.collection] == nil {
				asked[st.collection] = map[string]statement{}
			}
			asked[st.collection][shape(st)] = st
		}
	}
	database := s.fresh(t).Database
	for _, collection := range slices.Sorted(maps.Keys(asked)) {
		listed := map[string]string{} // from shapes to indexes
		for _, q := range queries[collection] {
			for _, shape := range q.shapes {
				if listed[shape] != "" {
					t.Errorf("%s: %s is listed twice", collection, shape)
				}
				listed[shape] = q.index
			}
		}
		indexes := indexesOf(t, s, database, collection)
		for shape, st := range asked[collection] {
			name, known := listed[shape]
			if !known {
				t.Errorf("%s: the table lacks\t%s", collection, shape)
				continue
			}
			if why := serves(indexes, name, st); why != "" {
				t.Errorf("%s: %s does not serve %s: %s", collection, name, shape, why)
			}
		}
		for shape := range listed {
			if _, seen := asked[collection][shape]; !seen {
				t.Errorf("%s: the adapter never sent %s for the kit", collection, shape)
			}
		}
	}
}

// serves returns why an index does not serve a statement, or "". Two names with an "or" between them name the
// indexes for the two branches of an $or.
func serves(indexes []indexed, name string, s statement) string {
	switch name {
	case everything:
		if len(s.sort) > 0 {
			return "it is sorted in memory"
		}
		return ""
	case sortedInMemory:
		return serves(indexes, "_id_", statement{filter: s.filter})
	}
	if one, other, both := strings.Cut(name, " or "); both {
		for _, e := range s.filter {
			if branches, ok := e.Value.(bson.A); ok && e.Key == "$or" && len(branches) == 2 && len(s.filter) == 1 {
				a := serves(indexes, one, statement{filter: branches[0].(bson.D)})
				return a + serves(indexes, other, statement{filter: branches[1].(bson.D)})
			}
		}
		return "the statement is not an $or with two branches"
	}
	at := slices.IndexFunc(indexes, func(x indexed) bool { return x.Name == name })
	if at < 0 {
		return "the collection has no such index"
	}
	return indexes[at].serves(s)
}

// serves matches the keys of the index with the equalities, the sort and the ranges of a statement, in this
// order.
func (x indexed) serves(s statement) string {
	equal, ranged := []string{}, []string{}
	for _, e := range s.filter {
		switch ops := operators(e.Value); {
		case strings.HasPrefix(e.Key, "$"):
		case ops == nil, slices.Equal(ops, []string{"$in"}):
			equal = append(equal, e.Key)
		case !slices.Equal(ops, []string{"$ne"}) && !slices.Equal(ops, []string{"$nin"}):
			ranged = append(ranged, e.Key)
		}
	}
	for _, e := range x.Partial {
		if v, _ := lookup(s.filter, e.Key); !reflect.DeepEqual(v, e.Value) {
			return "it lacks documents that match the query"
		}
	}
	keys := x.Key
	used := 0
	for len(keys) > 0 && slices.Contains(equal, keys[0].Key) {
		keys, used = keys[1:], used+1
	}
	for _, e := range s.sort {
		if len(keys) == 0 || keys[0].Key != e.Key {
			return "it has another order"
		}
		keys, used = keys[1:], used+1
	}
	if len(keys) > 0 && slices.Contains(ranged, keys[0].Key) {
		used++
	}
	if used == 0 {
		return "its first field is not in the query"
	}
	return ""
}

// checkPlans explains every query on a real server. The plan must not be a scan of the collection, unless the
// table lists the query as one.
func checkPlans(t *testing.T, s target, all []mongofake.Command) {
	database := s.client(t).Database(s.fresh(t).Database)
	explained := map[string]bool{}
	for _, c := range all {
		for _, st := range statements(c) {
			name := st.collection + ": " + shape(st)
			if explained[name] || scans(st) {
				continue
			}
			explained[name] = true
			filter := st.filter
			if filter == nil {
				filter = bson.D{}
			}
			find := bson.D{{Key: "find", Value: st.collection}, {Key: "filter", Value: filter}}
			if len(st.sort) > 0 {
				find = append(find, bson.E{Key: "sort", Value: st.sort})
			}
			explain := bson.D{{Key: "explain", Value: find}, {Key: "verbosity", Value: "queryPlanner"}}
			var plan bson.D
			must(t, database.RunCommand(t.Context(), explain).Decode(&plan))
			planner, _ := lookup(plan, "queryPlanner")
			chosen, _ := planner.(bson.D)
			winning, _ := lookup(chosen, "winningPlan")
			if text := fmt.Sprint(winning); winning == nil || strings.Contains(text, "COLLSCAN") {
				t.Errorf("%s has the plan %s, want one without COLLSCAN", name, text)
			}
		}
	}
	t.Attr("counts", fmt.Sprintf("%d queries explained", len(explained)))
}

// scans reports whether the table lists a query as one that reads every document.
func scans(s statement) bool {
	for _, q := range queries[s.collection] {
		if q.index == everything {
			return slices.Contains(q.shapes, shape(s))
		}
	}
	return false
}

// In a sharded collection a unique index must begin with the shard key.
func TestUniqueIndexesSurviveSharding(t *testing.T) {
	s := onFake(startFake(t))
	database := s.fresh(t).Database
	unique := 0
	for _, k := range mongodb.ShardKeys() {
		for _, x := range indexesOf(t, s, database, k.Collection) {
			if !x.Unique {
				continue
			}
			unique++
			if k.Field != "" && (k.Hashed || x.Key[0].Key != k.Field) {
				t.Errorf("%s is sharded by %s: its index %s cannot be unique", k.Collection, k.Field, x.Name)
			}
		}
	}
	if unique == 0 {
		t.Error("no index is unique")
	}
}
