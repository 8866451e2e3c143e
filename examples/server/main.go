// Command server is Cicerone as a program: the API over a store of your choice. Started without
// anything it keeps all in one file, with people to try it on, and says where that is and how to sign in
// as one of them.
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
