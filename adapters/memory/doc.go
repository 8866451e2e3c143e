// Package memory keeps everything in the process: the reference for other adapters, the test double of
// everyone, and the store of a server that nobody needs tomorrow.
//
// Units of work that write run one after the other, each on a copy of its own that becomes the store's
// state when the unit succeeds and is dropped when it does not. Readers look at the last state that was
// published, and wait for nobody. The copies share all that did not change.
package memory
