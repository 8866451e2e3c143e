// Package porttest is the conformance kit for stores. The whole test of a store is one call:
//
//	func TestStore(t *testing.T) {
//		porttest.Storage(t, func(t *testing.T) ports.Storage { return mystore.New() })
//	}
//
// # Bring your own store
//
// Write one package with a type that implements ports.Storage. Its Run begins a transaction, hands
// out the repositories bound to it, and commits or rolls back. Each repository is declared in its
// domain of core, with the obligations of each method. README.md in this folder lists the order in
// which to write them, the repositories that each suite of the kit needs, how to run a single
// suite, and what a store must enforce between rows. Until a store is complete, it embeds
// ports.UnimplementedStorage, ports.UnimplementedTx and the other unimplemented types of ports.
//
// The kit tests what those comments promise, and nothing else. It knows no adapter and skips
// nothing. A guard may wait, or fail with uow.ErrConflict, after which the unit is run again. A
// write may be sent immediately, or with the commit. Readers may wait for a writer, or not. The kit
// fails a store that keeps half of a unit, loses an update, has a wrong balance, or returns a row
// that differs from the one written. A test that fails or panics does not stop the tests after it.
//
// The function that opens a store is called once for each test, and returns an empty store. The
// tests run one after another, and at most two stores are open at a time, so one server that is
// emptied in between is enough. The kit closes the stores. If CICERONE_SOAK=1 is set in the
// environment, the concurrent tests run many times longer.
package porttest
