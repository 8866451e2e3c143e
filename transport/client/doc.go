// Package client is the Go client of a Cicerone server, over HTTP or over gRPC:
//
//	c, err := client.New(client.HTTP("https://cicerone.example"))
//	c, err := client.New(client.GRPC("grpcs://cicerone.example:9443"))
//
// Both have the same methods, types and errors. A request may be repeated over the other protocol: its
// idempotency key and the cursors of its pages are valid for both. The types of requests and responses
// are those of package httpapi. A program that is not to link gRPC calls httpapi.NewClient, which New
// calls for HTTP.
package client
