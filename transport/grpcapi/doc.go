// Package grpcapi is the gRPC API of Cicerone: the .proto files, the code that is generated from them,
// and a server. A method serves the operation of the HTTP API that has its name: Send serves send, with
// the same gates, limits and refusals. See README.md.
package grpcapi
