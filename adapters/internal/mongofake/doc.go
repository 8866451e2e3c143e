// Package mongofake is a fake of a MongoDB server, for tests where none can be run. It speaks the wire
// protocol to the unmodified driver, holds data, isolates transactions, and refuses what the real server
// refuses, with the same codes and labels. It is not MongoDB: the measure of it are the recordings in
// testdata, taken from a real one (4.2, a replica set of one node), which its own test replays.
//
// Matching, update operators, order of values and JSON schema come from 256dpi/lungo. Multi-version
// documents, transactions, sessions, cursors, aggregation and collation are here. What is not here is
// refused with the server's own error for what it does not know, and the refused name is printed.
//
// Everything is kept in memory and under one lock. A TTL index is kept and listed, but nothing expires.
// A cursor holds what was there when it was opened.
package mongofake
