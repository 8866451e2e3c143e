package kitgrpc

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	kit "github.com/go-kit/kit/transport/grpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Server serves operations as methods of gRPC services. It is safe for concurrent use once all methods
// are added.
type Server struct {
	options  Options
	services map[protoreflect.FullName]*grpc.ServiceDesc
}

// Options are the options of a Server. The zero value of each field is valid.
type Options struct {
	// Around runs around every call, and must call next once. It may derive another context for it. The
	// error of next is that of the operation; Around returns nothing of it.
	Around func(ctx context.Context, o kithttp.Operation, next func(ctx context.Context) error)

	// Enter is called before the gates of a call, and leave after its end. An error of Enter refuses the
	// call.
	Enter func() (leave func(), err error)

	// After runs when the endpoint of an operation has returned a response and no error, before the
	// response is written. It may set metadata. It does not run for a stream.
	After []After

	// Bodies bounds what messages cost while they are read and held. A piece of a stream is charged when
	// it was read.
	Bodies kithttp.Bodies

	// Pace is the longest time that a client may take to receive a message; 0 means any time.
	Pace time.Duration
}

// After is a function that may set the metadata of a response.
type After = kit.ServerResponseFunc

// NewServer returns a server without methods.
func NewServer(o Options) *Server {
	if o.Around == nil {
		o.Around = func(ctx context.Context, _ kithttp.Operation, next func(context.Context) error) { _ = next(ctx) }
	}
	return &Server{options: o, services: map[protoreflect.FullName]*grpc.ServiceDesc{}}
}

// Register adds the services to a grpc.Server, which must have the options of [ServerOptions].
func (s *Server) Register(r grpc.ServiceRegistrar) {
	for _, desc := range s.services {
		r.RegisterService(desc, nil)
	}
}

// Handler serves a call of a method, which the gates have admitted.
type Handler func(ctx context.Context, stream *Stream) error

// Handle adds a method that serves an operation with a handler of its own.
func (s *Server) Handle(m protoreflect.MethodDescriptor, o kithttp.Operation, h Handler) {
	service := m.Parent().(protoreflect.ServiceDescriptor)
	desc, ok := s.services[service.FullName()]
	if !ok {
		desc = &grpc.ServiceDesc{ServiceName: string(service.FullName()), HandlerType: (*any)(nil), Metadata: m.ParentFile().Path()}
		s.services[service.FullName()] = desc
	}
	// Each method is registered as a stream, so that the gates run before its first message is read.
	desc.Streams = append(desc.Streams, grpc.StreamDesc{
		StreamName: string(m.Name()), ServerStreams: m.IsStreamingServer(), ClientStreams: m.IsStreamingClient(),
		Handler: func(_ any, raw grpc.ServerStream) (err error) {
			s.options.Around(raw.Context(), o, func(ctx context.Context) error {
				failed := recovering(func() error {
					if s.options.Enter != nil {
						leave, err := s.options.Enter()
						if err != nil {
							return err
						}
						defer leave()
					}
					ctx, err := o.Admit(ctx)
					if err != nil {
						return err
					}
					stream := s.newStream(ctx, raw, m.IsStreamingClient())
					defer stream.end()
					return o.Refuse(ctx, h(ctx, stream))
				})
				err = StatusError(ctx, failed)
				return failed
			})
			return err
		},
	})
}

// StatusError returns the error with which a call ends for its client: that of a status, or nil.
func StatusError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return StatusOf(failure.TimedOut).Err() // the client has left and does not read it
	}
	return StatusOf(failure.Public(err)).Err()
}

// recovering returns a panic of f as an error.
func recovering(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &kithttp.PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	return f()
}

// Add adds a method that serves an operation: a method with one request and one response, or with one
// request and a stream of the pieces of a kithttp.Blob or a kithttp.Stream. leftOut are the fields of
// the operation's request that the message does not have. Add panics if the messages of the method and
// the types of the operation do not have the same fields.
func (s *Server) Add(m protoreflect.MethodDescriptor, o kithttp.Operation, leftOut ...string) {
	var respond Responder
	if m.IsStreamingServer() {
		respond = pieces(o, messageType(m.Output()))
	} else {
		respond = s.Responder(o, m.Output())
	}
	input := messageType(m.Input())
	run := s.Endpoint(o, m.Input(), leftOut...)
	s.Handle(m, o, func(ctx context.Context, stream *Stream) error {
		message := input.New()
		if err := stream.ReceiveOnly(message.Interface()); err != nil {
			return err
		}
		response, err := run(ctx, message.Interface(), nil)
		if err != nil {
			return err
		}
		return respond(ctx, response, stream)
	})
}

// Endpoint returns a function that runs an operation for a request in a message, for handlers of
// streams. leftOut are the fields of the operation's request that the message does not have; late has
// the texts of those that are given. Endpoint panics like [Server.Add].
func (s *Server) Endpoint(o kithttp.Operation, m protoreflect.MessageDescriptor, leftOut ...string) func(
	ctx context.Context, message proto.Message, late map[string][]byte,
) (response any, err error) {
	request, err := planOf(o.Request, m, leftOut...)
	if err != nil {
		panic(fmt.Sprintf("kitgrpc: operation %s: %v", o.Name, err))
	}
	server := kit.NewServer(o.Endpoint, func(ctx context.Context, given any) (any, error) {
		g := given.(givenRequest)
		md, _ := metadata.FromIncomingContext(ctx)
		req := reflect.New(o.Request).Elem()
		err := request.request(g, md, req, func(f *fault.Fields) { o.Check(req.Interface(), f) })
		return req.Interface(), err
	}, func(_ context.Context, response any) (any, error) {
		return response, nil // it is written by the one who called
	}, kit.ServerAfter(s.options.After...))
	return func(ctx context.Context, message proto.Message, late map[string][]byte) (any, error) {
		m := message.ProtoReflect()
		if err := o.Aim(ctx, func(name string) string { return pathText(m, name) }); err != nil {
			return nil, err
		}
		_, response, err := server.ServeGRPC(ctx, givenRequest{m, late})
		return response, err
	}
}

// givenRequest is a request as it was received.
type givenRequest struct {
	message protoreflect.Message
	late    map[string][]byte
}

// pathText returns the text of a field that is a path parameter.
func pathText(m protoreflect.Message, name string) string {
	d := m.Descriptor().Fields().ByName(protoreflect.Name(name))
	if d == nil {
		return ""
	}
	return m.Get(d).String()
}

// Responder sends the response of an operation.
type Responder func(ctx context.Context, response any, stream *Stream) error

// Responder returns a function that sends the response of an operation in a message. It panics like
// [Server.Add].
func (s *Server) Responder(o kithttp.Operation, m protoreflect.MessageDescriptor) Responder {
	output := messageType(m)
	if m.FullName() == "google.protobuf.Empty" && (o.Response == reflect.TypeFor[kithttp.None]() || o.Response == reflect.TypeFor[kithttp.Blob]()) {
		return func(_ context.Context, _ any, stream *Stream) error { return stream.Send(output.New().Interface()) }
	}
	p, err := planOf(o.Response, m)
	if err != nil {
		panic(fmt.Sprintf("kitgrpc: operation %s: %v", o.Name, err))
	}
	return func(_ context.Context, response any, stream *Stream) error {
		message := output.New()
		if _, err := p.write(reflect.ValueOf(response), message); err != nil {
			return fmt.Errorf("write a response: %w", err)
		}
		return stream.Send(message.Interface())
	}
}

// Methods returns the methods of the services in some files, by the name of the operation that they
// serve: that of Send is send.
func Methods(files ...protoreflect.FileDescriptor) map[string]protoreflect.MethodDescriptor {
	all := map[string]protoreflect.MethodDescriptor{}
	for _, file := range files {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				m := methods.Get(j)
				name := string(m.Name())
				all[strings.ToLower(name[:1])+name[1:]] = m
			}
		}
	}
	return all
}
