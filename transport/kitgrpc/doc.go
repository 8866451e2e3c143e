// Package kitgrpc is go-kit's gRPC transport for the routes of package kithttp. A method of a service
// serves the operation of a route: it has the same gates, checks, middleware and endpoint, and the same
// request and response, which are converted from and to the messages of the .proto file. The package
// does not depend on any domain.
//
// # Messages
//
// A field of a message has the name of the path parameter, query parameter or JSON field that it
// stands for. [Server.Add] panics unless a message and the struct have the same fields, so that neither
// can change alone. A header is metadata, unless the message has a field for it. Types of fields are
//
//	a string       for text, and for a type with UnmarshalText and MarshalText
//	an enum        for text with the tag enum, whose values are those of the tag
//	int32, int64   for numbers
//	bool
//	Timestamp      for a type that time.Time converts to; written with milliseconds
//	Struct         for a type that is a JSON object
//	a message      for a struct
//	repeated, map  for a slice, and for a map of texts
//
// with optional for a pointer or a kithttp.Optional. If a request has an Optional, its message has a
// FieldMask named update_mask, which names fields of that type and pointers to lists: a field that is
// named there and has no value is null, or a list without items, and one with a value that is not named
// there is refused. Without a mask, the fields with a value are changed.
//
// # Refusals
//
// Decoding is as strict as that of package kithttp, and its refusals have the same kinds, codes and
// fields. Unknown fields are fault.Malformed, in messages at every depth. A field without a value is
// absent; one without presence is so if its value is zero.
package kitgrpc
