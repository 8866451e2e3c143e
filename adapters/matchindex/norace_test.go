//go:build !race

package matchindex

// raced reports whether the race detector runs.
const raced = false
