package mongodbtest

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
)

const productionPage = "../../mongodb/README.md"

var rewrite = flag.Bool("page", false, "update the generated parts of the page \"MongoDB in production\"")

// onPage checks a generated part of the page, which is between two comments. With -page it writes the part.
func onPage(t *testing.T, part, want string) {
	t.Helper()
	text, err := os.ReadFile(productionPage)
	must(t, err)
	before, rest, found := strings.Cut(string(text), "<!-- "+part+" -->\n\n")
	got, after, ended := strings.Cut(rest, "<!-- end -->")
	if !found || !ended {
		t.Fatalf("the page has no part %q", part)
	}
	if *rewrite {
		must(t, os.WriteFile(productionPage, []byte(before+"<!-- "+part+" -->\n\n"+want+"\n<!-- end -->"+after), 0o600))
		return
	}
	if got = strings.TrimSuffix(got, "\n"); got != want {
		t.Errorf("the part %q of the page is\n%s\nwant\n%s\nTo update it, run this folder's tests with -args -page.",
			part, got, want)
	}
}

func TestPageNamesEveryShardKey(t *testing.T) {
	var table, script strings.Builder
	table.WriteString("| collection | shard key | why |\n|---|---|---|\n")
	script.WriteString("```js\nconst store = db.getSiblingDB(\"cicerone\")\nsh.enableSharding(\"cicerone\")\n")
	for _, k := range mongodb.ShardKeys() {
		key := "none"
		if k.Field != "" {
			key = fmt.Sprintf("`%s`", k.Field)
		}
		if k.Hashed {
			key += ", hashed"
			// A collection with documents needs the index before it is sharded.
			fmt.Fprintf(&script, "store.%s.createIndex({%q: \"hashed\"})\n", k.Collection, k.Field)
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", k.Collection, key, k.Why)
		if command := k.Command("cicerone"); command != "" {
			script.WriteString(command + "\n")
		}
	}
	script.WriteString("```\n")
	onPage(t, "shard keys", table.String())
	onPage(t, "sharding script", script.String())
}

func TestPageNamesEveryIndex(t *testing.T) {
	s := onFake(startFake(t))
	database := s.fresh(t).Database
	var table strings.Builder
	table.WriteString("| collection | index | keys | of |\n|---|---|---|---|\n")
	for _, k := range mongodb.ShardKeys() {
		for _, x := range indexesOf(t, s, database, k.Collection) {
			if x.Name == "_id_" {
				continue
			}
			var keys, of []string
			for _, e := range x.Key {
				keys = append(keys, "`"+e.Key+"`")
			}
			if x.Unique {
				of = append(of, "unique")
			}
			for _, e := range x.Partial {
				of = append(of, fmt.Sprintf("%s: %v", e.Key, e.Value))
			}
			fmt.Fprintf(&table, "| `%s` | `%s` | %s | %s |\n",
				k.Collection, x.Name, strings.Join(keys, ", "), strings.Join(of, ", "))
		}
	}
	onPage(t, "indexes", table.String())
}

// rights are the actions that a role must allow, by collection.
type rights map[string]map[string]bool

func (r rights) need(collection string, actions ...string) {
	if r[collection] == nil {
		r[collection] = map[string]bool{}
	}
	for _, a := range actions {
		r[collection][a] = true
	}
}

// add adds the rights that a command needs.
func (r rights) add(t *testing.T, c mongofake.Command) {
	t.Helper()
	upsert := strings.Contains(fmt.Sprint(c.Body), "{upsert true}")
	switch c.Name {
	case "find", "aggregate", "insert", "update":
		r.need(c.Collection, strings.Replace(c.Name, "aggregate", "find", 1))
		if isChangeStream(c) {
			r.need(c.Collection, "changeStream")
		}
	case "delete":
		r.need(c.Collection, "remove")
	case "findAndModify":
		r.need(c.Collection, "find", "update")
	case "listCollections", "listIndexes":
		r.need("", c.Name)
	case "isMaster", "ismaster", "hello", "endSessions", "getMore", "killCursors",
		"commitTransaction", "abortTransaction": // need no rights
	default:
		t.Errorf("the rights for %s are not known to this test", c.Name)
	}
	if upsert {
		r.need(c.Collection, "insert")
	}
}

// checkRole checks the role on the page against the commands that the adapter has sent for the kit. In the
// ledger and the audit trail a server may only find and insert documents.
func checkRole(t *testing.T, seen []mongofake.Command) {
	r := rights{}
	for _, c := range seen {
		r.add(t, c)
	}
	server := startFake(t)
	s := onFake(server)
	o := s.fresh(t)
	stop := server.Observe(func(c mongofake.Command) { r.add(t, c) })
	must(t, s.open(t, o).Close(t.Context()))
	stop()
	r.need("servers", "update") // for the beats of an open store

	for _, collection := range []string{"token_transactions", "audit_records"} {
		if got := slices.Sorted(maps.Keys(r[collection])); !slices.Equal(got, []string{"find", "insert"}) {
			t.Errorf("a server needs %v in %s, want find and insert", got, collection)
		}
	}
	collections := []string{""}
	for _, k := range mongodb.ShardKeys() {
		collections = append(collections, k.Collection)
	}
	var script strings.Builder
	script.WriteString("```js\nconst store = db.getSiblingDB(\"cicerone\")\n" +
		"const may = (collection, actions) => ({resource: {db: \"cicerone\", collection}, actions})\n")
	script.WriteString("store.createRole({role: \"ciceroneServer\", roles: [], privileges: [\n")
	for _, collection := range collections {
		actions, err := bson.MarshalExtJSON(bson.M{"a": slices.Sorted(maps.Keys(r[collection]))}, false, false)
		must(t, err)
		list := strings.TrimSuffix(strings.TrimPrefix(string(actions), `{"a":`), "}")
		fmt.Fprintf(&script, "  may(%q, %s),\n", collection, list)
	}
	script.WriteString("]})\n```\n")
	onPage(t, "role", script.String())
}
