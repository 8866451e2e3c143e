//go:build !linux

package bcrypt

// aside runs f. Elsewhere than on Linux, threads of one process have no priorities that a program
// can set without privileges and cgo.
func aside(f func()) { f() }
