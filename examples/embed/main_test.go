package main

import (
	"context"
	"os"
)

// The guest has 5 tokens and a message costs 2: the third is refused, and nothing of it is kept.
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
