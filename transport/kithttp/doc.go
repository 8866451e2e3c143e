// Package kithttp is go-kit's HTTP transport with generics: a [Route] says once what an operation is, and
// from that come its server ([Handle]), its client ([Call]) and its page of the OpenAPI document
// ([Server.OpenAPI]). It knows nothing of what the operations are about.
//
// # Requests
//
// A request is a struct whose fields say where they travel:
//
//	type RenameThing struct {
//		ID   ThingID           `path:"id"`                   // a wildcard of Route.Path
//		Dry  *bool             `query:"dry"`                 // nil where the parameter is absent
//		Tags []string          `query:"tag"`                 // a slice: the parameter may be repeated
//		Key  *string           `header:"Idempotency-Key"`
//		Name string            `json:"name" required:"true"` // the JSON fields together are the body
//		Note Optional[string]  `json:"note,omitzero"`        // absent, null or a value
//	}
//
// Parameters are strings, integers, booleans, whatever has UnmarshalText and MarshalText, pointers to these
// (absent is nil), and, in the query, slices of these. A request without JSON fields takes no body: none and
// {} both do. An embedded struct counts as if its fields were written out. A request that cannot be read
// this way (a field without a tag, a path parameter that the path lacks) is a defect of the program: Handle
// panics, and Call returns an error.
//
// Two more tags hold for JSON fields at every depth: `required:"true"` (also for query and header
// parameters) refuses a request that leaves the field out, and `nullable:"false"` refuses null on a pointer
// or an Optional, which take it otherwise.
//
// # Refusals
//
// Reading is strict, and every refusal is a [fault.Error] that names the field where there is one, in Fields
// and in Detail; a field within a field is named with dots, like "items.0.name".
//
//   - fault.TooLarge (413): more bytes than the limit, announced or sent.
//   - fault.UnsupportedMedia (415): a body that is not application/json, or is not UTF-8 by its own word,
//     or has a Content-Encoding.
//   - fault.Malformed (400): not JSON, or more than one value; a field that is unknown, given twice or
//     wrongly cased; another JSON type than the field's; text that is not UTF-8; no body where one is
//     needed; a query parameter that is unknown, or repeated though no slice; a header given twice.
//   - fault.Invalid (422): null where a field takes none, a required field left out, a value that its type
//     refuses. All that are found are told together.
//   - fault.NotFound (404): a path parameter that its type refuses.
//
// The refusal that comes first in this list is the one answered, after that of a [Gate]. A type's own
// UnmarshalText or UnmarshalJSON may return a *fault.Error: its kind, code and words are kept, and the
// field's name is filled in.
//
// # Answers
//
// An answer is JSON, unless it is [None], a [Blob] or a [Stream]. It may implement go-kit's StatusCoder and
// Headerer (by value, not by pointer); with status 204 it has no body. A nil slice is []. An error is a
// problem document (RFC 9457), see [Problem].
package kithttp
