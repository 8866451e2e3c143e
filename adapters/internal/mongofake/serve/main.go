// Command serve runs the fake MongoDB server in a process of its own, for clients outside of the test process:
//
//	go run ./adapters/internal/mongofake/serve --addr 127.0.0.1:27099
//
// Its data is lost when it ends.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:27017", "host:port to listen on")
	flag.Parse()
	if err := serve(*addr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(addr string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	server, err := mongofake.New(mongofake.Config{Address: addr})
	if err != nil {
		return err
	}
	defer server.Stop()
	fmt.Println(server.URI())
	<-ctx.Done()
	return nil
}
