//go:build !unix

package main

// keepPrivate has nothing to do: here a new file is as private as the folder that it stands in.
func keepPrivate() {}
