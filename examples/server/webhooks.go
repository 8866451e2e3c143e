package main

import "net/netip"

// webhookSettings are the flags of webhooks.
type webhookSettings struct {
	HTTP     bool           `name:"http" help:"Allow admins to add webhooks with http addresses, which anyone on the way can read and change."`
	Networks []netip.Prefix `placeholder:"CIDR" help:"Private networks to which webhooks may be sent, like 10.1.2.0/24, separated by commas. Default: none, and webhooks are sent to public addresses only."`
}
