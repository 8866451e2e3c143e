// Package reservations is how two people agree on an activity: one proposes, the other accepts, the
// voyager's tokens are held, and the local is paid once the activity has ended.
package reservations
