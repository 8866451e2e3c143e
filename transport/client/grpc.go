package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/grpcapi"
	livev1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/live/v1"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kitgrpc"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// overGRPC is an httpapi.Transport.
type overGRPC struct {
	conn    *grpc.ClientConn
	methods map[string]protoreflect.MethodDescriptor // by the name of the operation
	token   string                                   // "" if not signed in
}

// dial returns a transport that connects when it is used.
func dial(address string, opts []grpc.DialOption) (*overGRPC, error) {
	target, creds, err := parse(address)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(target, append([]grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(kithttp.DefaultAnswerLimit)),
	}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("address of the server: %w", err)
	}
	return &overGRPC{conn: conn, methods: kitgrpc.Methods(grpcapi.Files()...)}, nil
}

// parse returns the target and the credentials for an address.
func parse(address string) (target string, creds credentials.TransportCredentials, err error) {
	if !strings.Contains(address, "://") {
		address = "grpc://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", nil, fmt.Errorf("address of the server: %w", err)
	}
	if _, _, err := net.SplitHostPort(u.Host); err != nil || *u != (url.URL{Scheme: u.Scheme, Host: u.Host}) {
		return "", nil, fmt.Errorf("address of the server: %q is not grpc(s)://host:port", address)
	}
	switch u.Scheme {
	case "grpc":
		return u.Host, insecure.NewCredentials(), nil
	case "grpcs":
		return u.Host, credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12}), nil
	}
	return "", nil, fmt.Errorf("address of the server: %q is not grpc(s)://host:port", address)
}

func (t *overGRPC) As(accessToken string) httpapi.Transport {
	return &overGRPC{t.conn, t.methods, accessToken}
}

func (t *overGRPC) Close() error { return t.conn.Close() }

// signed adds the access token to the calls of a context.
func (t *overGRPC) signed(ctx context.Context) context.Context {
	if t.token == "" {
		return ctx
	}
	return kitgrpc.WithMetadata(ctx, metadata.Pairs("authorization", "Bearer "+t.token))
}

// method returns the method that serves an operation.
func (t *overGRPC) method(operation string) (protoreflect.MethodDescriptor, error) {
	m, ok := t.methods[operation]
	if !ok {
		return nil, fault.New(fault.Unimplemented, string(fault.Unimplemented), "gRPC has no method for "+operation)
	}
	return m, nil
}

func (t *overGRPC) Call(ctx context.Context, r kithttp.RouteInfo, req, resp any) error {
	if health, ok := resp.(*httpapi.Health); ok {
		return t.probe(ctx, r, health)
	}
	m, err := t.method(r.Name)
	if err != nil {
		return err
	}
	ctx = t.signed(ctx)
	if blob, ok := resp.(*kithttp.Blob); ok {
		return asHTTP(t.download(ctx, m, r, req, blob))
	}
	late, err := kitgrpc.Late(req, m.Input(), grpcapi.LeftOut(r.Name)...)
	if err != nil {
		return err
	}
	if image, ok := late["attachment"]; ok {
		return asHTTP(t.sendAttachment(ctx, req, string(image), resp))
	}
	return asHTTP(kitgrpc.Invoke(ctx, t.conn, m, req, resp, grpcapi.LeftOut(r.Name)...))
}

// asHTTP returns the error that a call has over HTTP: one that took too long is unavailable, too.
func asHTTP(err error) error {
	if _, isFault := errors.AsType[*fault.Error](err); !isFault && errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Unavailable, string(fault.Unavailable), "the server cannot be reached").Wrap(err)
	}
	return err
}

// probe asks the health service.
func (t *overGRPC) probe(ctx context.Context, r kithttp.RouteInfo, health *httpapi.Health) error {
	answer, err := grpc_health_v1.NewHealthClient(t.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return asHTTP(kitgrpc.FaultOf(ctx, err))
	}
	if r.Name == "readyz" && answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return httpapi.ErrNotReady
	}
	health.Status = "ok"
	return nil
}

// download reads a Blob.
func (t *overGRPC) download(ctx context.Context, m protoreflect.MethodDescriptor, r kithttp.RouteInfo, req any, blob *kithttp.Blob) error {
	pieces, err := kitgrpc.Open(ctx, t.conn, m, req, grpcapi.LeftOut(r.Name)...)
	if err != nil {
		return err
	}
	defer func() { _ = pieces.Close() }() // what was read counts
	body, err := io.ReadAll(io.LimitReader(pieces, kithttp.DefaultAnswerLimit+1))
	if err != nil {
		return err
	}
	if len(body) > kithttp.DefaultAnswerLimit {
		return fault.New(fault.TooLarge, string(fault.TooLarge), fmt.Sprintf("the answer has more than %d bytes", kithttp.DefaultAnswerLimit))
	}
	*blob = kithttp.Blob{ContentType: pieces.MediaType, Body: body}
	return nil
}

func (t *overGRPC) Open(ctx context.Context, r kithttp.RouteInfo, req any) (io.ReadCloser, error) {
	m, err := t.method(r.Name)
	if err != nil {
		return nil, err
	}
	pieces, err := kitgrpc.Open(t.signed(ctx), t.conn, m, req, grpcapi.LeftOut(r.Name)...)
	if err != nil {
		return nil, asHTTP(err)
	}
	return pieces, nil
}

func (t *overGRPC) Follow(ctx context.Context, after *int64) iter.Seq2[httpapi.Heard, error] {
	return func(yield func(httpapi.Heard, error) bool) {
		ctx, cancel := context.WithCancel(t.signed(ctx))
		defer cancel()
		stream, err := kitgrpc.Begin(ctx, t.conn, t.methods["liveEvents"], &livev1.LiveEventsRequest{LastEventId: after})
		if err != nil {
			yield(httpapi.Heard{}, err)
			return
		}
		for {
			var message livev1.LiveEventsResponse
			if err := stream.RecvMsg(&message); err != nil {
				yield(httpapi.Heard{}, kitgrpc.FaultOf(ctx, err))
				return
			}
			heard, err := heardOf(&message)
			if !yield(heard, err) || err != nil {
				return
			}
		}
	}
}

func heardOf(m *livev1.LiveEventsResponse) (httpapi.Heard, error) {
	heard := httpapi.Heard{LastID: strconv.FormatInt(m.GetLastEventId(), 10), Reset: m.GetReset_()}
	if m.GetEvent() == nil {
		return heard, nil
	}
	heard.Event = &httpapi.LiveEvent{}
	if err := kitgrpc.Decode(m.GetEvent(), heard.Event); err != nil {
		return httpapi.Heard{}, fmt.Errorf("%w: %w", httpapi.ErrNotUnderstood, err)
	}
	return heard, nil
}
