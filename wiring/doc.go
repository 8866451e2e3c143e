// Package wiring puts one server together, over any store:
//
//	app, err := wiring.New(ctx, wiring.DefaultConfig(), storage)
//
// The packages in its folder open one store each and call [New]. An [App] is mounted in any
// http.ServeMux by its Handler, does its background work while Run runs, and ends with Close. A host
// that wants the services alone, without HTTP, calls [NewServices].
//
// wire writes the graph out once. A host that needs a part of another type than a Config can hold has
// an injector of its own over [Server] and the defaults of the parts that it keeps, like
// [DefaultHasher].
package wiring
