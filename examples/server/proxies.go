package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// proxySettings are the flags for a server behind proxies.
type proxySettings struct {
	TrustedProxies  []string `placeholder:"CIDR" help:"The addresses or networks of the proxies in front of the server, like 127.0.0.1 or 10.0.0.0/8. Only they may say who the client is, which counts for limits. Default: none, and the client is the other end of the connection."`
	ForwardedHeader string   `default:"x-forwarded-for" enum:"x-forwarded-for,forwarded" help:"The header to which the proxies append the client's address: ${enum}. The other one is not read. Default: ${default}."`
	ProxyProtocol   bool     `help:"Expect the PROXY protocol, version 1 or 2, at the beginning of every connection of a trusted proxy."`
}

// proxyHeaderTimeout is how long a proxy may take to send the header of the PROXY protocol.
const proxyHeaderTimeout = 5 * time.Second

// proxies returns the trusted proxies.
func (s proxySettings) proxies() (edge.Proxies, error) {
	if s.ProxyProtocol && len(s.TrustedProxies) == 0 {
		return nil, errors.New("--proxy-protocol: no proxy may use it without --trusted-proxies")
	}
	proxies, err := edge.ParseProxies(s.TrustedProxies...)
	if err != nil {
		return nil, fmt.Errorf("--trusted-proxies: %w", err)
	}
	return proxies, nil
}

// clientAddress returns the function that finds the address of a request's client. It is nil if no
// proxy is trusted.
func (s proxySettings) clientAddress() (func(*http.Request) string, error) {
	proxies, err := s.proxies()
	if err != nil || len(proxies) == 0 {
		return nil, err
	}
	header := httpapi.XForwardedFor
	if s.ForwardedHeader == "forwarded" {
		header = httpapi.Forwarded
	}
	return httpapi.ClientBehind(proxies, header), nil
}

// listen returns a listener on an address. If the flags say so, its connections have the addresses
// that trusted proxies tell with the PROXY protocol. A connection of a trusted proxy without that
// header fails when it is first used. In a connection of others, the header is a malformed request.
// limit counts the connections before anything is read from them.
func (s proxySettings) listen(address *net.TCPAddr, limit func(net.Listener, edge.Proxies) (net.Listener, error)) (net.Listener, error) {
	proxies, err := s.proxies()
	if err != nil {
		return nil, err
	}
	unlimited, err := net.ListenTCP("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	listener, err := limit(unlimited, proxies)
	if err != nil {
		return nil, errors.Join(err, unlimited.Close())
	}
	if !s.ProxyProtocol {
		return listener, nil
	}
	return &proxyproto.Listener{
		Listener:          listener,
		ReadHeaderTimeout: proxyHeaderTimeout,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if proxies.Trust(o.Upstream.String()) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
	}, nil
}
