// Package matchindex answers searches for people from memory. An Index is a uow.Runner over that of
// a store: it keeps bitmaps of what searches compare (matching.Candidate), ranks with them, and
// looks up in the store only the profiles of the page.
//
// # What a search returns
//
// The answer is that of the store: the same matches in the same order, for the same cursors. The
// store checks each row before it is returned (matching.Repository.Among), so a user who has become
// hidden, inactive or blocked is never shown, and neither is one who does not fit the query any
// more; the page is filled up with those who follow. If the store ranks a row differently, or the
// viewer has other interests than the index knows, the whole search goes to the store.
//
// What the index cannot notice is somebody who would have to be on the page since a change that it
// has not read yet. A change by a unit of work of this Runner is read before Run returns. Changes
// by other processes, and those of units that have joined a transaction of the host, are found in
// the events of the store, every Policy.LookEvery. If the index is
// more than Policy.MaxStale behind, searches go to the store. They also do before the index is
// built, after it was lost, in units that write or that read a snapshot, and if Follow does not
// run.
//
// # How it ranks
//
// Profiles are numbered in the order of their ids. Each interest, country and city has a bitmap of
// numbers. The score of 64 candidates at a time is the sum of the bits of the viewer's interests,
// in bit-sliced counters; those above the last of the best so far are picked out. A bitmap with few
// numbers is a sorted list, and a set of words else.
//
// Roaring bitmaps were measured in place of the words: with 8 interests that one of 25 people have,
// 200,000 candidates are counted in 42 µs from words, in 103 µs if the words have to be made from
// roaring bitmaps, and in 680 µs with the operations of roaring bitmaps. The module of the library
// is also 144 MB to download.
//
// # Memory
//
// A million profiles with 8 of 200 interests take about 150 MB, of which the identifiers of users
// and profiles are half. An interest takes at most a bit for each profile; see TestMemory. To build
// the index of 200,000 profiles takes 1.7 s of CPU, and 1 s of that of PostgreSQL.
package matchindex
