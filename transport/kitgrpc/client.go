package kitgrpc

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Call sends a request to a method and returns the response. leftOut are the fields of the request that
// the message does not have. Its errors are those of [FaultOf]. Call does not retry.
func Call[Req, Resp any](
	ctx context.Context, c grpc.ClientConnInterface, m protoreflect.MethodDescriptor, req Req, leftOut ...string,
) (Resp, error) {
	var resp Resp
	message := messageType(m.Input()).New().Interface()
	md, err := Encode(req, message, leftOut...)
	if err != nil {
		return resp, err
	}
	answer := messageType(m.Output()).New().Interface()
	err = c.Invoke(WithMetadata(ctx, md), MethodName(m), message, answer)
	if err != nil {
		return resp, FaultOf(ctx, err)
	}
	if reflect.TypeFor[Resp]() == reflect.TypeFor[kithttp.None]() {
		return resp, nil
	}
	return resp, Decode(answer, &resp)
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

// Encode writes a struct into a message, and returns the metadata that its headers are. leftOut are
// the fields that the message does not have. It returns an error if the two do not have the same
// fields, or if a value is not one of the message.
func Encode(v any, into proto.Message, leftOut ...string) (metadata.MD, error) {
	m := into.ProtoReflect()
	p, err := plans.of(reflect.TypeOf(v), m.Descriptor(), leftOut)
	if err != nil {
		return nil, err
	}
	return p.write(reflect.ValueOf(v), m)
}

// Decode reads a message into a struct, to which into points. Fields that only the message has, because
// its server is of a later version, are ignored. It returns an error if the two do not have the same
// fields, or if a value is not one of the struct.
func Decode(m proto.Message, into any) error {
	v := reflect.ValueOf(into).Elem()
	p, err := plans.of(v.Type(), m.ProtoReflect().Descriptor(), nil)
	if err != nil {
		return err
	}
	return p.response(m.ProtoReflect(), v)
}

// plans has the plans that clients have used.
var plans cache

type cache struct{ known sync.Map } // pair → *plan

type pair struct {
	t reflect.Type
	m protoreflect.FullName
}

func (c *cache) of(t reflect.Type, m protoreflect.MessageDescriptor, leftOut []string) (*plan, error) {
	if known, ok := c.known.Load(pair{t, m.FullName()}); ok {
		return known.(*plan), nil
	}
	p, err := planOf(t, m, slices.Clone(leftOut)...)
	if err == nil {
		c.known.Store(pair{t, m.FullName()}, p)
	}
	return p, err
}
