//go:build !race

package httpapi_test

// raced reports whether the race detector runs.
const raced = false
