package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
	"github.com/cicerone-go/cicerone/transport/grpcapi"
	"github.com/cicerone-go/cicerone/transport/kitgrpc"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// serveGRPC serves the API of a world over gRPC until the test ends, and returns what connects to it.
// The buffers are small because grpc keeps them for a while after the end.
func (w *world) serveGRPC(change ...func(*grpcapi.Options)) grpc.DialOption {
	w.t.Helper()
	o := grpcapi.Options{Streams: edge.StreamLimits{Longest: shortStream}}
	for _, c := range change {
		c(&o)
	}
	listener := bufconn.Listen(64 << 10)
	server := grpcapi.New(w.services, w.api.Server(), w.api.Gate(), o).NewServer()
	go func() { _ = server.Serve(listener) }() // it ends with the test
	w.t.Cleanup(server.Stop)
	return grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) })
}

// dial serves the API of a world over gRPC, and connects to it.
func (w *world) dial(change ...func(*grpcapi.Options)) *grpc.ClientConn {
	w.t.Helper()
	conn, err := grpc.NewClient("passthrough:cicerone.test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		w.serveGRPC(change...))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// methods are the methods of the gRPC API by operation.
var methods = kitgrpc.Methods(grpcapi.Files()...)

// reply is the outcome of a call.
type reply struct {
	messages []proto.Message
	header   metadata.MD
	status   *status.Status
}

// call sends messages to a method, with pairs of metadata.
func call(ctx context.Context, conn *grpc.ClientConn, m protoreflect.MethodDescriptor, token string, md []string, messages ...proto.Message) reply {
	if token != "" {
		md = append(md, "authorization", "Bearer "+token)
	}
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(ctx, md...))
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, kitgrpc.MethodName(m))
	if err != nil {
		return reply{status: status.Convert(err)}
	}
	for _, message := range messages {
		if stream.SendMsg(message) != nil {
			break // RecvMsg has the reason
		}
	}
	_ = stream.CloseSend()
	var r reply
	for {
		answer := newMessage(m.Output())
		err := stream.RecvMsg(answer)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			r.status = status.Convert(err)
			r.header, _ = stream.Header()
			return r
		}
		r.messages = append(r.messages, answer)
	}
}

func newMessage(d protoreflect.MessageDescriptor) proto.Message {
	t, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		panic(err)
	}
	return t.New().Interface()
}

// code returns the code of a refusal, and the fields that it names.
func (r reply) code() (code string, fields []string) {
	for _, detail := range r.status.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			code = d.GetReason()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				fields = append(fields, v.GetField())
			}
		}
	}
	return code, fields
}

// messageOf returns the message for a request over HTTP: its body, and the parameters of its path and
// of its query.
func messageOf(t testing.TB, m protoreflect.MethodDescriptor, route kithttp.RouteInfo, path, body string) proto.Message {
	t.Helper()
	given := map[string]any{}
	if body != "" {
		if err := json.Unmarshal([]byte(body), &given); err != nil {
			t.Fatal(err)
		}
	}
	path, query, _ := strings.Cut(path, "?")
	values := strings.Split(path, "/")
	for i, segment := range strings.Split(route.Path, "/") {
		if strings.HasPrefix(segment, "{") {
			given[strings.Trim(segment, "{}")] = values[i]
		}
	}
	for pair := range strings.SplitSeq(query, "&") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			given[name] = value
		}
	}
	input := m.Input()
	if m.Name() == "SendAttachment" {
		input = methods["send"].Input()
	}
	for name, value := range given {
		d := input.Fields().ByName(protoreflect.Name(name))
		if text, ok := value.(string); ok && d != nil && d.Kind() == protoreflect.EnumKind {
			given[name] = strings.TrimSuffix(string(d.Enum().Values().ByNumber(0).Name()), "UNSPECIFIED") + strings.ToUpper(text)
		}
	}
	b, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	message := newMessage(input)
	if err := protojson.Unmarshal(b, message); err != nil {
		t.Fatalf("%s: %s: %v", m.FullName(), b, err)
	}
	return message
}

// codeOf returns the code of gRPC for the status of a refusal.
func codeOf(httpStatus int) uint32 { return failure.CodesOf(kithttp.KindOf(httpStatus)).GRPC }

// TestEveryOperationHasAMethod checks that both transports have the same operations, except those that
// are named.
func TestEveryOperationHasAMethod(t *testing.T) {
	known := map[string]bool{"sendAttachment": true} // a part of send
	for _, route := range newWorld(t).api.Server().Routes() {
		known[route.Name] = true
		_, has := methods[route.Name]
		if isHTTPOnly := slices.Contains(grpcapi.HTTPOnly(), route.Name); has == isHTTPOnly {
			t.Errorf("the operation %s has a method: %v; it is listed as one without: %v", route.Name, has, isHTTPOnly)
		}
	}
	for name, m := range methods {
		if !known[name] {
			t.Errorf("the method %s has no operation", m.FullName())
		}
	}
	for _, name := range grpcapi.HTTPOnly() {
		if !known[name] {
			t.Errorf("the operation %s, which is listed as one without a method, does not exist", name)
		}
	}
}
