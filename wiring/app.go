package wiring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/adapters/mail"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// App is a server that listens to nobody yet. Make one with the New of a root; it is safe for concurrent
// use.
type App struct {
	*services.Services

	// Handler serves the API. It may be mounted anywhere, behind http.StripPrefix under a path. After
	// Close it answers 503.
	Handler http.Handler

	// API is behind Handler; a host adds routes of its own to its Server before the first request.
	API *httpapi.API

	// Storage is where everything is kept; the App closes it.
	Storage ports.Storage

	store      *ports.Store
	mail       *mail.Queue
	log        *slog.Logger
	clock      clock.Clock
	purgeEvery time.Duration
	work       *gate
}

// NewApp makes an App of its parts, and from then on owns the storage and the queue.
func NewApp(c Checked, s *services.Services, api *httpapi.API, storage ports.Storage, store *ports.Store, queue *mail.Queue) *App {
	work := newGate()
	return &App{
		Services: s, Handler: guard(work, api), API: api, Storage: storage,
		store: store, mail: queue, log: c.Log, clock: c.Clock, purgeEvery: c.PurgeEvery, work: work,
	}
}

// Run does what nobody asks for by request: it settles reservations that have ended, those that fell due
// before it began at once, and removes what has expired. What fails is logged and tried again. Run
// returns nil when ctx ends or Close is called. Several may run at once.
func (a *App) Run(ctx context.Context) error {
	if !a.work.enter() {
		return nil
	}
	defer a.work.leave()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(a.work.closing, stop)()

	var settling error
	var tasks sync.WaitGroup
	tasks.Go(func() {
		settling = a.Reservations.RunSettler(ctx, func(err error) { a.log.ErrorContext(ctx, "settle", slog.Any("error", err)) })
		stop()
	})
	tasks.Go(func() { a.runPurge(ctx) })
	tasks.Wait()
	return settling
}

// runPurge removes at once and then every purgeEvery what has expired, until ctx ends.
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
	return errors.Join(answers, sessions)
}

// Close lets go of everything: it turns new requests away, ends Run, waits for the requests in flight,
// sends the mail that is queued, and closes the store. When ctx ends before, the rest is closed without
// waiting, and the error says what was cut short. It may be called more than once.
func (a *App) Close(ctx context.Context) error {
	var failed []error
	if err := a.work.close(ctx); err != nil {
		failed = append(failed, fmt.Errorf("wiring: wait for requests in flight: %w", err))
	}
	if err := a.mail.Close(ctx); err != nil {
		failed = append(failed, fmt.Errorf("wiring: send the mail that is left: %w", err))
	}
	if err := a.Storage.Close(ctx); err != nil {
		failed = append(failed, fmt.Errorf("wiring: close the store: %w", err))
	}
	return errors.Join(failed...)
}

// closeNow closes a part of an App that is not to be, without waiting.
func closeNow(log *slog.Logger, part string, close func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := close(ctx); err != nil {
		log.Error("close what was built in vain", slog.String("part", part), slog.Any("error", err))
	}
}
