package mongodbtest

import (
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/internal/reach"
	"github.com/cicerone-go/cicerone/ports"
)

// TestTablesOfRepositories checks that each repository uses only the tables that it may use.
func TestTablesOfRepositories(t *testing.T) {
	server := startFake(t)
	s, seen := onFake(server), &commands{}
	store := s.open(t, s.fresh(t))
	defer server.Observe(seen.add)()
	wrong, err := reach.Wrong(t.Context(), store, func() (sent []reach.Statement) {
		for _, c := range seen.take() {
			sent = append(sent, reach.Statement{Text: describe(c), Tables: tablesOf(c)})
		}
		return sent
	})
	must(t, err)
	for _, w := range wrong {
		t.Error(w)
	}
	must(t, store.Close(t.Context()))
}

// tablesOf returns the tables that a command reads or writes. Some collections hold rows of several
// tables, and some documents are derived from rows.
func tablesOf(c mongofake.Command) (tables []string) {
	collections, fields := []string{c.Collection}, map[string]bool{}
	walk(c.Body, func(key string, value any) {
		name, _ := value.(string)
		switch {
		case key == "from", key == "coll", key == "$unionWith": // stages of a pipeline
			collections = append(collections, name)
		case c.Collection == "unique_keys" && key == "of":
			tables = append(tables, name)
		}
		if name, _, _ = strings.Cut(key, "."); value != int32(0) { // a projection that excludes the field
			fields[name] = true
		}
	})
	for _, name := range collections {
		switch name {
		case "", "unique_keys":
		case "calendars":
			tables = append(tables, ports.Reservations.Name)
		case ports.Users.Name:
			tables = append(tables, name)
			if fields["blocks"] {
				tables = append(tables, ports.Blocks.Name)
			}
		case ports.Profiles.Name:
			if c.Name == "update" && fields["user_is_active"] && !fields["is_searchable"] {
				tables = append(tables, ports.Users.Name) // it changes only the copy of a column of users
				continue
			}
			tables = append(tables, name)
			if fields["interests"] {
				tables = append(tables, ports.ProfileInterests.Name)
			}
		default:
			tables = append(tables, name)
		}
	}
	return tables
}

// walk calls see with every field of a document and of those in it.
func walk(v any, see func(key string, value any)) {
	switch v := v.(type) {
	case bson.D:
		for _, e := range v {
			see(e.Key, e.Value)
			walk(e.Value, see)
		}
	case bson.A:
		for _, item := range v {
			walk(item, see)
		}
	}
}
