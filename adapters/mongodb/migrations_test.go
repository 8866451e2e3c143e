package mongodb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// These tests need steps that are not released, which nobody outside this package can make. The fake, which must not be
// imported here, runs in a process of its own.

// onDatabases runs a test on an empty database of the fake, and on one of the server that CICERONE_MONGODB_URI names.
func onDatabases(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Run("fake", func(t *testing.T) { test(t, onURI(t, serveFake(t))) })
	t.Run("server", func(t *testing.T) {
		uri := os.Getenv("CICERONE_MONGODB_URI")
		if uri == "" {
			t.Skip("set CICERONE_MONGODB_URI")
		}
		test(t, onURI(t, uri))
	})
}

// migrateAgain migrates the database of a store that is in use, as another process does.
func migrateAgain(ctx context.Context, s *Store, steps []step) error {
	return migrate(ctx, newStore(s.client, s.options, keepClient), steps)
}

// serveFake returns the URI of a fake that ends with the test.
func serveFake(t *testing.T) string {
	program := t.TempDir() + "/serve"
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../internal/mongofake/serve").CombinedOutput(); err != nil {
		t.Fatalf("build the fake: %v\n%s", err, out)
	}
	fake := exec.CommandContext(context.WithoutCancel(t.Context()), program, "--addr", "127.0.0.1:0")
	fake.Stderr = t.Output()
	out, err := fake.StdoutPipe()
	must(t, err)
	must(t, fake.Start())
	t.Cleanup(func() {
		_ = fake.Process.Kill()
		_ = fake.Wait() // which reports the kill
	})
	uri, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	return strings.TrimSpace(uri)
}

func onURI(t *testing.T, uri string) *Store {
	t.Helper()
	o := Options{Database: "cicerone_steps_" + primitive.NewObjectID().Hex()}
	client, o, err := connect(t.Context(), uri, o)
	must(t, err)
	s := newStore(client, o, keepClient)
	t.Cleanup(func() {
		must(t, s.db.Drop(context.Background()))
		must(t, disconnect(client))
	})
	return s
}

// The steps lead an empty database to the schema. A change of one needs a change of the other.
func TestStepsAndSchema(t *testing.T) {
	onDatabases(t, func(t *testing.T, s *Store) {
		must(t, migrate(t.Context(), s, migrations[:1]))
		if len(differences(t, s, schema)) == 0 {
			t.Error("step 1 alone leads to the schema")
		}
		must(t, migrate(t.Context(), s, migrations))
		for _, d := range differences(t, s, schema) {
			t.Error(d)
		}
		if t.Failed() {
			return // the differences would be found again below
		}
		for name, change := range map[string]func(profiles *spec){
			"a field":     func(p *spec) { p.extra["occupation"] = "string?" },
			"a type":      func(p *spec) { p.extra["city_searched"] = "string?" },
			"a rule":      func(p *spec) { p.rules = append(p.rules, d("age", d("$ne", 18))) },
			"an index":    func(p *spec) { p.indexes = append(p.indexes, index{name: "by_occupation", keys: "occupation"}) },
			"a condition": func(p *spec) { p.indexes[1].partial = d("is_searchable", true) },
		} {
			changed := slices.Clone(schema)
			at := slices.IndexFunc(changed, func(s spec) bool { return s.name == profilesIn })
			profiles := changed[at]
			profiles.extra = profiles.layout().fields
			profiles.table, profiles.rules, profiles.indexes = nil, slices.Clone(profiles.rules), slices.Clone(profiles.indexes)
			change(&profiles)
			changed[at] = profiles
			if found := differences(t, s, changed); len(found) != 1 || !strings.Contains(found[0], "profiles") {
				t.Errorf("%s without a step: got %d differences", name, len(found))
			}
		}
	})
}

// differences compares the collections of a database with those of a schema.
func differences(t *testing.T, s *Store, schema []spec) (found []string) {
	t.Helper()
	ctx := t.Context()
	cursor, err := s.db.ListCollections(ctx, bson.D{})
	must(t, err)
	type listing struct {
		Name    string
		Options struct{ Validator bson.D }
	}
	var listed []listing
	must(t, cursor.All(ctx, &listed))
	if len(listed) != len(schema) {
		found = append(found, fmt.Sprintf("there are %d collections, and not %d", len(listed), len(schema)))
	}
	for _, spec := range schema {
		at := slices.IndexFunc(listed, func(c listing) bool { return c.Name == string(spec.name) })
		if at < 0 {
			found = append(found, string(spec.name)+" is missing")
			continue
		}
		if got, want := ordered(t, listed[at].Options.Validator), ordered(t, spec.layout().validator()); got != want {
			found = append(found, fmt.Sprintf("the validator of %s is\n%s\nand not\n%s", spec.name, got, want))
		}
		indexes, err := s.in(spec.name).Indexes().List(ctx)
		must(t, err)
		var specs []indexSpec
		must(t, indexes.All(ctx, &specs))
		var got, want []string
		for _, x := range specs {
			if x.Name != "_id_" {
				got = append(got, fmt.Sprint(x.index()))
			}
		}
		for _, x := range spec.indexes {
			want = append(want, fmt.Sprint(x))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			found = append(found, fmt.Sprintf("the indexes of %s are\n%s\nand not\n%s", spec.name, got, want))
		}
	}
	return found
}

// ordered returns a validator as text, with its fields in the order of their names.
func ordered(t *testing.T, validator bson.D) string {
	t.Helper()
	described := validator[0].Value.(bson.A)[0].(bson.D)[0].Value.(bson.D)
	properties, _ := field(described, "properties").(bson.D)
	slices.SortFunc(properties, func(a, b bson.E) int { return strings.Compare(a.Key, b.Key) })
	required, _ := field(described, "required").(bson.A)
	slices.SortFunc(required, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	text, err := bson.MarshalExtJSON(validator, true, false)
	must(t, err)
	return string(text)
}

var errOver = errors.New("the machine stopped")

// occupied returns the step that adds the required field profiles.occupation, and fills it in. It
// fails after the given number of documents.
func occupied(left int) step {
	var mu sync.Mutex
	return of(change{
		in: "profiles", fields: map[string]string{"occupation": "string"},
		indexes: []index{{name: "by_occupation", keys: "occupation"}}, unindexed: []string{"by_age"},
		fill: &filling{lacking: d("occupation", d("$exists", false)), with: func(_ context.Context, _ *mongo.Database, doc bson.Raw) (bson.D, error) {
			mu.Lock()
			defer mu.Unlock()
			if left--; left < 0 {
				return nil, errOver
			}
			return d("occupation", "guide in "+doc.Lookup("city").StringValue()), nil
		}},
	})
}

// A step adds a field and fills it in. It is interrupted, and repeated by two processes concurrently.
func TestFilling(t *testing.T) {
	onDatabases(t, func(t *testing.T, s *Store) {
		ctx, profiles := t.Context(), s.in(profilesIn)
		must(t, migrate(ctx, s, migrations))
		const people = 2*batchToFill + 50
		all := populate(t, s, people)

		err := migrateAgain(ctx, s, append(slices.Clone(migrations), occupied(batchToFill+10)))
		if !errors.Is(err, errOver) {
			t.Fatalf("the step was not interrupted: %v", err)
		}
		expect(t, profiles, batchToFill, d("occupation", d("$exists", true)))
		if v, err := s.version(ctx); err != nil || v != int64(len(migrations)) {
			t.Errorf("got version %d (%v)", v, err)
		}

		// Programs of the version before continue to write documents, filled in or not.
		for _, p := range []matching.Profile{all[0], all[people-1]} {
			p.City = "Lübeck"
			must(t, save(ctx, s, p))
		}

		steps := append(slices.Clone(migrations), occupied(1_000_000))
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if err := migrateAgain(ctx, s, steps); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		expect(t, profiles, 1, d("occupation", "guide in Lübeck"))
		expect(t, profiles, people-1, d("occupation", "guide in Bremen"))
		if v, err := s.version(ctx); err != nil || v != int64(len(steps)) {
			t.Errorf("got version %d (%v)", v, err)
		}
		names, err := profiles.Indexes().ListSpecifications(ctx)
		must(t, err)
		named := func(name string) bool {
			return slices.ContainsFunc(names, func(x *mongo.IndexSpecification) bool { return x.Name == name })
		}
		if !named("by_occupation") || named("by_age") {
			t.Error("the indexes did not change")
		}
		for _, p := range []matching.Profile{all[1], all[people-2]} {
			must(t, save(ctx, s, p))
		}
		if _, err := profiles.UpdateOne(ctx, bson.D{}, d("$unset", d("occupation", ""))); !hasCode(err, codeInvalidDocument) {
			t.Errorf("a document without the new field: %v", err)
		}
		if !errors.Is(migrate(ctx, s, migrations), ErrNewer) {
			t.Error("an older program migrated a newer store")
		}
	})
}

// Documents from before a field was added can be changed if it may be null or absent, and cannot if it must be there and was not
// filled in.
func TestAddedField(t *testing.T) {
	for kind, want := range map[string]error{"string?": nil, "string": errRule} {
		t.Run(kind, func(t *testing.T) {
			onDatabases(t, func(t *testing.T, s *Store) {
				must(t, migrate(t.Context(), s, migrations))
				all := populate(t, s, 1)
				added := of(change{in: "profiles", fields: map[string]string{"occupation": kind}})
				must(t, migrateAgain(t.Context(), s, append(slices.Clone(migrations), added)))
				all[0].City = "Lübeck"
				if err := save(t.Context(), s, all[0]); !errors.Is(err, want) {
					t.Errorf("changing the profile returned %v, want %v", err, want)
				}
			})
		})
	}
}

// populate opens the store, and adds n profiles.
func populate(t *testing.T, s *Store, n int) []matching.Profile {
	t.Helper()
	must(t, s.presence.begin(t.Context()))
	t.Cleanup(func() { must(t, s.Close(context.Background())) })
	ids, all := id.NewGenerator(nil), make([]matching.Profile, n)
	must(t, s.Run(t.Context(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
		for i := range all {
			u := users.User{ID: ids.Next(), Name: "Ada", Role: users.RoleUser, IsActive: true, CreatedAt: time.UnixMilli(1), UpdatedAt: time.UnixMilli(1)}
			if _, err := tx.Users().Add(ctx, u, users.PasswordHash{}); err != nil {
				return err
			}
			all[i] = matching.Profile{ID: ids.Next(), UserID: u.ID, City: "Bremen"}
		}
		return nil
	}))
	must(t, save(t.Context(), s, all...))
	return all
}

func save(ctx context.Context, s *Store, profiles ...matching.Profile) error {
	return s.Run(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error {
		for _, p := range profiles {
			if err := tx.Matching().SaveProfile(ctx, p, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

func expect(t *testing.T, in *mongo.Collection, n int64, filter bson.D) {
	t.Helper()
	if got, err := in.CountDocuments(t.Context(), filter); err != nil || got != n {
		t.Errorf("%d documents match %v (%v), want %d", got, filter, err, n)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
