// Package memory is a store in the memory of the process. It is the reference for other adapters, a
// test double, and the store of servers that need no data after they stop.
//
// Units of work that write run one after the other, each on a copy of the state. The copy becomes
// the store's state if the unit succeeds, and is dropped otherwise. Readers see the last published
// state and wait for no writer. Copies share everything that did not change.
package memory
