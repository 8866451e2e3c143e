// Package postgres keeps everything in a schema of a PostgreSQL database, 13 or later: the store for teams that run
// several servers, or have a database already.
//
//	err := postgres.Migrate(ctx, dsn, postgres.Options{}) // once for each release; or run the files of Migrations
//	store, err := postgres.Open(ctx, dsn, postgres.Options{})
//
// A unit of work is a transaction at READ COMMITTED. What it must not lose against others it locks, in one order
// everywhere, or leaves to a constraint; so there is hardly ever anything to run again. Writes that need no answer wait,
// and go out in one round trip with the next question or with the commit. Each read of a unit that only reads is a statement by
// itself; a snapshot is a transaction at REPEATABLE READ.
//
// What is acknowledged was committed: Open refuses a server that could lose it. A connection that was lost over a
// commit leaves its outcome unknown, and is told as uow.ErrOutcomeUnknown. Connections that have died are
// exchanged where a unit has not begun to rely on one, so that the store is back as soon as the server is.
//
// A host gives its own pool to New, and makes units part of its own transaction with Store.Join. Everything that the
// store has is in its schema (Options.Schema), but for the extensions btree_gist and pg_trgm, which are made where they are
// missing, and for advisory locks, which a database has for all its schemas.
package postgres
