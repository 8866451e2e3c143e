package main

import (
	"os"
	"runtime"
)

// shareCores raises GOMAXPROCS by the number of passwords that are hashed at once, so that they take no
// cores from other goroutines: on Linux, package bcrypt hashes on threads of low priority. The variable
// GOMAXPROCS has precedence.
func shareCores(hashing int) {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + hashing)
	}
}
