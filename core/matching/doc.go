// Package matching keeps profiles and the interests that users pick, and searches for other users.
// The results are ranked by the number of interests that a user shares with the caller. Sight
// decides what a user sees of another.
package matching
