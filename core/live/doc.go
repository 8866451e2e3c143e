// Package live tells users what happens while they are connected: in streams of events, each with
// the events that concern its user and that they may see.
//
// # Where events come from
//
// All streams of a process share one reader. It reads the numbered events of the store in ascending
// order of position, each once, and keeps the latest in memory. The position of an event is its place
// in every stream, so a stream that breaks off resumes after a position, in any process: what it gets
// is neither lost nor repeated, because no event becomes visible below a position that was read.
//
// Nothing is stored for a stream. A table with a row for each recipient of each event was considered:
// at 500 messages a second it takes 1,500 rows a second, in the one unit at a time that a subscriber
// has, each of which is removed again; it delays each event by the delivery to that subscriber, and it
// has to make sure itself that an event that is delivered twice has one row. It would let a client
// resume after a longer time. Reading instead costs each process the same few statements a second
// with one stream and with a thousand, and nothing at all without streams. What it costs is that a
// client sees from positions how busy the server is, and that a client that was away for more than
// the latest events (Policy.Recent), or for longer than events are kept, is told to read its lists
// again (Item.Reset).
//
// # What a process must not miss
//
// The relay removes events after a while: never before each has been numbered for MinKeep, and not
// before Policy.Keep has passed since it happened. A reader that could not read for Policy.Patience,
// which is far less, ends its streams, and the next stream begins a new reader. That one knows that
// nothing is missing after the first event that is younger than Policy.Keep, because the relay
// removes events in the order of their positions.
//
// # Who is told what
//
// See audience, and visible for the events that a user is not told although they concern them. Both
// are decided when an event is told, and again when a stream resumes.
package live
