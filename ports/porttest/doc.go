// Package porttest is the conformance kit: whoever brings a store of their own proves it with one call.
//
//	func TestStorage(t *testing.T) {
//		porttest.Storage(t, func(t *testing.T) ports.Storage { return mystore.New() })
//	}
//
// # Bring your own store
//
// Write one package with a type that implements ports.Storage. Its Run begins a transaction, hands out the
// repositories bound to it, and commits or rolls back; each repository is declared in its domain of core, with
// what it owes at every method. Then let the kit judge.
//
// The kit asks for what those comments promise, and for nothing else. It knows no adapter and skips nothing:
// a guard may wait, or fail with uow.ErrConflict; a write may be sent at once, or with the commit; readers may wait
// for a writer, or not. What it never forgives is a half-kept unit, a lost update, a balance that is wrong, or a
// row that comes back other than it went in.
//
// The function that opens a store is called once for each test, and gives an empty store; the tests run one after
// another, and at most two stores are open at once, so one server that is wiped in between does as well as many.
// The kit closes what it opened. With CICERONE_SOAK=1 in the environment the concurrent tests run many times longer.
package porttest
