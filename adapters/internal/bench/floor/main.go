// Command floor is the least that a server of Cicerone's hot routes can be: net/http, pgx, and one
// statement for each request, on the tables of a store of Cicerone. It reads and writes the rows
// that Cicerone does: session, standing, wallet, ledger, message, outbox. It has none of the rest:
// no problem documents, no limits, no checks of what clients send, and it keeps the answer of an
// idempotency key, but refuses the key the second time. Below /bare it sends without session,
// standing and outbox. The package bench measures Cicerone beside it.
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

func main() {
	dsn := flag.String("store", "", "address of the `database`, a store of Cicerone; the floor makes a schema of its own in it")
	key := flag.String("access-key", "", "`key` that signs access tokens, as base64")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *dsn, *key); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dsn, key string) error {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return err
	}
	config.MaxConns = int32(4 * runtime.GOMAXPROCS(0)) // as many as Cicerone has
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	f := &floor{pool: pool}
	if f.key, err = base64.StdEncoding.DecodeString(key); err != nil {
		return fmt.Errorf("-access-key: %w", err)
	}
	if err := f.prepare(ctx); err != nil {
		return fmt.Errorf("prepare the database: %w", err)
	}
	listener, err := net.Listen("tcp", "localhost:0") //nolint:noctx // it does not wait
	if err != nil {
		return err
	}
	server := &http.Server{Handler: f.routes(), ReadHeaderTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		_ = server.Close() // Serve says why it ended
	}()
	fmt.Printf("The floor listens on http://%s, until Ctrl-C.\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
