//go:build unix

package main

import "syscall"

// keepPrivate makes the files that the program creates (stores, backups, keys) readable by their
// owner only.
func keepPrivate() { syscall.Umask(0o077) }
