// Package httpapi is the HTTP API of Cicerone: its routes, the types of their JSON, and a Go
// client.
//
// Each file has one domain: its wire types, its routes and its handlers. Each route is a variable,
// a kithttp.Route. [New] serves it, [Client] calls it, and /openapi.json describes it.
//
// In responses, an optional field without a value is null. In requests, null, an empty text and an
// absent field mean the same for an optional field, except in a PATCH, where an absent field keeps
// its value.
package httpapi
