// Command server serves the API of Cicerone over a store of your choice. Without arguments it keeps
// its data in one file, fills it with demo data, and prints where the file is and how to sign in.
//
//	go run github.com/cicerone-go/cicerone/examples/server
//	go run github.com/cicerone-go/cicerone/examples/server -h
package main

import (
	"fmt"
	"os"
)

func main() {
	keepPrivate()
	command, err := parse(os.Args[1:], os.Environ())
	if err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(2)
	}
	if err := command(); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}
