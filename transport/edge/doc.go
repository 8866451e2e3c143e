// Package edge holds what every transport does before an endpoint runs, whatever its protocol: it
// finds out who calls, checks roles, limits the number of requests, and opens the cursors of lists.
// What happens after an endpoint failed is in package failure.
//
// A transport describes each request with a [Call] in the context, and asks the [Gate] before it
// decodes the request. So a refusal of the gate comes before any refusal of the request itself, and
// the endpoint finds the caller in its context:
//
//	ctx = edge.WithCall(ctx, edge.Call{Operation: "wallet", Token: token, Address: address})
//	ctx, err := gate.SignedIn(ctx)
//	…
//	caller, ok := edge.CallerFrom(ctx)
package edge
