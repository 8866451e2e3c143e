package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// web serves requests on a listener: first that the server is starting, so that a supervisor does
// not take the time in which a store is brought up to date for a defect, and then the handler that
// was mounted.
type web struct {
	server  *http.Server
	handler atomic.Pointer[http.Handler]
	ended   chan error // has the error with which the listener ended
}

// newWeb starts to serve on a listener, with TLS if there is a certificate.
func newWeb(listener net.Listener, cert *certificate, log *slog.Logger) *web {
	w := &web{ended: make(chan error, 1)}
	w.mount(httpapi.Starting())
	w.server = &http.Server{
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			(*w.handler.Load()).ServeHTTP(rw, r)
		}),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10, // a connection may hold as much before the gate sees its request
		// HTTP/2 receives bodies before they are read, and so before they are charged.
		HTTP2:    &http.HTTP2Config{MaxReceiveBufferPerConnection: 256 << 10, MaxReceiveBufferPerStream: 64 << 10},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	if cert == nil {
		go func() { w.ended <- w.server.Serve(listener) }()
		return w
	}
	w.server.TLSConfig, w.server.Handler = cert.config(), cert.strict(w.server.Handler)
	go func() { w.ended <- w.server.ServeTLS(listener, "", "") }()
	return w
}

// mount sets the handler of later requests.
func (w *web) mount(h http.Handler) { w.handler.Store(&h) }

// close closes the listener and all connections.
func (w *web) close() { _ = w.server.Close() } // the server ends because of another error

// finish stops accepting connections and waits for the requests in flight. After finishRequests it
// closes their connections.
func (w *web) finish(log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(context.Background(), finishRequests)
	defer cancel()
	err := w.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("closed connections of requests that took too long to finish", slog.Duration("waited", finishRequests))
		err = w.server.Close()
	}
	if err != nil {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}
