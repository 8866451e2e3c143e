package main

import (
	"errors"
	"log/slog"
	"math"
	"net"
	"time"

	"golang.org/x/time/rate"

	"github.com/cicerone-go/cicerone/transport/edge"
)

// roomSettings are the flags that bound what the server holds for its clients.
type roomSettings struct {
	MaxConnections           int   `default:"${max_connections}" placeholder:"N" help:"How many connections are open at the same time, idle ones included. The system must allow the server as many open files and a few hundred more (ulimit -n). Default: ${default}."`
	MaxConnectionsPerAddress int   `default:"${max_connections_per_address}" placeholder:"N" help:"How many of them one IP address may have; an IPv6 /64 counts as one address. Behind a proxy all connections come from the address of the proxy: name it with --trusted-proxies, to which this limit does not apply, or set the limit to 0, and limit the connections of each client there. Default: ${default}."`
	BodyBudget               int64 `default:"${body_budget}" placeholder:"MIB" help:"How many MiB of request bodies the server holds at the same time. Default: ${default}."`
	BodyReserve              int64 `default:"${body_reserve}" placeholder:"MIB" help:"The part of them that only bodies of at most 64 KiB may use, so that uploads do not stop small requests. Default: ${default}."`
	BodyShare                int64 `default:"${body_share}" placeholder:"MIB" help:"The part of them that one user, or one IP address without a signed-in user, may use. Default: ${default}."`
	BodyMinRate              int64 `default:"${body_min_rate}" placeholder:"BYTES" help:"How many bytes of a body a client must send per second, on average over 10s. Default: ${default}."`
}

// bodies returns the limits of the bodies of requests.
func (s roomSettings) bodies() edge.BodyLimits {
	l := edge.DefaultLimits().Bodies
	l.Total, l.Reserve, l.PerCaller, l.MinRate = mebibytes(s.BodyBudget), mebibytes(s.BodyReserve), mebibytes(s.BodyShare), s.BodyMinRate
	return l
}

// mebibytes converts MiB to bytes. A number that is too large becomes the greatest number of bytes.
func mebibytes(n int64) int64 { return min(n, math.MaxInt64>>20) << 20 }

// limiter returns a function that limits the connections of a listener. It logs refused
// connections, at most once in a minute.
func (s roomSettings) limiter(log *slog.Logger) func(net.Listener, edge.Proxies) (net.Listener, error) {
	return func(l net.Listener, proxies edge.Proxies) (net.Listener, error) {
		if s.MaxConnections < 0 || s.MaxConnectionsPerAddress < 0 {
			return nil, errors.New("--max-connections and --max-connections-per-address must not be negative")
		}
		sometimes := rate.Sometimes{Interval: time.Minute}
		limits := edge.ConnectionLimits{Total: s.MaxConnections, PerAddress: s.MaxConnectionsPerAddress, Proxies: proxies}
		return edge.LimitConnections(l, limits, func(client net.Addr) {
			sometimes.Do(func() {
				log.Warn("a connection was refused: too many are open (see --max-connections and --max-connections-per-address)",
					slog.String("client", client.String()))
			})
		}), nil
	}
}
