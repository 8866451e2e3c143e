package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/cicerone-go/cicerone/wiring"
)

// The maximum times that the server takes to shut down.
const (
	finishRequests = 10 * time.Second
	finishMail     = 5 * time.Second
)

type serveCommand struct {
	serverSettings

	Addr string `default:"localhost:8080" placeholder:"HOST:PORT" group:"Server" help:"The address to listen on. Default: ${default}."`
	Demo *bool  `negatable:"" group:"Server" help:"Fill an empty store with demo data. The password of the demo accounts is public, so a server on a store that ever held them listens on loopback only. Default: yes for sqlite and memory."`
}

// Run serves until SIGTERM or SIGINT.
func (c *serveCommand) Run(s *settings) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	address, err := net.ResolveTCPAddr("tcp", c.Addr) // resolved once, so that the check below is of the same address
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	where, err := secret("--store", s.Store, s.StoreFile, defaultStore)
	if err != nil {
		return err
	}
	p, err := findStore("--store", where)
	if err != nil {
		return err
	}
	log, err := c.Log.logger(os.Stderr)
	if err != nil {
		return err
	}
	config, err := c.config(log, !address.IP.IsLoopback() || len(c.Proxies.TrustedProxies) > 0)
	if err != nil {
		return err
	}
	app, err := openApp(ctx, p, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeApp(app)) }()
	demo, err := planDemo(ctx, app.Storage, c.Demo, p.demo)
	if err != nil {
		return err
	}
	if demo.present() && !address.IP.IsLoopback() {
		return demo.refuse(c.Addr)
	}
	listener, err := c.Proxies.listen(address)
	if err != nil {
		return err
	}
	defer listener.Close() // for the errors below; otherwise serve has closed it
	if err := demo.fill(ctx, app.Storage, config); err != nil {
		return err
	}
	if len(config.Access.Keys) == 0 && p.path == "" {
		config.Log.Info("no --access-key is set: access tokens become invalid when this process ends, and other servers refuse them")
	}
	announce(os.Stdout, c.Addr, listener.Addr(), p, demo.present())
	return serve(ctx, stop, app, listener, config.Log)
}

// openApp makes an App over a store. It returns an error if the store holds an unfinished copy.
func openApp(ctx context.Context, p place, config wiring.Config) (*wiring.App, error) {
	app, err := p.open(ctx, p, config)
	if err != nil {
		return nil, err
	}
	if err := checkWhole(ctx, p, app.Storage); err != nil {
		return nil, errors.Join(err, closeApp(app))
	}
	return app, nil
}

func closeApp(app *wiring.App) error {
	ctx, cancel := context.WithTimeout(context.Background(), finishMail)
	defer cancel()
	return app.Close(ctx)
}

// serve serves requests and does the background work until ctx ends. Then it finishes the requests
// in flight. It calls stop to restore the default handling of signals: a second one ends the
// program immediately.
func serve(ctx context.Context, stop context.CancelFunc, app *wiring.App, listener net.Listener, log *slog.Logger) error {
	server := &http.Server{
		Handler:           app.Handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	// The background work has its own context, so that it continues while the requests in flight
	// finish.
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	var failedWork error
	work.Go(func() { failedWork = app.Run(working) })

	refused := make(chan error, 1)
	go func() { refused <- server.Serve(listener) }()
	var failed error
	select {
	case err := <-refused:
		failed = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		stop()
		log.Info("shutting down after the requests in flight are finished")
		failed = finish(server, log)
	}
	stopWorking()
	work.Wait()
	return errors.Join(failed, failedWork)
}

// finish stops accepting connections and waits for the requests in flight. After finishRequests it
// closes their connections.
func finish(server *http.Server, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(context.Background(), finishRequests)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("closed connections of requests that took too long to finish", slog.Duration("waited", finishRequests))
		err = server.Close()
	}
	if err != nil {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}
