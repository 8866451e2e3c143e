package wiring

import (
	"google.golang.org/grpc"

	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/grpcapi"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// NewGRPC makes the gRPC API of the operations of the HTTP API.
func NewGRPC(c Checked, s *services.Services, api *httpapi.API, limits edge.Limits, r *Readiness) *grpcapi.API {
	return grpcapi.New(s, api.Server(), api.Gate(), grpcapi.Options{
		Log: c.Log, Ready: r.Check, Streams: limits.Streams, Bodies: limits.Bodies, ClientAddress: c.ClientAddress,
		Observe: c.ObserveCall, Tracer: c.Tracer, NoReflection: c.NoReflection,
		Enter: func() (leave func(), err error) {
			if !r.work.enter() {
				return nil, edge.ErrClosing
			}
			return r.work.leave, nil
		},
	})
}

// NewGRPCServer returns a server of the gRPC API, which has the limits of the Handler. The caller serves
// with it, and ends it before Close: GracefulStop waits for the calls in flight, and Stop does not. Drain
// ends the streams of events. After Close, every call is refused. options are added to those of
// grpcapi.API.NewServer.
func (a *App) NewGRPCServer(options ...grpc.ServerOption) *grpcapi.Server {
	return a.grpc.NewServer(options...)
}
