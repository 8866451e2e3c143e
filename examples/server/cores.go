package main

import (
	"os"
	"runtime"
)

// shareCores lets other goroutines use all cores while so many passwords are hashed: on Linux,
// package bcrypt hashes on threads of low priority, which use a core that no other thread needs. The
// variable GOMAXPROCS has precedence.
func shareCores(hashing int) {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + hashing)
	}
}
