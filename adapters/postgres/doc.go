// Package postgres is a store in a schema of a PostgreSQL database, version 13 or later. It suits
// teams that run several servers, or have a database already.
//
//	err := postgres.Migrate(ctx, dsn, postgres.Options{}) // once for each release; or run the files of Migrations
//	store, err := postgres.Open(ctx, dsn, postgres.Options{})
//
// A unit of work is a transaction at READ COMMITTED. It locks the rows that must not change under
// it, always in the same order, or relies on a constraint; so units seldom run a second time.
// Writes without a result wait, and go out in one round trip with the next query or with the
// commit. In a unit that only reads, each read is a single statement; a snapshot is a transaction
// at REPEATABLE READ. Sends, markings, proposals and moves that arrive at the same time share a
// commit: see Options.NoGroupCommit.
//
// Acknowledged writes are committed and durable: Open returns an error for a server that could lose
// them. If the connection is lost during a commit, the outcome is unknown, and the unit returns
// uow.ErrOutcomeUnknown. A dead connection is replaced if the unit has not begun to rely on it, so
// the store works again as soon as the server does.
//
// A host passes its own pool to New, and makes units part of its own transaction with Store.Join.
// The store keeps everything in its schema (Options.Schema), with two exceptions: the extensions
// btree_gist and pg_trgm, which Migrate creates if they are missing, and advisory locks, which
// belong to the whole database.
package postgres
