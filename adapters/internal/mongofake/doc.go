// Package mongofake is a fake MongoDB server for tests that run without a real one. It speaks the wire
// protocol to the unmodified driver, stores documents, isolates transactions, and refuses what the real
// server refuses, with the same codes and labels. It is not MongoDB: its own test replays recordings of
// a real server (4.2, a replica set of one node), which are in testdata, and compares the replies.
//
// Matching, update operators, the order of values and JSON schema come from 256dpi/lungo. Multi-version
// documents, transactions, sessions, cursors, aggregation and collation are implemented here. A feature
// that the fake lacks is refused with the error that the real server returns for an unknown name, and
// the name is printed.
//
// With Config.ShardKeys a server is a mongos of a sharded cluster, of which Server.Another starts
// others. The snapshots of its transactions lag behind what the others acknowledge.
//
// All data is kept in memory under one lock. A cursor returns the documents that existed when it was
// opened.
package mongofake
