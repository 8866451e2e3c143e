package main

import (
	"context"
	"os"
)

// The guest has 5 tokens and a message costs 2, so the third message is refused and not stored.
func Example_run() {
	if err := run(context.Background(), os.Stdout); err != nil {
		panic(err)
	}
	// Output:
	// Rosa lives in Lisbon
	// sent: Good evening!
	// sent: Where do you buy your fish?
	// not sent, insufficient tokens: And your bread?
}
