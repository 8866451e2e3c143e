//go:build race

package matchindex

const raced = true
