package main

import (
	"fmt"
	"io"
	"net"

	"github.com/cicerone-go/cicerone/examples/server/internal/demo"
)

// announce prints where the server listens, for gRPC too if rpc is not "", where its store is and, if
// the store holds demo data, how to sign in.
func announce(w io.Writer, base, rpc string, p place, demoData, docs bool) {
	fmt.Fprintf(w, "Cicerone listens on %s, store: %s\n", base, p.name)
	if p.shown != "" {
		fmt.Fprintf(w, "  data             %s\n", p)
	}
	if rpc != "" {
		fmt.Fprintf(w, "  gRPC             %s\n", rpc)
	}
	if docs {
		fmt.Fprintf(w, "  API docs         %s/docs\n", base)
	}
	if demoData {
		fmt.Fprintf(w, "  sign in          with the password %s, as\n", demo.Password)
		fmt.Fprintf(w, "    %-20s an admin\n", demo.Admin)
		fmt.Fprintf(w, "    %-20s a voyager with tokens to spend\n", demo.Voyager)
		fmt.Fprintf(w, "    %-20s a local who shows visitors around\n", demo.Local)
		fmt.Fprintf(w, "  use curl         curl %s/v1/auth/login -H 'Content-Type: application/json' \\\n", base)
		fmt.Fprintf(w, "                     -d '{\"email\":\"%s\",\"password\":\"%s\"}'\n", demo.Voyager, demo.Password)
	}
	fmt.Fprintln(w, "  stop             Ctrl-C")
}

// baseURL returns the URL to print: the requested host and the port that the server listens on. The
// scheme is that of the protocol with TLS, as https is of http, if it is secure.
func baseURL(protocol, asked string, listening net.Addr, secure bool) string {
	scheme := protocol + "://"
	if secure {
		scheme = protocol + "s://"
	}
	host, port, err := net.SplitHostPort(listening.String())
	if err != nil {
		return scheme + listening.String()
	}
	if name, _, err := net.SplitHostPort(asked); err == nil && name != "" {
		host = name
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + net.JoinHostPort(host, port)
}
