//go:build !unix

package main

// keepPrivate does nothing: on these systems a new file has the permissions of its folder.
func keepPrivate() {}
