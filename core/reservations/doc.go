// Package reservations keeps the activities that a voyager and a local agree on. One proposes and
// the other accepts; the voyager's tokens are then held, and the local is paid after the activity
// has ended.
package reservations
