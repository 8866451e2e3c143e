//go:build unix

package main

import (
	"io/fs"
	"os"
	"syscall"
)

// keepPrivate makes the files that the program creates (stores, backups, keys) readable by their
// owner only.
func keepPrivate() { syscall.Umask(0o077) }

// exposed reports whether others than its owner can read or change a file. The group of a file of
// root may read it, because that is how a system hands a secret to a service.
func exposed(file fs.FileInfo) bool {
	others := fs.FileMode(0o077)
	if owner, ok := file.Sys().(*syscall.Stat_t); ok && owner.Uid == 0 && os.Geteuid() != 0 {
		others = 0o037
	}
	return file.Mode().Perm()&others != 0
}
