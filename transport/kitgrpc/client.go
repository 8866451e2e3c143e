package kitgrpc

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Call sends a request to a method and returns the response. leftOut are the fields of the request that
// the message does not have. Its errors are those of [FaultOf], fault.Invalid for a value that no message
// can have, and fault.Internal if the response cannot be understood. Call does not retry.
func Call[Req, Resp any](
	ctx context.Context, c grpc.ClientConnInterface, m protoreflect.MethodDescriptor, req Req, leftOut ...string,
) (Resp, error) {
	var resp Resp
	err := Invoke(ctx, c, m, req, &resp, leftOut...)
	return resp, err
}

// Invoke is Call without types: req is the request, and resp points to the response.
func Invoke(ctx context.Context, c grpc.ClientConnInterface, m protoreflect.MethodDescriptor, req, resp any, leftOut ...string) error {
	message := messageType(m.Input()).New().Interface()
	md, err := Encode(req, message, leftOut...)
	if err != nil {
		return err
	}
	answer := messageType(m.Output()).New().Interface()
	if err := c.Invoke(WithMetadata(ctx, md), MethodName(m), message, answer); err != nil {
		return FaultOf(ctx, err)
	}
	return Answer(answer, resp)
}

// Answer reads the response of a call into a struct, to which resp points. Errors: fault.Internal.
func Answer(message proto.Message, resp any) error {
	if _, none := resp.(*kithttp.None); none {
		return nil
	}
	if err := Decode(message, resp); err != nil {
		return fault.New(fault.Internal, string(fault.Internal), "the server's answer cannot be understood").Wrap(err)
	}
	return nil
}

// MethodName returns the name of a method for a call, like /package.Service/Method.
func MethodName(m protoreflect.MethodDescriptor) string {
	return fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
}

// WithMetadata returns a context whose calls send metadata, beside those that they send already.
func WithMetadata(ctx context.Context, md metadata.MD) context.Context {
	if len(md) == 0 {
		return ctx
	}
	given, _ := metadata.FromOutgoingContext(ctx)
	return metadata.NewOutgoingContext(ctx, metadata.Join(given, md))
}

// Encode writes a request into a message, and returns the metadata that its headers are. leftOut are
// the fields that the message does not have. It returns an error if the two do not have the same
// fields, and one of kind fault.Invalid for a value that no message can have. It leaves it to the server
// to refuse others.
func Encode(v any, into proto.Message, leftOut ...string) (metadata.MD, error) {
	m := into.ProtoReflect()
	p, err := requests.of(reflect.TypeOf(v), m.Descriptor(), leftOut)
	if err != nil {
		return nil, err
	}
	return p.write(reflect.ValueOf(v), m)
}

// Decode reads a response into a struct, to which into points. A list or a map without items is empty,
// and not nil. Fields that only the message has, because its server is of a later version, are ignored. It returns an error if the two do not have the same
// fields, or if a value is not one of the struct.
func Decode(m proto.Message, into any) error {
	v := reflect.ValueOf(into).Elem()
	p, err := responses.of(v.Type(), m.ProtoReflect().Descriptor(), nil)
	if err != nil {
		return err
	}
	return p.response(m.ProtoReflect(), v)
}

// The plans that clients have used, for requests and for responses.
var requests, responses = &cache{planner: planner{asks: true}}, &cache{planner: planner{answers: true}}

type cache struct {
	planner planner
	known   sync.Map // pair → *plan
}

type pair struct {
	t reflect.Type
	m protoreflect.FullName
}

func (c *cache) of(t reflect.Type, m protoreflect.MessageDescriptor, leftOut []string) (*plan, error) {
	if known, ok := c.known.Load(pair{t, m.FullName()}); ok {
		return known.(*plan), nil
	}
	p, err := c.planner.of(t, m, leftOut...)
	if err == nil {
		c.known.Store(pair{t, m.FullName()}, p)
	}
	return p, err
}
