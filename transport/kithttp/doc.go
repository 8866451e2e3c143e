// Package kithttp is go-kit's HTTP transport with generics. An operation is declared once, as a
// [Route]. Its server ([Handle]), its client ([Call]) and its part of the OpenAPI document
// ([Server.OpenAPI]) are made from that. The package does not depend on any domain.
//
// # Requests
//
// A request is a struct. The tag of each field names the place of the field in the HTTP request:
//
//	type RenameThing struct {
//		ID   ThingID           `path:"id"`                   // a wildcard of Route.Path
//		Dry  *bool             `query:"dry"`                 // nil if the parameter is absent
//		Tags []string          `query:"tag"`                 // a slice: the parameter may be repeated
//		Key  *string           `header:"Idempotency-Key"`
//		Name string            `json:"name" required:"true"` // the JSON fields together are the body
//		Note Optional[string]  `json:"note,omitzero"`        // absent, null or a value
//	}
//
// A parameter is a string, an integer, a boolean, a type with UnmarshalText and MarshalText, or a
// pointer to one of these, which is nil if the parameter is absent. A query parameter may also be a
// slice of these. For a request without JSON fields, the body must be empty or {}. The fields of an
// embedded struct count as fields of the request. A request type that breaks these rules (a field
// without a tag, a path parameter that is missing in the path) is a defect of the program: Handle
// panics, and Call returns an error.
//
// The tag maxItems, as in `maxItems:"50"`, limits the items of a list: of a query parameter that is
// a slice, or, at every depth, of a JSON field that is a slice or a pointer to one. The items
// beyond the limit are skipped, not stored.
//
// Two more tags apply to JSON fields at every depth. With `required:"true"`, which query and header
// parameters may have too, a request without the field is refused. With `nullable:"false"`, null is
// refused for a pointer or an Optional, which otherwise accept it.
//
// # Refusals
//
// Decoding is strict. Every refusal is a [fault.Error]. If it concerns a field, it names the field
// in Fields and in Detail; a nested field is named with dots, as in "items.0.name".
//
//   - fault.TooLarge (413): the body, or its Content-Length, is over the limit.
//   - fault.UnsupportedMedia (415): the body is not application/json, declares a charset other than
//     UTF-8, or has a Content-Encoding.
//   - fault.Malformed (400): the body is not JSON, or has more than one value; a field is unknown,
//     given twice or written in another case; a value has another JSON type than the field; text is
//     not UTF-8; a required body is missing; a query parameter is unknown, or is repeated although
//     it is not a slice; a header is given twice.
//   - fault.Invalid (422): a field is null that does not accept it, a required field is missing, a
//     list is longer than its limit, or the type of a field refuses the value. The error lists all
//     such fields and those that [Checked] adds, but at most fault.MaxFields.
//   - fault.NotFound (404): the type of a path parameter refuses the value.
//
// A body that arrives too slowly, and a query with more than 500 parameters, are fault.Malformed, too.
// If there is no room for a body, the error of [Bodies] is returned.
//
// If several apply, the first in this list is returned. The refusal of a [Gate] comes before all of
// them. The UnmarshalText or UnmarshalJSON of a type may return a *fault.Error: its kind, code and
// detail are kept, and the field's name is added.
//
// # Responses
//
// A response is JSON, unless it is [None], a [Blob] or a [Stream]. It may implement go-kit's
// StatusCoder and Headerer, with value receivers; with status 204 it has no body. A nil slice is
// written as []. An error is a problem document (RFC 9457), see [Problem].
package kithttp
