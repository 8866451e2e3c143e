package wiring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/adapters/matchindex"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/grpcapi"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// App is a server without its listener. New makes an App over an open store; the New functions of
// the packages below this one open the store, too. An App is safe for concurrent use.
type App struct {
	*services.Services

	// Handler serves the API. To mount it below a path, set Config.BasePath. After Close, it
	// answers 503.
	Handler http.Handler

	// API is behind Handler; a host adds routes of its own to its Server before the first request.
	API *httpapi.API

	// Storage is the store of the server. The App closes it.
	Storage ports.Storage

	// Relay delivers the events of the store to Config.Subscribers and sends mail, while Run runs.
	Relay *events.Relay

	index      *matchindex.Index // nil if there is none
	grpc       *grpcapi.API
	store      *ports.Store
	readiness  *Readiness
	log        *slog.Logger
	clock      clock.Clock
	purgeEvery time.Duration
	work       *gate
}

// New makes an App over a store of any adapter. The caller must call Close, which also closes the
// storage. If New returns an error, the storage remains open, and the caller closes it. Errors:
// ctx.Err() (wrapped), and those of Config.Validate.
func New(ctx context.Context, c Config, storage ports.Storage) (*App, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("wiring: make a server: %w", err)
	}
	app, _, err := build(c, storage) // after an error, build has cleaned up; otherwise App.Close does
	return app, err
}

// NewApp makes an App from its parts. The App owns the storage: App.Close closes it.
func NewApp(
	c Checked, s *services.Services, api *httpapi.API, rpc *grpcapi.API, storage ports.Storage, store *ports.Store, r *Readiness,
	relay *events.Relay, index *matchindex.Index, now clock.Clock,
) *App {
	return &App{
		Services: s, Handler: guard(r, api), API: api, Storage: storage, Relay: relay,
		index: index, grpc: rpc, store: store, readiness: r, log: c.Log, clock: now, purgeEvery: c.PurgeEvery, work: r.work,
	}
}

// Run does the background work: it settles the reservations that have ended, first those that fell
// due before it began, seals the transactions of the ledger, delivers events to the subscribers, sends
// mail, keeps the index of profiles, if there is one, and removes events that no subscription
// needs, expired sessions, idempotency keys and counts of tries.
// It logs failures and tries again. Run returns nil when ctx ends or Close
// is called. Several calls, in one process or in several servers on one store, may run concurrently.
func (a *App) Run(ctx context.Context) error {
	if !a.work.enter() {
		return nil
	}
	defer a.work.leave()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(a.work.closing, stop)()

	var settling, sealing, relaying, notifying, indexing error
	var tasks sync.WaitGroup
	tasks.Go(func() {
		settling = a.Reservations.RunSettler(ctx, func(err error) { a.log.ErrorContext(ctx, "settle", slog.Any("error", err)) })
		stop()
	})
	tasks.Go(func() {
		sealing = a.Sealer.Run(ctx, func(err error) { a.log.ErrorContext(ctx, "seal", slog.Any("error", err)) })
		stop()
	})
	tasks.Go(func() {
		relaying = a.Relay.Run(ctx, func(err error) { a.log.ErrorContext(ctx, "deliver events", slog.Any("error", err)) })
		stop()
	})
	tasks.Go(func() {
		notifying = a.Notifications.Run(ctx, func(err error) { a.log.ErrorContext(ctx, "send notifications", slog.Any("error", err)) })
		stop()
	})
	if a.index != nil {
		tasks.Go(func() {
			indexing = a.index.Follow(ctx, func(err error) { a.log.ErrorContext(ctx, "index profiles", slog.Any("error", err)) })
			stop()
		})
	}
	tasks.Go(func() { a.runPurge(ctx) })
	tasks.Wait()
	return errors.Join(settling, sealing, relaying, notifying, indexing)
}

// runPurge purges immediately and then every purgeEvery, until ctx ends.
func (a *App) runPurge(ctx context.Context) {
	every := time.NewTicker(a.purgeEvery)
	defer every.Stop()
	for {
		if err := a.purge(ctx); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "purge", slog.Any("error", err))
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}

func (a *App) purge(ctx context.Context) error {
	_, answers := idempotency.Purge(ctx, ports.ForIdempotency(a.store), a.clock)
	_, sessions := a.Users.PurgeSessions(ctx)
	_, tries := a.Users.PurgeTries(ctx)
	return errors.Join(answers, sessions, tries)
}

// Load is the present load of a server, for metrics.
type Load struct {
	Store ports.Stats // zero if the store does not implement ports.Measured

	// SettlementLag is how long a reservation that is due has waited for its settlement at most, as
	// far as this process knows: the time since Run began to settle when it last settled
	// everything. It is 0 if Run has not settled anything yet.
	SettlementLag time.Duration

	MatchIndex matchindex.Stats // zero if there is no index of profiles
}

// Load returns the present load. It asks no server.
func (a *App) Load() Load {
	var l Load
	if s, ok := a.Storage.(ports.Measured); ok {
		l.Store = s.Stats()
	}
	if a.index != nil {
		l.MatchIndex = a.index.Stats()
	}
	if until := a.Reservations.SettledUntil(); !until.IsZero() {
		l.SettlementLag = max(a.clock.Now().Sub(until), 0)
	}
	return l
}

// Drain makes /readyz answer 503, so that a load balancer sends no more requests, and ends the streams
// of events, which their clients resume elsewhere. Other requests are served as before until Close; each
// response asks its client to close the connection, so that none is idle
// when the listener closes.
func (a *App) Drain() {
	a.readiness.Drain()
	a.Live.Close()
}

// Close refuses new requests, ends Run and all streams, waits for the requests in flight, and closes
// the store. If ctx ends first, Close closes the rest without waiting, and the error
// names the steps that were cut short. Close may be called more than once.
func (a *App) Close(ctx context.Context) error {
	var failed []error
	a.Live.Close()
	if err := a.work.close(ctx); err != nil {
		failed = append(failed, fmt.Errorf("wiring: wait for requests in flight: %w", err))
	}
	if err := a.Storage.Close(ctx); err != nil {
		failed = append(failed, fmt.Errorf("wiring: close the store: %w", err))
	}
	return errors.Join(failed...)
}

// CloseUnused returns the clean-up function of a part. wire calls it if a later part cannot be
// made. The part is unused then, so closing it takes no time. The function logs an error of Close.
func CloseUnused(c Checked, name string, part interface{ Close(context.Context) error }) func() {
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), unusedTimeout)
		defer cancel()
		if err := part.Close(ctx); err != nil {
			c.Log.Error("close an unused part", slog.String("part", name), slog.Any("error", err))
		}
	}
}

const unusedTimeout = 10 * time.Second
