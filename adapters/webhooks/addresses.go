package webhooks

import (
	"net/netip"
	"slices"
)

var (
	// global are the IPv6 addresses that are used on the internet.
	global = netip.MustParsePrefix("2000::/3")

	// special are networks that netip does not know, and in which no server of the internet is: see
	// the special-purpose registries of IANA. Those that carry an IPv4 address in an IPv6 address are
	// among them.
	special = prefixes(
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
		"168.63.129.16/32", // of Azure, where virtual machines reach their host
	)
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, s := range texts {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

// allowed reports whether an address is public, or in one of the networks.
func allowed(a netip.Addr, networks []netip.Prefix) bool {
	a = a.Unmap().WithZone("")
	within := func(p netip.Prefix) bool { return p.Contains(a) }
	if slices.ContainsFunc(networks, within) {
		return true
	}
	// IsGlobalUnicast excludes unspecified, loopback, link-local and multicast addresses.
	return a.IsGlobalUnicast() && !a.IsPrivate() && (a.Is4() || global.Contains(a)) && !slices.ContainsFunc(special, within)
}
