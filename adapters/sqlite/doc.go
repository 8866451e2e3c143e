// Package sqlite keeps everything in one file, with no server and without cgo: the embedded default.
//
//	store, err := sqlite.Open(ctx, "cicerone.db", sqlite.Options{})
//
// One connection writes. Units of work that write take turns on it; those that wait for their turn share one
// transaction, each in a savepoint of its own, and one flush to the disk: none is acknowledged before it. A unit
// that fails is rolled back alone. Several connections read beside it, each reader at a state that was committed,
// and wait for nobody.
//
// What is acknowledged survives the process and the machine: the file is in WAL mode with synchronous=FULL. Beside
// it stand FILE-wal and FILE-shm, which belong to it while a process has it open or after one was killed, and
// FILE.lock, which one server at a time holds locked. To copy a store, use Store.Backup.
//
// When the disk is full, units that write fail with uow.ErrUnreachable and reading goes on; once there is
// space again, so does writing.
package sqlite
