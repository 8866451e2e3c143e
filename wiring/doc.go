// Package wiring puts one server together. It knows every service and no store: the packages below it
// are the roots, each of which adds exactly one store and has wire write out the rest.
//
//	app, err := memory.New(ctx, wiring.DefaultConfig())
//
// An [App] is mounted in any http.ServeMux by its Handler, works for itself while Run runs, and is let
// go with Close. Whoever has a store of their own and wants the services alone calls [NewServices].
package wiring
