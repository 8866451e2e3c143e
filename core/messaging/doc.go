// Package messaging is how people talk: conversations between a voyager and a local, and messages,
// each of which its sender pays for in the transaction that stores it.
package messaging
