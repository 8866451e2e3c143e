//go:build unix

package main

import "syscall"

// keepPrivate lets nobody but its owner read what this program makes: stores, copies of them, keys.
func keepPrivate() { syscall.Umask(0o077) }
