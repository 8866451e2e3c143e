// Package mongodb keeps everything in a database of a MongoDB deployment, 4.2 or later, that is a replica set or a sharded
// cluster: the store for teams whose data is there already.
//
//	err := mongodb.Migrate(ctx, uri, mongodb.Options{}) // once for each release
//	store, err := mongodb.Open(ctx, uri, mongodb.Options{})
//
// The documents have the names of the model, the id as _id. What is always read together stands together: in a profile
// its interests, in a conversation its last message and what each side has not read, in an account whom it blocks, which
// is asked whenever it is asked whether the account is active.
//
// What a unit of work writes is one transaction: snapshot read concern, majority write concern, the primary. It
// begins with the first write; what a unit reads before that are majority reads by themselves, as locks that come later
// decide. MongoDB lets nobody wait for a document: the second writer of one fails, and its unit is run again. So all that must
// not pass each other writes something in a document that both write, and those of this process who are about to write one
// document queue for it before their transaction begins: one that has waited, and has only held something before, begins anew.
// Writes that need no answer wait, and go out in one command for each collection with the commit. A commit whose answer was
// lost is repeated, and nothing else is; where the answer never comes, the outcome is uow.ErrOutcomeUnknown.
//
// A rule that says "only one" is kept by a unique index that begins with the collection's shard key (ShardKeys), or by a document of
// unique_keys, so that it outlives sharding. Nothing is joined by the server. Who takes part in a conversation never changes, and
// is remembered by the process: after a database was restored to an earlier state, servers have to be started anew.
//
// A host gives its own client to New, and makes units part of its own transaction with Store.Join. A unit that reads one
// moment (uow.Snapshot) is one transaction, which the server ends after a minute (transactionLifetimeLimitSeconds): where an
// audit or an export takes longer, raise it.
package mongodb
