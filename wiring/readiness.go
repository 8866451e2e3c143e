package wiring

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

const (
	readyFor  = time.Second     // how long a result is returned again, so that probes cannot load the store
	readyTime = 5 * time.Second // the longest time that a store may take to answer

	// readySize is what a test of writing writes: enough that no store finds room for it in pages
	// that it has already.
	readySize = 64 << 10
)

// Readiness finds out whether a server can serve requests. It pings the store. If a unit of work
// could not write, for instance because the disk is full, it also writes to the store and removes
// what it wrote, until that succeeds: then the server is ready again. Use NewReadiness to make one.
// It is safe for concurrent use.
type Readiness struct {
	storage ports.Storage
	store   *ports.Store
	clock   clock.Clock
	owner   string // of what it writes; no two servers have the same

	work     *gate // of the requests, and of the calls of App.Run
	draining atomic.Bool
	suspect  atomic.Bool // a unit could not write, and no test of writing has succeeded since

	mu   sync.Mutex
	last *look // nil before the first
}

// look is an examination of the store.
type look struct {
	done  chan struct{} // closed when it has ended
	ended time.Time
	err   error
}

// NewReadiness returns the Readiness of a server over the storage.
func NewReadiness(storage ports.Storage, now clock.Clock) *Readiness {
	return &Readiness{
		storage: storage, store: ports.NewStore(storage, uow.Policy{}), clock: now, owner: "readiness " + rand.Text(),
		work: newGate(),
	}
}

// Check returns nil if the server can serve requests. It returns httpapi.ErrClosing after Drain,
// and otherwise the error of the store, or ctx.Err() (wrapped). It examines the store at most once
// a second, however often it is called.
func (r *Readiness) Check(ctx context.Context) error {
	if r.draining.Load() {
		return httpapi.ErrClosing
	}
	l := r.examine()
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return fmt.Errorf("wiring: wait for the store: %w", ctx.Err())
	}
}

// Drain makes every later Check return httpapi.ErrClosing.
func (r *Readiness) Drain() { r.draining.Store(true) }

// examine returns the examination that runs, or a recent one, or else begins one.
func (r *Readiness) examine() *look {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last != nil {
		select {
		case <-r.last.done:
			if time.Since(r.last.ended) < readyFor {
				return r.last
			}
		default:
			return r.last
		}
	}
	l := &look{done: make(chan struct{})}
	r.last = l
	go func() { // the context of one probe must not end the examination for the others
		ctx, cancel := context.WithTimeout(context.Background(), readyTime)
		defer cancel()
		l.err = r.try(ctx)
		l.ended = time.Now()
		close(l.done)
	}()
	return l
}

func (r *Readiness) try(ctx context.Context) error {
	if err := r.storage.Ping(ctx); err != nil {
		return err
	}
	if !r.suspect.Load() {
		return nil
	}
	if err := r.write(ctx); err != nil {
		return fmt.Errorf("wiring: test whether the store can be written: %w", err)
	}
	r.suspect.Store(false)
	return nil
}

// write commits a record, and removes it again.
func (r *Readiness) write(ctx context.Context) error {
	noise := make([]byte, readySize) // a store cannot compress it
	_, _ = rand.Read(noise)          // it never fails
	record := idempotency.Record{
		Owner: r.owner, Key: idempotency.Key(rand.Text()), Answer: []byte(`"` + base64.StdEncoding.EncodeToString(noise) + `"`),
		CreatedAt: r.clock.Now(),
	}
	err := r.store.Do(ctx, func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Idempotency().Claim(ctx, record.Owner, record.Key); !errors.Is(err, fault.NotFound) {
			return err
		}
		return tx.Idempotency().Save(ctx, record)
	})
	if err != nil {
		return err
	}
	// This also removes what an interrupted test has left.
	return r.store.Do(ctx, func(ctx context.Context, tx ports.Tx) error { return tx.Idempotency().Forget(ctx, r.owner) })
}

// watch returns the storage for the services. The Readiness learns when one of their units could
// not write.
func (r *Readiness) watch(s ports.Storage) uow.Runner[ports.Tx] { return watched{s, r} }

type watched struct {
	ports.Storage
	readiness *Readiness
}

func (w watched) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	err := w.Storage.Run(ctx, mode, fn)
	if mode == uow.Write && (errors.Is(err, uow.ErrUnreachable) || errors.Is(err, uow.ErrOutcomeUnknown)) {
		w.readiness.suspect.Store(true)
	}
	return err
}
