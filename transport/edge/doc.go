// Package edge does the work that every transport needs before an endpoint runs, independent of the
// protocol: it authenticates the caller, checks roles, limits the number of requests, how many of
// them run at the same time, the bytes of their bodies and the connections, and reads the cursors
// of lists. Package failure does the work after an endpoint failed.
//
// A transport describes each request with a [Call] in the context, and calls the [Gate] before it
// decodes the request. A refusal of the gate therefore comes before any refusal of the request's
// content, and the endpoint finds the caller in its context:
//
//	ctx = edge.WithCall(ctx, edge.Call{Operation: "wallet", Token: token, Address: address})
//	ctx, err := gate.SignedIn(ctx)
//	…
//	caller, ok := edge.CallerFrom(ctx)
//
// Before the first gate, [Gate.Arrive] waits until the server has capacity for the request, so that
// a server under overload refuses at once what it cannot do. When the request is decoded,
// [Gate.Resume] continues it. [Gate.Confirm] ends it before the response, and [Gate.Depart] in any
// case:
//
//	ctx = edge.Watch(ctx)
//	defer gate.Depart(ctx)
//	ctx, err := gate.Arrive(ctx)
//
// When the request is decoded, [Gate.Enter] waits until a request of its [Class] may run:
//
//	leave, err := gate.Enter(ctx, edge.Search, "")
//	…
//	defer leave()
package edge
