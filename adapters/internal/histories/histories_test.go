package histories_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/histories"
	"github.com/cicerone-go/cicerone/adapters/matchindex"
	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

func inMemory() (ports.Storage, error) { return memory.New(), nil }

// indexed is a store behind an index of profiles.
type indexed struct {
	ports.Storage
	index *matchindex.Index
	stop  func()
}

func (s indexed) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	return s.index.Run(ctx, mode, fn)
}

func (s indexed) Close(ctx context.Context) error {
	s.stop()
	return s.Storage.Close(ctx)
}

// An index answers searches just as its store does, although it reads no events here: no one numbers
// them. It knows what units of its own process have changed.
func TestMatchIndex(t *testing.T) {
	var answered, passed int64
	histories.Compare(t, histories.Runs{Usual: 300, Soak: 20_000}, inMemory, func() (ports.Storage, error) {
		store := memory.New()
		began := time.Now()
		index, err := matchindex.New(matchindex.Deps{
			Runner: store, Policy: matchindex.DefaultPolicy(),
			Clock: func() time.Time { return time.Time{}.Add(time.Hour) }, // so that no event in the outbox is ever old
		})
		if err != nil {
			return nil, err
		}
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- index.Follow(ctx, func(err error) { t.Error(err) }) }()
		for index.Stats().Answered == 0 { // until it is built
			if err := index.Run(ctx, uow.Read, func(ctx context.Context, tx ports.Tx) error {
				_, err := tx.Matching().Search(ctx, matching.Query{}, nil, 1)
				return err
			}); err != nil || time.Since(began) > time.Minute {
				stop()
				return nil, errors.Join(err, <-ended, errors.New("the index was not built"))
			}
		}
		built := index.Stats()
		return indexed{store, index, func() {
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			answered, passed = answered+index.Stats().Answered-built.Answered, passed+index.Stats().Passed-built.Passed
		}}, nil
	})
	t.Attr("searches", fmt.Sprintf("%d answered from the index, %d by the store", answered, passed))
	if answered < 10*passed {
		t.Errorf("the index answered %d searches, and the store %d", answered, passed)
	}
}

func TestSQLite(t *testing.T) {
	ctx, folder, n := context.Background(), t.TempDir(), 0
	template := filepath.Join(folder, "template.db")
	s, err := sqlite.Open(ctx, template, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	empty, err := os.ReadFile(template)
	if err != nil {
		t.Fatal(err)
	}
	histories.Compare(t, histories.Runs{Usual: 200, Soak: 5_000}, inMemory, func() (ports.Storage, error) {
		_ = os.Remove(filepath.Join(folder, fmt.Sprintf("%d.db", n)))
		n++
		path := filepath.Join(folder, fmt.Sprintf("%d.db", n))
		if err := os.WriteFile(path, empty, 0o600); err != nil {
			return nil, err
		}
		return sqlite.Open(ctx, path, sqlite.Options{})
	})
}
