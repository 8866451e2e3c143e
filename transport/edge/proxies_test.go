package edge_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/transport/edge"
)

func proxies(t *testing.T, networks ...string) edge.Proxies {
	t.Helper()
	p, err := edge.ParseProxies(networks...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParseProxies(t *testing.T) {
	for network, trusted := range map[string]string{
		"10.0.0.0/8": "10.255.255.255", "192.0.2.7": "192.0.2.7", "::1": "::1", "2001:db8::/32": "2001:db8:ffff::1",
		"::ffff:192.0.2.7": "192.0.2.7", "fe80::%eth0": "fe80::%eth1",
	} {
		p := proxies(t, network)
		if !p.Trust(trusted) || p.Trust("203.0.113.1") || p.Trust("2001:db9::1") {
			t.Errorf("%s: trusts %s: %v", network, trusted, p.Trust(trusted))
		}
	}
	for _, bad := range []string{
		"", "localhost", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "0.0.0.0/0", "::/0", "::ffff:10.0.0.0/104", "10.0.0.0/8,::1", " ::1",
	} {
		if p, err := edge.ParseProxies("::1", bad); err == nil || p != nil || !strings.Contains(err.Error(), "trusted proxy") {
			t.Errorf("%q: got %v, %v, want an error", bad, p, err)
		}
	}
}

func TestTrust(t *testing.T) {
	p := proxies(t, "10.0.0.0/8", "fe80::/10")
	for address, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.1.2.3:80": true, "fe80::1%eth0": true, "[fe80::1%eth0]:80": true,
		"11.1.2.3": false, "::10.1.2.3": false, "": false, "@": false, "10.1.2": false, "10.1.2.3 ": false,
	} {
		if got := p.Trust(address); got != want {
			t.Errorf("%q: got %v, want %v", address, got, want)
		}
	}
	if (edge.Proxies)(nil).Trust("127.0.0.1") {
		t.Error("no proxies trust an address")
	}
}

func TestClientBehindProxies(t *testing.T) {
	p := proxies(t, "10.0.0.0/8", "fd00::/8")
	const proxy = "10.0.0.1"
	for _, c := range []struct {
		name, peer string
		nearest    []string
		want       string
	}{
		{"no proxy", "203.0.113.9", []string{"192.0.2.1"}, "203.0.113.9"},
		{"no node", proxy, nil, proxy},
		{"a client", proxy, []string{"203.0.113.9"}, "203.0.113.9"},
		{"what a client has written", proxy, []string{"203.0.113.9", "192.0.2.1", "10.0.0.2"}, "203.0.113.9"},
		{"two proxies", proxy, []string{"fd00::2", "203.0.113.9", "192.0.2.1"}, "203.0.113.9"},
		{"proxies only", proxy, []string{"10.0.0.2", "10.0.0.3"}, "10.0.0.3"},
		{"unknown", proxy, []string{"unknown", "192.0.2.1"}, proxy},
		{"unknown behind a proxy", proxy, []string{"10.0.0.2", "unknown", "192.0.2.1"}, "10.0.0.2"},
		{"an obfuscated client", proxy, []string{"10.0.0.2", "_hidden", "192.0.2.1"}, "10.0.0.2"},
		{"nothing", proxy, []string{"", "192.0.2.1"}, proxy},
		{"a port", proxy, []string{"203.0.113.9:4711"}, "203.0.113.9"},
		{"an obfuscated port", proxy, []string{"203.0.113.9:_port"}, "203.0.113.9"},
		{"IPv6", proxy, []string{"2001:db8::1"}, "2001:db8::1"},
		{"brackets", proxy, []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"brackets and a port", proxy, []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"a zone", proxy, []string{"[fe80::1%eth0]:80"}, "fe80::1"},
		{"other spellings", proxy, []string{"2001:DB8:0:0::1"}, "2001:db8::1"},
		{"IPv4 in IPv6", proxy, []string{"[::ffff:203.0.113.9]:80"}, "203.0.113.9"},
		{"a proxy as IPv4 in IPv6", "::ffff:10.0.0.1", []string{"::ffff:10.0.0.2", "203.0.113.9"}, "203.0.113.9"},
		{"IPv4 in brackets", proxy, []string{"[203.0.113.9]"}, proxy},
		{"an open bracket", proxy, []string{"[2001:db8::1"}, proxy},
		{"text after brackets", proxy, []string{"[2001:db8::1]80"}, proxy},
		{"a name", proxy, []string{"client.example.org"}, proxy},
		{"a network", proxy, []string{"203.0.113.0/24"}, proxy},
		{"text after an address", proxy, []string{"203.0.113.9 or so"}, proxy},
		{"a peer with a zone", "fe80::1%eth0", nil, "fe80::1"},
		{"a peer without an address", "@", []string{"203.0.113.9"}, "@"},
	} {
		if got := p.Client(c.peer, slices.Values(c.nearest)); got != c.want {
			t.Errorf("%s: %s behind %v: got %s, want %s", c.name, c.nearest, c.peer, got, c.want)
		}
	}
}

// TestClientReadsNoFurther checks that nothing is read that the client may have written.
func TestClientReadsNoFurther(t *testing.T) {
	read := 0
	long := func(yield func(string) bool) {
		for read < 1000 && yield([]string{"10.0.0.2", "203.0.113.9", "192.0.2.1"}[read%3]) {
			read++
		}
	}
	if got := proxies(t, "10.0.0.0/8").Client("10.0.0.1", long); got != "203.0.113.9" || read != 1 {
		t.Errorf("got %s after %d nodes", got, read+1)
	}
}
