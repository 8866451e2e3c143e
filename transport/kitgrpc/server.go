package kitgrpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	kit "github.com/go-kit/kit/transport/grpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
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
	ours     map[string]bool // the methods of the services
	links    sync.Map        // of net.Addr to *link
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

	// Hold is called when a connection holds more than a little of messages that have not arrived in
	// full, with the address of the peer. charge is called for more bytes of them, with the costs of the
	// calls; a *fault.Error of it refuses all calls of the connection that wait for a message. release
	// gives all back. The bytes are not counted if it is nil.
	Hold func(peer net.Addr) (charge func(bytes int) error, release func())

	// Pace is the longest time that a client may take to receive a message, and to send the first message
	// of a call of another service of the grpc.Server; 0 means any time.
	Pace time.Duration
}

// After is a function that may set the metadata of a response.
type After = kit.ServerResponseFunc

// NewServer returns a server without methods.
func NewServer(o Options) *Server {
	if o.Around == nil {
		o.Around = func(ctx context.Context, _ kithttp.Operation, next func(context.Context) error) { _ = next(ctx) }
	}
	return &Server{options: o, services: map[protoreflect.FullName]*grpc.ServiceDesc{}, ours: map[string]bool{}}
}

// Register adds the services to a grpc.Server, which must have the options of
// [Server.ServerOptions], and serve with a [Server.Listener].
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
	name := MethodName(m)
	s.ours[name] = true
	if m.IsStreamingServer() || m.IsStreamingClient() {
		desc.Streams = append(desc.Streams, grpc.StreamDesc{
			StreamName: string(m.Name()), ServerStreams: m.IsStreamingServer(), ClientStreams: m.IsStreamingClient(),
			Handler: func(_ any, raw grpc.ServerStream) error { return s.serve(raw.Context(), raw, m, o, h) },
		})
		return
	}
	desc.Methods = append(desc.Methods, grpc.MethodDesc{
		MethodName: string(m.Name()),
		Handler: func(_ any, ctx context.Context, receive func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
			one := &single{receive: receive, method: name, interceptor: interceptor} // it has not been received: the gates are first
			err := s.serve(ctx, one, m, o, h)
			return one.response, err
		},
	})
}

// serve serves a call.
func (s *Server) serve(ctx context.Context, raw messages, m protoreflect.MethodDescriptor, o kithttp.Operation, h Handler) (err error) {
	if a := arrivalOf(ctx); a != nil {
		a.begin(ctx)
		defer a.end()
	}
	s.options.Around(ctx, o, func(ctx context.Context) error {
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
}

// StatusError returns the error with which a call ends for its client: that of a status, or nil.
func StatusError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return StatusOf(failure.TimedOut).Err() // the client has left and does not read it
	}
	if host, ok := errors.AsType[*hostStatus](err); ok {
		return host.Err()
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
	run := s.Endpoint(o, m.Input(), leftOut...)
	input := messageType(m.Input())
	if !m.IsStreamingServer() {
		s.addUnary(m, o, run)
		return
	}
	respond := pieces(o, messageType(m.Output()))
	s.Handle(m, o, func(ctx context.Context, stream *Stream) error {
		message := input.New().Interface()
		if err := stream.ReceiveOnly(message); err != nil {
			return err
		}
		response, err := run(ctx, message, nil)
		if err != nil {
			return err
		}
		return respond(ctx, response, stream)
	})
}

// addUnary adds a method with one request and one response.
func (s *Server) addUnary(m protoreflect.MethodDescriptor, o kithttp.Operation, run Endpoint) {
	input, encode := messageType(m.Input()), encoder(o, m.Output())
	answer := func(ctx context.Context, message any) (any, error) {
		response, err := run(ctx, message.(proto.Message), nil)
		if err != nil {
			return nil, &refusal{err, ctx}
		}
		return encode(response)
	}
	s.Handle(m, o, func(ctx context.Context, stream *Stream) error {
		message := input.New().Interface()
		if err := stream.ReceiveOnly(message); err != nil {
			return err
		}
		response, err := stream.intercept(ctx, message, answer)
		if err != nil {
			return err
		}
		return stream.raw.SendMsg(response)
	})
}

// refusal is an error that interceptors of the host see as the status that the client gets.
type refusal struct {
	error
	ctx context.Context
}

// GRPCStatus returns the status.
func (r *refusal) GRPCStatus() *status.Status { return status.Convert(StatusError(r.ctx, r.error)) }

// Unwrap returns the error.
func (r *refusal) Unwrap() error { return r.error }

// hostStatus is the status with which an interceptor of the host ends a call.
type hostStatus struct{ *status.Status }

// Error returns the text of the status.
func (h *hostStatus) Error() string { return h.Err().Error() }

// intercept runs the interceptors of the host, if there are any, around the answer to a message. Its
// error is that of the answer, or that of an interceptor.
func (s *Stream) intercept(ctx context.Context, message proto.Message, answer grpc.UnaryHandler) (response any, err error) {
	if one, ok := s.raw.(*single); ok && one.interceptor != nil {
		response, err = one.interceptor(ctx, message, &grpc.UnaryServerInfo{FullMethod: one.method}, answer)
	} else {
		response, err = answer(ctx, message)
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		return nil, r.error
	}
	if given, ok := status.FromError(err); ok && err != nil {
		return nil, &hostStatus{given}
	}
	return response, err
}

// Endpoint runs an operation for a request in a message. late has the texts of fields that the message
// does not have.
type Endpoint func(ctx context.Context, message proto.Message, late map[string][]byte) (response any, err error)

// Endpoint returns a function that runs an operation, for handlers of streams. leftOut are the fields of
// the operation's request that the message does not have. Endpoint panics like [Server.Add].
func (s *Server) Endpoint(o kithttp.Operation, m protoreflect.MessageDescriptor, leftOut ...string) Endpoint {
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
	encode := encoder(o, m)
	return func(_ context.Context, response any, stream *Stream) error {
		message, err := encode(response)
		if err != nil {
			return err
		}
		return stream.Send(message)
	}
}

// encoder returns a function that writes the response of an operation into a message.
func encoder(o kithttp.Operation, m protoreflect.MessageDescriptor) func(response any) (proto.Message, error) {
	output := messageType(m)
	if m.FullName() == "google.protobuf.Empty" && (o.Response == reflect.TypeFor[kithttp.None]() || o.Response == reflect.TypeFor[kithttp.Blob]()) {
		return func(any) (proto.Message, error) { return output.New().Interface(), nil }
	}
	p, err := planOf(o.Response, m)
	if err != nil {
		panic(fmt.Sprintf("kitgrpc: operation %s: %v", o.Name, err))
	}
	return func(response any) (proto.Message, error) {
		message := output.New()
		if _, err := p.write(reflect.ValueOf(response), message); err != nil {
			return nil, fmt.Errorf("write a response: %w", err)
		}
		return message.Interface(), nil
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
