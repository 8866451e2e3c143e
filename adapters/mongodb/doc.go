// Package mongodb is a store in a database of a MongoDB deployment, version 4.2 or later, that is a
// replica set or a sharded cluster. It suits teams that keep their data there already.
//
//	err := mongodb.Migrate(ctx, uri, mongodb.Options{}) // once for each release
//	store, err := mongodb.Open(ctx, uri, mongodb.Options{})
//
// The documents have the names of the model, with the id as _id. Data that is always read together
// is in one document: a profile has its interests, a conversation its last message and the number
// of unread messages of each participant. An account has its blocks, because a unit reads them
// together with is_active.
//
// The writes of a unit of work are one transaction, with snapshot read concern and majority write
// concern, on the primary. It begins with the first write. The reads before it are single majority
// reads, because later locks decide. MongoDB has no locks to wait for: the second writer of a
// document fails, and its unit runs again. So units that must exclude each other write to a common
// document. Units of one process that are about to write the same document queue for it before
// their transactions begin. A unit that had to wait, and so far has only locked documents, begins
// its transaction again. Writes without a result are queued, and go out with the commit, in one
// command for each collection. If the response to a commit is lost, only the commit is repeated; if
// no response comes, the unit returns uow.ErrOutcomeUnknown.
//
// A message without an image is sent in one step, with all checks in this process. Messages that
// are sent while another is being committed share the next transaction: see Options.NoGroupCommit.
// A reservation is accepted or cancelled in one step, too. Its transaction begins with one command
// that reads all that the outcome depends on, and then writes what makes another unit conflict that
// has read the same: the calendar of the local, the reservation and the wallet.
//
// Behind mongos a transaction may begin in the past: it sees what its own mongos knows. There the
// reads of a unit that writes are majority reads outside of its transaction also after it has
// begun, except for those of documents that the unit has changed.
//
// Every uniqueness rule has a unique index that begins with the collection's shard key (ShardKeys),
// or a document of unique_keys, so that it holds in a sharded cluster, too. In a replica set some
// pages, and what a command in one step depends on, are read with $lookup in one command; a sharded
// collection cannot be looked up. The participants of a conversation never change, and the process
// caches them: after the database was restored to an earlier state, restart the servers.
//
// A host passes its own client to New, and makes units part of its own transaction with Store.Join.
// A unit that reads one moment (uow.Snapshot) is one transaction, which the server ends after a
// minute (transactionLifetimeLimitSeconds). If an audit takes longer, increase that limit.
// Behind mongos the limit must be short: there, such a unit has no transaction from MongoDB 5.0 on,
// and before 5.0 it has several if it takes long.
package mongodb
