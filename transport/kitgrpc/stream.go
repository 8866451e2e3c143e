package kitgrpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/cicerone-go/cicerone/transport/edge/failure"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// MaxMessage is the greatest number of bytes of a message that a server reads: 64 KiB, as of a body in
// JSON.
const MaxMessage = kithttp.DefaultBodyLimit

// errSlow is the failure of a call whose client sends too slowly.
var errSlow = failure.Malformed("the request came too slowly")

// ServerOptions returns the options that a grpc.Server of the Server needs: the greatest size of a
// message, the codec, and hooks with which it follows how messages arrive, and ends calls.
func (s *Server) ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(2 * MaxMessage), // gRPC itself refuses what is larger still, without our code
		grpc.ForceServerCodecV2(newWire()),
		grpc.InTapHandle(s.tap),
		grpc.ChainStreamInterceptor(s.followStream),
		grpc.ChainUnaryInterceptor(s.followUnary),
	}
}

// Stream is the messages of one call. One goroutine may use it at a time.
type Stream struct {
	ctx  context.Context
	raw  messages
	pace time.Duration

	arrival *arrival
	many    bool  // whether the client sends more than one message
	most    int64 // bytes of all messages

	bodies  kithttp.Bodies
	charge  func(bytes int) error
	release func()
	waited  time.Duration // for messages, since the last time that the least bytes were read
	arrived int64         // in that time
}

// messages is a grpc.ServerStream, or a single.
type messages interface {
	RecvMsg(m any) error
	SendMsg(m any) error
}

// single is the messages of a call with one request and one response.
type single struct {
	receive     func(m any) error
	method      string
	interceptor grpc.UnaryServerInterceptor // of the host; may be nil
	response    any
}

// RecvMsg receives the request.
func (s *single) RecvMsg(m any) error { return s.receive(m) }

// SendMsg keeps the response, which gRPC sends.
func (s *single) SendMsg(m any) error {
	s.response = m
	return nil
}

func (s *Server) newStream(ctx context.Context, raw messages, many bool) *Stream {
	most := int64(MaxMessage)
	if many {
		most = math.MaxInt64
	}
	return &Stream{ctx: ctx, raw: raw, pace: s.options.Pace, arrival: arrivalOf(ctx), many: many, most: most, bodies: s.options.Bodies}
}

// end returns the bytes that were charged for the messages.
func (s *Stream) end() {
	if s.release != nil {
		s.release()
	}
}

// Receive reads the next message, within the time that a client has for it. It returns io.EOF after the
// last one.
func (s *Stream) Receive(m proto.Message) error {
	if s.bodies.Begin != nil && s.charge == nil {
		s.charge, s.release = s.bodies.Begin(s.ctx, s.most)
	}
	begun := time.Now()
	stop := s.within(s.left(), func() { s.arrival.cut(errSlow) })
	r := received{Message: m}
	err := s.arrival.follow(s.ctx, &r, s.many, s.raw.RecvMsg)
	stop()
	if cut := s.arrival.refused(); cut != nil {
		return cut
	}
	if err != nil {
		return notReceived(err)
	}
	size := r.size
	s.waited += time.Since(begun)
	if s.arrived += int64(size); float64(s.arrived) >= float64(s.bodies.MinRate)*s.bodies.Over.Seconds() {
		s.waited, s.arrived = 0, 0
	}
	if s.charge != nil {
		if err := s.charge(size); err != nil {
			return err
		}
	}
	if size > MaxMessage {
		return failure.TooLarge(MaxMessage)
	}
	if r.failed != nil {
		return failure.Malformed("the request is not a message of the method").Wrap(r.failed)
	}
	return nil
}

// ReceiveOnly reads the message of a method that has one.
func (s *Stream) ReceiveOnly(m proto.Message) error {
	err := s.Receive(m)
	if errors.Is(err, io.EOF) {
		return failure.Malformed("the request has no message")
	}
	return err
}

// Paced returns the stream with another time that the client has to receive a message; 0 means any
// time.
func (s *Stream) Paced(pace time.Duration) *Stream {
	paced := *s
	paced.pace = pace
	return &paced
}

// left returns the time that the client has for its next message; 0 for any time.
func (s *Stream) left() time.Duration {
	if s.bodies.MinRate <= 0 || s.bodies.Over <= 0 {
		return 0
	}
	return max(s.bodies.Over-s.waited, time.Millisecond)
}

// within calls cut, which ends the call, when the time is over, unless stop is called before.
func (s *Stream) within(d time.Duration, cut func()) (stop func()) {
	if d <= 0 || s.arrival == nil {
		return func() {}
	}
	timer := time.AfterFunc(d, cut)
	return func() { timer.Stop() }
}

// notReceived returns the error of a message that was not read.
func notReceived(err error) error {
	if errors.Is(err, io.EOF) {
		return err
	}
	switch s := status.Convert(err); s.Code() {
	case codes.ResourceExhausted:
		return failure.TooLarge(MaxMessage)
	case codes.Canceled, codes.DeadlineExceeded:
		return context.Canceled
	default:
		return failure.Malformed("the request ended before it was complete").Wrap(err)
	}
}

// Send sends a message, which the client must take in time. Errors: kithttp.ErrReader.
func (s *Stream) Send(m proto.Message) error {
	stop := s.within(s.pace, func() { s.arrival.cancel(errSlow) }) // it does not read a status either
	err := s.raw.SendMsg(m)
	stop()
	if err != nil {
		return kithttp.ErrReader.Wrap(err)
	}
	return nil
}

// pieceSize is the greatest number of bytes of a piece of a stream.
const pieceSize = 32 << 10

// pieces returns what sends a Blob or a Stream in messages that have a piece: in a field data, with a
// field media_type that the first piece has.
func pieces(o kithttp.Operation, output protoreflect.MessageType) Responder {
	fields := output.Descriptor().Fields()
	mediaType, data := fields.ByName("media_type"), fields.ByName("data")
	if mediaType == nil || data == nil || fields.Len() != 2 {
		panic(fmt.Sprintf("kitgrpc: operation %s: %s must have media_type and data", o.Name, output.Descriptor().FullName()))
	}
	return func(ctx context.Context, response any, stream *Stream) error {
		w := &pieceWriter{stream: stream, output: output, mediaType: mediaType, data: data, usual: stream.pace}
		switch r := response.(type) {
		case kithttp.Blob:
			w.media = r.ContentType
			_, err := w.Write(r.Body)
			return err
		case kithttp.Stream:
			w.media = r.ContentType
			return r.Write(ctx, w)
		default:
			return fmt.Errorf("%T cannot be sent in pieces", response)
		}
	}
}

// pieceWriter sends the bytes that are written, in pieces. It is the response writer of a kithttp.Stream, and
// http.ResponseController sets its deadlines.
type pieceWriter struct {
	stream          *Stream
	output          protoreflect.MessageType
	mediaType, data protoreflect.FieldDescriptor
	media           string        // to send; "" once it was
	usual           time.Duration // the time that a client has for any message
}

// Header returns no header that is sent.
func (*pieceWriter) Header() http.Header { return http.Header{} }

// WriteHeader does nothing: gRPC has a status at its end.
func (*pieceWriter) WriteHeader(int) {}

// Write sends b.
func (w *pieceWriter) Write(b []byte) (n int, err error) {
	for n < len(b) || w.media != "" {
		piece := b[n:min(n+pieceSize, len(b))]
		m := w.output.New()
		if w.media != "" {
			m.Set(w.mediaType, protoreflect.ValueOfString(w.media))
			w.media = ""
		}
		m.Set(w.data, protoreflect.ValueOfBytes(piece))
		if err := w.stream.Send(m.Interface()); err != nil {
			return n, err
		}
		n += len(piece)
	}
	return n, nil
}

// Flush does nothing: every piece is sent.
func (*pieceWriter) Flush() {}

// SetWriteDeadline sets when the client must have taken the next pieces; the zero time means as long as
// any message may take.
func (w *pieceWriter) SetWriteDeadline(at time.Time) error {
	w.stream.pace = w.usual
	if !at.IsZero() {
		w.stream.pace = max(time.Until(at), time.Millisecond)
	}
	return nil
}

// messageType returns the generated type of a message.
func messageType(d protoreflect.MessageDescriptor) protoreflect.MessageType {
	t, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		panic("kitgrpc: " + err.Error())
	}
	return t
}
