package edge

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strings"
)

// Proxies are the networks of the proxies that an operator trusts to name the client of a request.
// The zero value trusts none. Make Proxies with [ParseProxies].
type Proxies []netip.Prefix

// ParseProxies returns the Proxies in some networks, each an IP address or a prefix such as
// 10.0.0.0/8. It returns an error for other text, for a prefix with bits after its length, and for
// one of length 0: to trust everybody is to let each client choose its address.
func ParseProxies(networks ...string) (Proxies, error) {
	var p Proxies
	for _, text := range networks {
		network, err := parseNetwork(text)
		if err != nil {
			return nil, fmt.Errorf("edge: trusted proxy %q: %w", text, err)
		}
		p = append(p, network)
	}
	return p, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		address = normal(address)
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, errors.New("must be an IP address, or a network like 10.0.0.0/8")
	case network.Bits() == 0:
		return netip.Prefix{}, errors.New("is every address, so that each client could choose its own")
	case network.Addr().Is4In6():
		return netip.Prefix{}, errors.New("must be written as an IPv4 network")
	case network != network.Masked():
		return netip.Prefix{}, fmt.Errorf("the network is %v, and the address %v", network.Masked(), network.Addr())
	}
	return network, nil
}

// Trust reports whether an IP address is that of a trusted proxy. Other text is not.
func (p Proxies) Trust(address string) bool {
	ip, ok := parseNode(address)
	return ok && p.trust(ip)
}

func (p Proxies) trust(ip netip.Addr) bool {
	for _, network := range p {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}

// Client returns the IP address of the client of a request. peer is the address of the other end of
// the connection. nearest are the nodes for which proxies say that they forwarded the request, the
// one that the nearest proxy has named first. A node is an IP address with or without a port and
// brackets. Client follows the nodes while it trusts who has named them: it returns the first
// address that is not that of a trusted proxy, or the last one before a node that is not an address,
// such as "unknown". It reads no further, because a client may have made up the rest. The address
// has no port and no zone. A peer that is not an IP address is returned unchanged.
func (p Proxies) Client(peer string, nearest iter.Seq[string]) string {
	client, ok := parseNode(peer)
	if !ok {
		return peer
	}
	if p.trust(client) {
		for node := range nearest {
			named, ok := parseNode(node)
			if !ok {
				break
			}
			if client = named; !p.trust(client) {
				break
			}
		}
	}
	return client.String()
}

// parseNode returns the IP address of a node: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1]
// or [2001:db8::1]:80. A port may be any text, as it may be one of RFC 7239, like _secret.
func parseNode(node string) (netip.Addr, bool) {
	if inner, bracketed := strings.CutPrefix(node, "["); bracketed {
		address, port, closed := strings.Cut(inner, "]")
		ip, err := netip.ParseAddr(address)
		if !closed || err != nil || !ip.Is6() || port != "" && port[0] != ':' {
			return netip.Addr{}, false
		}
		return normal(ip), true
	}
	if address, _, ported := strings.Cut(node, ":"); ported && !strings.Contains(node[len(address)+1:], ":") {
		node = address
	}
	ip, err := netip.ParseAddr(node)
	return normal(ip), err == nil
}

// normal returns an IP address in the form in which it is compared: an IPv4 address as such, and
// without a zone, which means something only on the machine that wrote it.
func normal(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }
