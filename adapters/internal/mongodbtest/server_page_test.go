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

var rewrite = flag.Bool("page", false, "write anew what the page \"MongoDB in production\" repeats of the code")

// onPage holds a part of the page, between two comments, against what the code says.
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
		t.Errorf("the page's part %q is\n%s\nand should be\n%s\nThe tests of this folder with -args -page write it.", part, got, want)
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
			fmt.Fprintf(&script, "store.%s.createIndex({%q: \"hashed\"})\n", k.Collection, k.Field) // which a collection with documents needs first
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
			fmt.Fprintf(&table, "| `%s` | `%s` | %s | %s |\n", k.Collection, x.Name, strings.Join(keys, ", "), strings.Join(of, ", "))
		}
	}
	onPage(t, "indexes", table.String())
}

// rights are what a role has to allow: actions by collection.
type rights map[string]map[string]bool

func (r rights) need(collection string, actions ...string) {
	if r[collection] == nil {
		r[collection] = map[string]bool{}
	}
	for _, a := range actions {
		r[collection][a] = true
	}
}

// needed are the rights that commands needed.
func (r rights) needed(t *testing.T, c mongofake.Command) {
	t.Helper()
	upsert := strings.Contains(fmt.Sprint(c.Body), "{upsert true}")
	switch c.Name {
	case "find", "aggregate", "insert", "update":
		r.need(c.Collection, strings.Replace(c.Name, "aggregate", "find", 1))
	case "delete":
		r.need(c.Collection, "remove")
	case "findAndModify":
		r.need(c.Collection, "find", "update")
	case "listCollections", "listIndexes":
		r.need("", c.Name)
	case "isMaster", "ismaster", "hello", "endSessions", "getMore", "killCursors", "commitTransaction", "abortTransaction": // anybody may
	default:
		t.Errorf("what has to be allowed for %s?", c.Name)
	}
	if upsert {
		r.need(c.Collection, "insert")
	}
}

// checkRole holds the role of the page against the commands that the kit has made the adapter send. Of the ledger and of
// the audit trail a server can only find lines, and insert some.
func checkRole(t *testing.T, seen []mongofake.Command) {
	r := rights{}
	for _, c := range seen {
		r.needed(t, c)
	}
	server := startFake(t)
	s := onFake(server)
	o := s.fresh(t)
	stop := server.Observe(func(c mongofake.Command) { r.needed(t, c) })
	must(t, s.open(t, o).Close(t.Context()))
	stop()
	r.need("servers", "update") // what a store that stays open goes on to do

	for _, collection := range []string{"token_transactions", "audit_records"} {
		if got := slices.Sorted(maps.Keys(r[collection])); !slices.Equal(got, []string{"find", "insert"}) {
			t.Errorf("of %s a server needs %v", collection, got)
		}
	}
	collections := []string{""}
	for _, k := range mongodb.ShardKeys() {
		collections = append(collections, k.Collection)
	}
	var script strings.Builder
	script.WriteString("```js\nconst store = db.getSiblingDB(\"cicerone\")\nconst may = (collection, actions) => ({resource: {db: \"cicerone\", collection}, actions})\n")
	script.WriteString("store.createRole({role: \"ciceroneServer\", roles: [], privileges: [\n")
	for _, collection := range collections {
		actions, err := bson.MarshalExtJSON(bson.M{"a": slices.Sorted(maps.Keys(r[collection]))}, false, false)
		must(t, err)
		fmt.Fprintf(&script, "  may(%q, %s),\n", collection, strings.TrimSuffix(strings.TrimPrefix(string(actions), `{"a":`), "}"))
	}
	script.WriteString("]})\n```\n")
	onPage(t, "role", script.String())
}
