package ports

// Measured is implemented by a store that knows its load. It is optional.
type Measured interface {
	// Stats returns the load of the store. It asks no server, and is safe for concurrent use.
	Stats() Stats
}

// Stats is the load of a store, for metrics. A field that does not apply to a store is 0.
type Stats struct {
	InUse      int   // connections that units of work use
	Idle       int   // open connections that no unit uses
	Most       int   // the most connections that the store opens
	Waiting    int   // units that wait for a connection, or for their turn to write
	RoundTrips int64 // to a database server since the store was opened
}
