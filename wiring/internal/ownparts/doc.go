// Package ownparts shows how a host puts its own parts in the place of the defaults: an injector names
// wiring.Server, the default of each part that it keeps, and its own providers for the others. Here
// these are images (a community without pictures) and mail (kept in memory).
package ownparts
