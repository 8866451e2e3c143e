//go:build !unix

package main

import "io/fs"

// keepPrivate does nothing: on these systems a new file has the permissions of its folder.
func keepPrivate() {}

// exposed returns false: on these systems the mode of a file does not tell who can read it.
func exposed(fs.FileInfo) bool { return false }
