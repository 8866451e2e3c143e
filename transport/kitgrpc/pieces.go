package kitgrpc

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Late returns the texts of the fields of a request that are given and that its message does not have,
// as the server gets them in the messages that follow. leftOut are the names of these fields.
func Late(req any, m protoreflect.MessageDescriptor, leftOut ...string) (map[string][]byte, error) {
	p, err := requests.of(reflect.TypeOf(req), m, leftOut)
	if err != nil {
		return nil, err
	}
	late := map[string][]byte{}
	for name, f := range p.late {
		v, ok := f.given(reflect.ValueOf(req))
		if !ok {
			continue
		}
		text, ok := v.Interface().(encoding.TextMarshaler)
		if !ok {
			return nil, fmt.Errorf("field %s: %s has no text", name, v.Type())
		}
		if late[name], err = text.MarshalText(); err != nil {
			return nil, fmt.Errorf("field %s: %w", name, err)
		}
	}
	return late, nil
}

// Pieces reads the bytes that a method sends in pieces. The caller must close it.
type Pieces struct {
	MediaType string

	ctx    context.Context
	cancel context.CancelFunc
	stream grpc.ClientStream
	piece  protoreflect.Message
	data   []byte // of the piece, which is not read yet
	err    error  // after data
}

// Open sends a request to a method whose response comes in pieces, and waits for the first one. Its
// errors, and those of Read, are those of [FaultOf].
func Open(ctx context.Context, c grpc.ClientConnInterface, m protoreflect.MethodDescriptor, req any, leftOut ...string) (*Pieces, error) {
	message := messageType(m.Input()).New().Interface()
	md, err := Encode(req, message, leftOut...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &Pieces{ctx: ctx, cancel: cancel, piece: messageType(m.Output()).New()}
	if p.stream, err = Begin(WithMetadata(ctx, md), c, m, message); err != nil {
		cancel()
		return nil, err
	}
	p.receive()
	if p.err != nil && !errors.Is(p.err, io.EOF) {
		cancel()
		return nil, p.err
	}
	p.MediaType = p.piece.Get(p.piece.Descriptor().Fields().ByName("media_type")).String()
	return p, nil
}

// receive waits for the next piece.
func (p *Pieces) receive() {
	if err := p.stream.RecvMsg(p.piece.Interface()); err != nil {
		p.data, p.err = nil, FaultOf(p.ctx, err)
		return
	}
	p.data = p.piece.Get(p.piece.Descriptor().Fields().ByName("data")).Bytes()
}

// Read reads from the pieces. It returns io.EOF after the last one if all was sent.
func (p *Pieces) Read(b []byte) (int, error) {
	for len(p.data) == 0 {
		if p.err != nil {
			return 0, p.err
		}
		p.receive()
	}
	n := copy(b, p.data)
	p.data = p.data[n:]
	return n, nil
}

// Close ends the call.
func (p *Pieces) Close() error {
	p.cancel()
	return nil
}

// Begin sends the one request of a method whose response is a stream. ctx must end before the caller
// drops the stream. Its errors are those of [FaultOf].
func Begin(ctx context.Context, c grpc.ClientConnInterface, m protoreflect.MethodDescriptor, message proto.Message) (grpc.ClientStream, error) {
	stream, err := c.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, MethodName(m))
	if err != nil {
		return nil, FaultOf(ctx, err)
	}
	if err := stream.SendMsg(message); err != nil && !errors.Is(err, io.EOF) { // for io.EOF, RecvMsg has the reason
		return nil, FaultOf(ctx, err)
	}
	_ = stream.CloseSend() // it returns nil
	return stream, nil
}
