// Package messaging keeps conversations between a voyager and a local, and their messages. The
// sender pays for each message in the unit of work that stores it.
package messaging
