package kitgrpc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"github.com/cicerone-go/cicerone/core/fault"
	adminv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/admin/v1"
	matchingv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/matching/v1"
	messagingv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/messaging/v1"
	"github.com/cicerone-go/cicerone/transport/kitgrpc"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// change and interest have the fields of the messages of the method ChangeInterest.
type change struct {
	ID       string                   `path:"id"`
	Name     kithttp.Optional[string] `json:"name,omitzero" nullable:"false"`
	Icon     kithttp.Optional[string] `json:"icon,omitzero"`
	IsActive kithttp.Optional[bool]   `json:"is_active,omitzero" nullable:"false"`
}

type interest struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Icon     *string `json:"icon"`
	IsActive bool    `json:"is_active"`
}

var changeInterest = kithttp.Route[change, interest]{Name: "changeInterest", Method: "PATCH", Path: "/interests/{id}"}

// method returns a method of the gRPC API.
func method(name string) *grpcMethod {
	files := kitgrpc.Methods(
		adminv1.File_cicerone_admin_v1_community_proto, messagingv1.File_cicerone_messaging_v1_messaging_proto,
	)
	return &grpcMethod{files[name]}
}

// serve serves the operation of a route, and connects to it. It counts calls that have ended.
func serve[Req, Resp any](
	t *testing.T, r kithttp.Route[Req, Resp], h func(context.Context, Req) (Resp, error), o kitgrpc.Options,
	left []string, opts ...kithttp.HandleOption,
) (conn *grpc.ClientConn, ended func() error) {
	t.Helper()
	routes := kithttp.NewServer()
	kithttp.Handle(routes, r, h, opts...)
	var last atomic.Pointer[error]
	o.Around = func(ctx context.Context, _ kithttp.Operation, next func(context.Context) error) {
		err := next(ctx)
		last.Store(&err)
	}
	s := kitgrpc.NewServer(o)
	s.Add(method(r.Name).MethodDescriptor, routes.Operations()[0], left...)
	server := grpc.NewServer(append(s.ServerOptions(), grpc.StaticStreamWindowSize(64<<10), grpc.StaticConnWindowSize(64<<10))...)
	s.Register(server)
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(s.Listener(listener)) }() // it ends with the test
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStaticStreamWindowSize(64<<10), grpc.WithStaticConnWindowSize(64<<10),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, func() error {
		t.Helper()
		for begun := time.Now(); last.Load() == nil; time.Sleep(time.Millisecond) {
			if time.Since(begun) > 10*time.Second {
				t.Fatal("the call has not ended")
			}
		}
		return *last.Load()
	}
}

// open opens a call of a method without sending anything.
func open(t *testing.T, conn *grpc.ClientConn, name string) grpc.ClientStream {
	t.Helper()
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, kitgrpc.MethodName(method(name)))
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func echo(_ context.Context, c change) (interest, error) {
	return interest{ID: c.ID, Name: c.Name.Value, Icon: c.Icon.Ptr(), IsActive: c.IsActive.Value}, nil
}

func TestAdd(t *testing.T) {
	conn, _ := serve(t, changeInterest, echo, kitgrpc.Options{}, nil)
	got, err := kitgrpc.Call[change, interest](t.Context(), conn, method("changeInterest"), change{
		ID: "7", Name: kithttp.Some("Tea"), Icon: kithttp.Null[string](), IsActive: kithttp.Some(false),
	})
	if want := (interest{ID: "7", Name: "Tea"}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// TestGateComesFirst checks that a caller is refused before a message was sent.
func TestGateComesFirst(t *testing.T) {
	refusal := fault.New(fault.Forbidden, "no", "no")
	conn, _ := serve(t, changeInterest, echo, kitgrpc.Options{}, nil,
		kithttp.Gated(func(ctx context.Context) (context.Context, error) { return ctx, refusal }))
	err := open(t, conn, "changeInterest").RecvMsg(&matchingv1.Interest{})
	if !errors.Is(kitgrpc.FaultOf(t.Context(), err), refusal) {
		t.Errorf("got %v, want %v", err, refusal)
	}
}

// TestAimedComesBeforeTheContent checks the order of refusals: by the path, and then of the content.
func TestAimedComesBeforeTheContent(t *testing.T) {
	refusal := fault.New(fault.Forbidden, "no", "no")
	conn, _ := serve(t, changeInterest, echo, kitgrpc.Options{}, nil,
		kithttp.Aimed(func(_ context.Context, path func(string) string) error {
			if path("id") == "mine" {
				return refusal
			}
			return nil
		}))
	for id, want := range map[string]error{"mine": refusal, "yours": fault.Invalid} {
		_, err := kitgrpc.Call[change, interest](t.Context(), conn, method("changeInterest"), change{ID: id, Name: kithttp.Null[string]()})
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", id, err, want)
		}
	}
}

func TestSlowSender(t *testing.T) {
	conn, ended := serve(t, changeInterest, echo, kitgrpc.Options{Bodies: kithttp.Bodies{MinRate: 100, Over: 50 * time.Millisecond}}, nil)
	err := kitgrpc.FaultOf(t.Context(), open(t, conn, "changeInterest").RecvMsg(&matchingv1.Interest{}))
	got, ok := errors.AsType[*fault.Error](err)
	if ended := ended(); !ok || got.Kind != fault.Malformed || got.Code != "malformed" || !errors.Is(ended, got) {
		t.Errorf("got %v, and the call ended with %v", err, ended)
	}
}

var attachment = kithttp.Route[struct {
	ID string `path:"id"`
}, kithttp.Blob]{Name: "attachment", Method: "GET", Path: "/attachments/{id}"}

func TestSlowReader(t *testing.T) {
	conn, ended := serve(t, attachment, func(context.Context, struct {
		ID string `path:"id"`
	},
	) (kithttp.Blob, error) {
		return kithttp.Blob{ContentType: "image/png", Body: make([]byte, 5<<20)}, nil
	}, kitgrpc.Options{Pace: 50 * time.Millisecond}, nil)
	stream := open(t, conn, "attachment")
	if err := errors.Join(stream.SendMsg(&messagingv1.AttachmentRequest{Id: "1"}), stream.CloseSend()); err != nil {
		t.Fatal(err)
	}
	if err := ended(); !errors.Is(err, kithttp.ErrReader) {
		t.Errorf("the call ended with %v, want %v", err, kithttp.ErrReader)
	}
}

// TestCharges checks what the messages of a call are charged, and that it is given back.
func TestCharges(t *testing.T) {
	full := fault.New(fault.Unavailable, "full", "no room")
	message := &adminv1.ChangeInterestRequest{Id: "7", Name: proto.String(strings.Repeat("x", 1000))}
	for _, room := range []int{100, 10_000} {
		var most, charged, released atomic.Int64
		conn, ended := serve(t, changeInterest, echo, kitgrpc.Options{Bodies: kithttp.Bodies{
			Begin: func(_ context.Context, limit int64) (func(int) error, func()) {
				most.Store(limit)
				return func(bytes int) error {
					charged.Add(int64(bytes))
					if bytes > room {
						return full
					}
					return nil
				}, func() { released.Add(1) }
			},
		}}, nil)
		err := kitgrpc.FaultOf(t.Context(), conn.Invoke(t.Context(), kitgrpc.MethodName(method("changeInterest")), message, &matchingv1.Interest{}))
		if isFull := room < 1000; isFull != errors.Is(err, full) || !isFull && err != nil {
			t.Errorf("room for %d: got %v", room, err)
		}
		_ = ended()
		if most.Load() != kitgrpc.MaxMessage || charged.Load() != int64(proto.Size(message)) || released.Load() != 1 {
			t.Errorf("at most %d, charged %d, given back %d times", most.Load(), charged.Load(), released.Load())
		}
	}
}

func TestPanic(t *testing.T) {
	conn, ended := serve(t, changeInterest, func(context.Context, change) (interest, error) { panic("secret") }, kitgrpc.Options{}, nil)
	_, err := kitgrpc.Call[change, interest](t.Context(), conn, method("changeInterest"), change{ID: "7"})
	if !errors.Is(err, fault.Internal) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want a failure without its cause", err)
	}
	if _, ok := errors.AsType[*kithttp.PanicError](ended()); !ok {
		t.Errorf("the call ended with %v", ended())
	}
}

// TestSecondMessage checks that a method with one request refuses two.
func TestSecondMessage(t *testing.T) {
	conn, _ := serve(t, changeInterest, echo, kitgrpc.Options{}, nil)
	stream := open(t, conn, "changeInterest")
	for range 2 {
		if err := stream.SendMsg(&adminv1.ChangeInterestRequest{Id: "7"}); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	if err := errors.Join(stream.CloseSend(), stream.RecvMsg(&matchingv1.Interest{})); err == nil {
		t.Error("got no error")
	}
}

// TestStatus checks that a client gets the failure that a server has had, whatever its kind.
func TestStatus(t *testing.T) {
	for _, kind := range []fault.Kind{
		fault.Unauthenticated, fault.Forbidden, fault.TooLarge, fault.UnsupportedMedia, fault.Malformed, fault.Invalid, fault.NotFound,
		fault.Conflict, fault.InsufficientTokens, fault.TooManyRequests, fault.Unavailable, fault.Unimplemented, fault.Internal,
	} {
		f := fault.New(kind, "some_code", "a sentence")
		f.Fields, f.RetryAfter = []fault.Field{{Name: "name", Message: "is odd"}}, 3*time.Second
		s := kitgrpc.StatusOf(f)
		if name := s.Code().String(); strings.HasPrefix(name, "Code(") || s.Code() == codes.OK {
			t.Errorf("%s has the code %v", kind, s.Code())
		}
		back, ok := errors.AsType[*fault.Error](kitgrpc.FaultOf(t.Context(), s.Err()))
		if !ok || !errors.Is(back, f) || back.Detail != f.Detail || len(back.Fields) != 1 || back.Fields[0] != f.Fields[0] || back.RetryAfter != f.RetryAfter {
			t.Errorf("%s: got %+v, want %+v", kind, back, f)
		}
	}
	for code, want := range map[codes.Code]fault.Kind{
		codes.DeadlineExceeded: fault.Unavailable, codes.Aborted: fault.Conflict, codes.Unknown: fault.Internal, codes.InvalidArgument: fault.Malformed,
	} {
		if err := kitgrpc.FaultOf(t.Context(), status.Error(code, "of another server")); fault.KindOf(err) != want {
			t.Errorf("%v: got %v, want %v", code, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := kitgrpc.FaultOf(ctx, status.FromContextError(ctx.Err()).Err()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// TestStatusIsSmall checks that a status fits in the headers that clients accept.
func TestStatusIsSmall(t *testing.T) {
	var f fault.Fields
	for i := range fault.MaxFields {
		f.Add(strings.Repeat(string(rune('a'+i)), 200), strings.Repeat("x", 5000))
	}
	large, _ := errors.AsType[*fault.Error](f.Err())
	s := kitgrpc.StatusOf(large)
	if size := proto.Size(s.Proto()); size > 9<<10 {
		t.Errorf("the status has %d bytes", size)
	}
	for _, d := range s.Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok && len(bad.GetFieldViolations()) < 3 {
			t.Errorf("only %d fields are named", len(bad.GetFieldViolations()))
		}
	}
}
