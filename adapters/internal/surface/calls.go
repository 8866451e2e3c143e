package surface

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
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
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
	"github.com/cicerone-go/cicerone/transport/grpcapi"
	"github.com/cicerone-go/cicerone/transport/kitgrpc"
	"github.com/cicerone-go/cicerone/transport/kithttp"
	"github.com/cicerone-go/cicerone/wiring"
)

var methods = kitgrpc.Methods(grpcapi.Files()...)

// once are the operations that succeed only once in a town.
var once = []string{"endSession", "decide"}

// calls checks that every operation over gRPC accepts the same callers as over HTTP, and refuses the same
// fields with the same faults.
func calls(t *testing.T, storage ports.Storage) {
	tn := newTown(t, storage, func(*wiring.Config) {}, func(request, answer) {})
	conn := tn.dial(t)
	refused := 0
	for _, o := range tn.operations {
		m, ok := methods[o.OperationID]
		if !ok {
			continue
		}
		alike := func(r request, what string, change func(protoreflect.Message)) {
			t.Helper()
			a := tn.send(r)
			if a.status < 400 {
				return // what it changed would be changed twice
			}
			refused++
			got := tn.call(conn, m, r, change)
			if want := refusalOf(a); got != want {
				t.Errorf("%s, %s: got over gRPC %+v, want as over HTTP %+v", o.OperationID, what, got, want)
			}
		}
		right := tn.valid(o, tn.right(o))
		for name, s := range tn.strange(o) {
			alike(right.with(name, s.value), name+" "+s.what, s.change(m.Input().Fields().ByName(protoreflect.Name(name))))
		}
		if len(o.bodySchemaRequired()) > 0 {
			empty := right
			empty.body = map[string]any{}
			alike(empty, "without fields", nil)
		}
		for name := range right.parameters {
			if strings.Contains(o.path, "{"+name+"}") && m.Input().Fields().ByName(protoreflect.Name(name)).Kind() == protoreflect.StringKind {
				alike(right.withParameter(name, "nonsense"), "with a bad "+name, nil)
			}
		}
		for what, by := range map[string]*person{
			"by nobody": nil, "by a stranger": tn.stranger, "by an admin": tn.admin, "with a bad token": {access: "nonsense", address: "10.9.9.9"},
		} {
			if !o.isAccount() || by == nil || by.id == "" {
				other := right
				other.by = by
				alike(other, what, nil)
			}
		}

		r := tn.valid(o, tn.right(o)).withHeader("Idempotency-Key", "key-of-"+o.OperationID)
		delete(r.body, "attachment") // of Send, which SendAttachment has
		if a := tn.send(r); a.status >= 400 || slices.Contains(once, o.OperationID) {
			continue
		}
		if o.Parameters.GetByInAndName("header", "Idempotency-Key") == nil {
			r = tn.valid(o, tn.right(o))
		}
		if got := tn.call(conn, m, r, nil); got != (refusal{}) {
			t.Errorf("%s: refused over gRPC: %+v", o.OperationID, got)
		}
	}
	if refused < 250 {
		t.Errorf("only %d requests were refused", refused)
	}
}

// dial connects to the gRPC API of the town.
func (tn *town) dial(t *testing.T) *grpc.ClientConn {
	listener := bufconn.Listen(1 << 20)
	server := tn.app.NewGRPCServer()
	go func() { _ = server.Serve(listener) }() // it ends with the test
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:town", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	tn.must(err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// refusal is how a request was refused; zero if it was not.
type refusal struct {
	code         uint32 // of gRPC
	name, fields string
}

func refusalOf(a answer) refusal {
	var p kithttp.Problem
	_ = json.Unmarshal([]byte(a.body), &p) // then the code is ""
	r := refusal{code: failure.CodesOf(kithttp.KindOf(a.status)).GRPC, name: p.Code}
	for _, e := range p.Errors {
		r.fields += e.Field + " "
	}
	return r
}

// call sends a request over gRPC.
func (tn *town) call(conn *grpc.ClientConn, m protoreflect.MethodDescriptor, r request, change func(protoreflect.Message)) refusal {
	tn.Helper()
	message := tn.message(m, r)
	if change != nil {
		change(message.ProtoReflect())
	}
	ctx := tn.Context()
	if r.by != nil && r.by.access != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+r.by.access)
	}
	for name, value := range r.headers {
		ctx = metadata.AppendToOutgoingContext(ctx, name, value)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, kitgrpc.MethodName(m))
	tn.must(err)
	_ = stream.SendMsg(message) // RecvMsg has the reason
	_ = stream.CloseSend()
	for err == nil {
		err = stream.RecvMsg(dynamicpb.NewMessage(m.Output()))
	}
	if errors.Is(err, io.EOF) {
		return refusal{}
	}
	s := status.Convert(err)
	got := refusal{code: uint32(s.Code())}
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			got.name = d.GetReason()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				got.fields += v.GetField() + " "
			}
		}
	}
	return got
}

// message returns the message for a request. A value of an enum that it does not have is left out, as is
// an image.
func (tn *town) message(m protoreflect.MethodDescriptor, r request) proto.Message {
	tn.Helper()
	given := map[string]any{}
	for name, value := range r.parameters {
		given[name] = value
	}
	maps.Copy(given, r.body)
	for name, value := range given {
		d := m.Input().Fields().ByName(protoreflect.Name(name))
		if d == nil || value == nil {
			delete(given, name)
			continue
		}
		if d.IsList() {
			continue
		}
		switch d.Kind() {
		case protoreflect.EnumKind:
			enum := strings.TrimSuffix(string(d.Enum().Values().ByNumber(0).Name()), "UNSPECIFIED") + strings.ToUpper(value.(string))
			if given[name] = enum; d.Enum().Values().ByName(protoreflect.Name(enum)) == nil {
				delete(given, name)
			}
		case protoreflect.MessageKind:
			if _, isText := value.(string); isText == (d.Message().FullName() == "google.protobuf.Struct") {
				delete(given, name)
			}
		}
	}
	b, err := json.Marshal(given)
	tn.must(err)
	message := dynamicpb.NewMessage(m.Input())
	if err := protojson.Unmarshal(b, message); err != nil {
		tn.Fatalf("%s: %s: %v", m.FullName(), b, err)
	}
	return message
}

// strange is a value that a field of a request cannot have.
type strange struct {
	what  string
	value any
	enum  bool
}

// strange returns such values of the fields of a body.
func (tn *town) strange(o operation) map[string]strange {
	all := map[string]strange{}
	if o.bodySchema() == nil {
		return nil
	}
	for name, schema := range o.bodySchema().Properties {
		s := schema.Value
		switch {
		case name == "attachment":
		case len(s.Enum) > 0:
			all[name] = strange{"unknown", "odd", true}
		case s.Format == "uuid":
			all[name] = strange{"malformed", "nonsense", false}
		case s.MaxLength != nil && s.Format == "":
			all[name] = strange{"too long", strings.Repeat("x", int(*s.MaxLength)+1), false} // #nosec G115 -- of a text
		}
	}
	return all
}

// change returns what changes a message for a value that its JSON cannot have.
func (s strange) change(d protoreflect.FieldDescriptor) func(protoreflect.Message) {
	if !s.enum {
		return nil
	}
	return func(m protoreflect.Message) { m.Set(d, protoreflect.ValueOfEnum(99)) }
}

// bodySchemaRequired returns the fields that the body of a request must have.
func (o operation) bodySchemaRequired() []string {
	if o.bodySchema() == nil {
		return nil
	}
	return o.bodySchema().Required
}
