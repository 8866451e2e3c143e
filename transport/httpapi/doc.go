// Package httpapi is Cicerone over HTTP: the routes, what travels over them, and a Go client of them.
//
// Each file holds one domain: its wire types, its routes and its handlers. A route is a variable of
// package kithttp; [New] serves it, [Client] calls it, and /openapi.json describes it.
//
// The wire types carry the names of the wire and nothing else. In answers, what may be empty and is
// comes as null. In requests, null, an empty text and an absent field mean the same for what may be
// empty, but in a PATCH an absent field stays as it is.
package httpapi
