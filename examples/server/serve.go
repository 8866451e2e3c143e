package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/cicerone-go/cicerone/adapters/metrics"
	"github.com/cicerone-go/cicerone/wiring"
)

// The maximum times that the server takes to shut down.
const (
	finishRequests = 10 * time.Second
	finishMail     = 5 * time.Second
	maxDrainDelay  = 10 * time.Minute
)

type serveCommand struct {
	serverSettings

	Addr        string        `default:"localhost:8080" placeholder:"HOST:PORT" group:"Server" help:"The address to listen on. Default: ${default}."`
	DrainDelay  time.Duration `default:"0s" placeholder:"TIME" group:"Server" help:"How long the server still serves requests after SIGTERM or SIGINT while /readyz answers 503, so that a load balancer stops sending requests before the server closes its port; at most 10m. Behind a load balancer, set it to more than the time in which that notices. A second signal ends the server immediately. Default: ${default}."`
	MetricsAddr string        `placeholder:"HOST:PORT" group:"Server" help:"The address on which /metrics is served for Prometheus. Only operators should reach it. Default: no metrics."`
	CPUProfile  string        `name:"cpu-profile" placeholder:"FILE" group:"Server" help:"A file to which a CPU profile of the server is written when it ends, for go tool pprof. Default: no profile."`
	TLS         tlsSettings   `embed:"" prefix:"tls-" group:"Server"`
	GRPC        grpcSettings  `embed:"" prefix:"grpc-" group:"Server"`
	Demo        *bool         `negatable:"" group:"Server" help:"Fill an empty store with demo data. The password of the demo accounts is public, so a server on a store that ever held them listens on loopback only. Default: yes for sqlite and memory."`
}

// Run serves until SIGTERM or SIGINT.
func (c *serveCommand) Run(s *settings) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	address, err := net.ResolveTCPAddr("tcp", c.Addr) // resolved once, so that the check below is of the same address
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	callAddress, err := c.GRPC.address()
	if err != nil {
		return err
	}
	where, err := secret("--store", s.Store, s.StoreFile, defaultStore)
	if err != nil {
		return err
	}
	p, err := findStore("--store", where)
	if err != nil {
		return err
	}
	if c.DrainDelay < 0 || c.DrainDelay > maxDrainDelay {
		return fmt.Errorf("--drain-delay must be 0 to %v, is %v", maxDrainDelay, c.DrainDelay)
	}
	log, err := c.Log.logger(os.Stderr)
	if err != nil {
		return err
	}
	config, err := c.config(log, isReachable(address) || isReachable(callAddress) || len(c.Proxies.TrustedProxies) > 0)
	if err != nil {
		return err
	}
	config.NoReflection = !c.GRPC.Reflection
	var measured *metrics.Metrics
	if c.MetricsAddr != "" {
		measured, config = measure(config)
	}
	config, stopTraces, err := traced(ctx, config, log)
	if err != nil {
		return err
	}
	defer stopTraces()
	cert, err := c.TLS.load(log)
	if err != nil {
		return err
	}
	listener, err := c.Proxies.listen(address, c.Room.limiter(log))
	if err != nil {
		return err
	}
	web := newWeb(listener, cert, log)
	defer web.close() // for the errors below; otherwise serve has closed it
	var calls net.Listener
	if callAddress != nil {
		if calls, err = c.Proxies.listen(callAddress, c.Room.limiter(log)); err != nil {
			return fmt.Errorf("--grpc-addr: %w", err)
		}
		defer calls.Close() // as web.close; the server of gRPC closes it, too
	}
	if cert != nil {
		go cert.watch(ctx)
	}
	stopProfile, err := profile(c.CPUProfile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopProfile()) }()
	app, err := openApp(ctx, p, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeApp(app)) }()
	if measured != nil {
		gauge(measured, app)
		stopMetrics, err := serveMetrics(c.MetricsAddr, measured, log)
		if err != nil {
			return err
		}
		defer stopMetrics()
	}
	demo, err := planDemo(ctx, app.Storage, c.Demo, p.demo)
	if err != nil {
		return err
	}
	if demo.present() && isReachable(address) {
		return demo.refuse("--addr", c.Addr)
	}
	if demo.present() && isReachable(callAddress) {
		return demo.refuse("--grpc-addr", c.GRPC.Addr)
	}
	if err := demo.fill(ctx, app.Storage, config); err != nil {
		return err
	}
	if len(config.Access.Keys) == 0 && p.path == "" {
		config.Log.Info("no --access-key is set: access tokens become invalid when this process ends, and other servers refuse them")
		if len(config.TOTPKeys) == 0 {
			config.Log.Warn("neither --totp-key nor --access-key is set: when this process has ended, second factors work with their recovery codes only")
		}
	}
	limitMemory(log, memlimit.FromCgroup)
	collectSeldom()
	shareCores(config.Limits.Lanes.Hashing.AtOnce)
	web.mount(app.Handler)
	var rpc rpc
	var rpcURL string
	if calls != nil {
		rpc = newRPC(calls, app, cert)
		defer rpc.close()
		rpcURL = baseURL("grpc", c.GRPC.Addr, calls.Addr(), cert != nil)
	}
	announce(os.Stdout, baseURL("http", c.Addr, listener.Addr(), cert != nil), rpcURL, p, demo.present(), c.Docs)
	return serve(ctx, stop, app, web, rpc, c.DrainDelay, log)
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

// serve serves requests and does the background work until ctx ends. Then it drains for the delay,
// and finishes the requests in flight. It calls stop to restore the default handling of signals: a
// second one ends the program immediately.
func serve(ctx context.Context, stop context.CancelFunc, app *wiring.App, web *web, rpc rpc, delay time.Duration, log *slog.Logger) error {
	// The background work has its own context, so that it continues while the requests in flight
	// finish.
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	var failedWork error
	work.Go(func() { failedWork = app.Run(working) })

	var failed error
	select {
	case err := <-web.ended:
		failed = fmt.Errorf("serve: %w", err)
	case err := <-rpc.ended:
		failed = fmt.Errorf("serve gRPC: %w", err)
	case <-ctx.Done():
		stop()
		app.Drain()
		log.Info("shutting down after the requests in flight are finished", slog.Duration("drain_delay", delay))
		select {
		case err := <-web.ended:
			failed = fmt.Errorf("serve: %w", err)
		case err := <-rpc.ended:
			failed = fmt.Errorf("serve gRPC: %w", err)
		case <-time.After(delay):
			var finishing sync.WaitGroup
			finishing.Go(func() { rpc.finish(log) })
			failed = web.finish(log)
			finishing.Wait()
		}
	}
	stopWorking()
	work.Wait()
	return errors.Join(failed, failedWork)
}
