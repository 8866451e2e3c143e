package grpcapi

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/cicerone-go/cicerone/transport/edge"
)

// health is the standard health service. Every service serves while /readyz says so.
type health struct {
	grpc_health_v1.UnimplementedHealthServer

	ready    func(context.Context) error
	services map[string]grpc.ServiceInfo
}

// watchEvery is how often a watched server is looked at.
const watchEvery = time.Second

// Check reports whether the server can serve calls of a service, or of all services for "".
func (h *health) Check(ctx context.Context, r *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	if !h.knows(r.GetService()) {
		return nil, status.Error(codes.NotFound, "unknown service")
	}
	serving, _ := h.look(ctx)
	return &grpc_health_v1.HealthCheckResponse{Status: serving}, nil
}

// List reports for every service whether the server can serve its calls.
func (h *health) List(ctx context.Context, _ *grpc_health_v1.HealthListRequest) (*grpc_health_v1.HealthListResponse, error) {
	serving, _ := h.look(ctx)
	all := map[string]*grpc_health_v1.HealthCheckResponse{"": {Status: serving}}
	for name := range h.services {
		all[name] = &grpc_health_v1.HealthCheckResponse{Status: serving}
	}
	return &grpc_health_v1.HealthListResponse{Statuses: all}, nil
}

// Watch sends the result of Check now and when it changes, until the client leaves or the server drains.
func (h *health) Watch(r *grpc_health_v1.HealthCheckRequest, stream grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	ctx := stream.Context()
	look := time.NewTicker(watchEvery)
	defer look.Stop()
	for told := grpc_health_v1.HealthCheckResponse_UNKNOWN; ; {
		serving, closing := grpc_health_v1.HealthCheckResponse_SERVICE_UNKNOWN, false
		if h.knows(r.GetService()) {
			serving, closing = h.look(ctx)
		}
		if serving != told {
			told = serving
			if err := stream.Send(&grpc_health_v1.HealthCheckResponse{Status: told}); err != nil {
				return err
			}
		}
		if closing {
			return status.Error(codes.Unavailable, edge.ErrClosing.Detail)
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
}

func (h *health) knows(service string) bool {
	_, ok := h.services[service]
	return ok || service == ""
}

// look returns whether the server can serve, and whether it is closing.
func (h *health) look(ctx context.Context) (serving grpc_health_v1.HealthCheckResponse_ServingStatus, closing bool) {
	if h.ready == nil {
		return grpc_health_v1.HealthCheckResponse_SERVING, false
	}
	if err := h.ready(ctx); err != nil {
		return grpc_health_v1.HealthCheckResponse_NOT_SERVING, errors.Is(err, edge.ErrClosing)
	}
	return grpc_health_v1.HealthCheckResponse_SERVING, false
}
