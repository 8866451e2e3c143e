// Package sqlitetest holds the heavier tests of adapters/sqlite: processes that are killed, disks that are full, and
// what it costs beside SQLite alone.
package sqlitetest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
)

// This program runs itself again as the process that is killed.
func TestMain(m *testing.M) {
	if job := os.Getenv(childJob); job != "" {
		if err := runChild(job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func soak() bool { return os.Getenv("CICERONE_SOAK") == "1" }

// opened is a store with its services.
type opened struct {
	*community.Community
	storage *sqlite.Store
}

func openStore(ctx context.Context, path string) (*opened, error) {
	storage, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	c := community.New(storage, community.NewClock(), id.NewGenerator(nil), uow.Policy{MaxTime: time.Minute})
	return &opened{c, storage}, nil
}

func mustOpen(t testing.TB, path string) *opened {
	t.Helper()
	o, err := openStore(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *opened) close(t testing.TB) {
	t.Helper()
	if err := o.storage.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// pair is a voyager who can pay for a lot, and the local with whom they talk.
type pair struct {
	Voyager, Local id.User
	Talk           id.Conversation
}

// populate makes an admin and some pairs.
func (o *opened) populate(ctx context.Context, n int) (admin id.User, pairs []pair, err error) {
	if admin, err = o.person(ctx, "admin"); err != nil {
		return admin, nil, err
	}
	if _, err := o.Moderation.Appoint(ctx, "admin@example.org"); err != nil {
		return admin, nil, err
	}
	for i := range n {
		p, err := o.pair(ctx, admin, i)
		if err != nil {
			return admin, nil, err
		}
		pairs = append(pairs, p)
	}
	return admin, pairs, nil
}

func (o *opened) pair(ctx context.Context, admin id.User, i int) (p pair, err error) {
	if p.Voyager, err = o.person(ctx, fmt.Sprintf("voyager%d", i)); err != nil {
		return p, err
	}
	if p.Local, err = o.person(ctx, fmt.Sprintf("local%d", i)); err != nil {
		return p, err
	}
	if _, err := o.Matching.SaveProfile(ctx, p.Local, matching.Profile{IsSearchable: true}, nil); err != nil {
		return p, err
	}
	talk, err := o.Messaging.Open(ctx, p.Voyager, p.Local, "")
	if err != nil {
		return p, err
	}
	p.Talk = talk.Overview.Conversation.ID
	_, err = o.Moderation.PostTokens(ctx, admin, p.Voyager,
		moderation.Adjustment{Type: tokens.Purchase, Amount: 1_000_000_000, Reason: "to spend"}, "")
	return p, err
}

func (o *opened) person(ctx context.Context, name string) (id.User, error) {
	u, err := o.Users.Register(ctx, users.SignUp{Name: name, Email: name + "@example.org", Password: "correct horse"})
	return u.ID, err
}

// audit fails the test for every rule that the store breaks, and where SQLite finds the file damaged.
func (o *opened) audit(t testing.TB, path string) {
	t.Helper()
	v, err := o.Auditor.Audit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range v.Violations {
		t.Errorf("the store breaks %s at %q: %s", broken.Rule, broken.Subject, broken.Detail)
	}
	db := rawDB(t, path)
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity_check: %s, %v", verdict, err)
	}
	var dangling int
	if err := db.QueryRow("SELECT count(*) FROM pragma_foreign_key_check").Scan(&dangling); err != nil || dangling != 0 {
		t.Errorf("%d rows refer to what is not there, %v", dangling, err)
	}
}

// rawDB opens a file without a store around it, until the test ends.
func rawDB(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
