// Package ownparts shows how a host replaces default parts with its own: an injector names
// wiring.Server, the default set of each part that it keeps, and its own providers for the others.
// This one replaces the images (every picture is refused) and the mailer (mail is kept in memory).
package ownparts
