// Package sqlite is a store in one file, with no server and without cgo. It is the default of the
// example server.
//
//	store, err := sqlite.Open(ctx, "cicerone.db", sqlite.Options{})
//
// One connection writes. Units of work that write take turns on it. Those that wait for their turn
// share one transaction and one flush to the disk. After units that shared a flush, the next ones
// wait for each other: as long as that flush took, and at most a millisecond. No unit is
// acknowledged before its flush. A unit that fails is rolled back alone, to a savepoint. Only a
// unit that is done in one step has no savepoint: if one of its writes fails, the units beside it
// are rolled back, too, and run again. Several other connections read. Each reader sees a committed
// state, and waits for no writer.
//
// What is removed is overwritten in the file (secure_delete). Its bytes stay in the WAL until the
// WAL is written from its start again, or the store is closed.
//
// Acknowledged writes survive a crash of the process or the machine: the file is in WAL mode with
// synchronous=FULL. FILE-wal and FILE-shm belong to the store while a process has it open, or after
// the process was killed. FILE.lock is locked by the one server that has the store open. To copy a
// store, use Store.Backup.
//
// If the disk is full, units that write fail with uow.ErrUnreachable, and reads continue. Writes
// succeed again when there is space. The WAL takes 16 MiB beside the file, and more while a reader
// keeps it from being written from its start again.
package sqlite
