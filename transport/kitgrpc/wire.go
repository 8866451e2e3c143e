package kitgrpc

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec that is wrapped
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// received is a message with what became of it: gRPC itself would report an error of the codec
// without the kind and the code of a failure. To interceptors, it is the message.
type received struct {
	proto.Message
	size   int // bytes on the wire; a message of more than MaxMessage is not decoded
	failed error
}

// wire is the codec of protocol buffers, which keeps the error of a received message.
type wire struct{ encoding.CodecV2 }

func newWire() wire { return wire{encoding.GetCodecV2("proto")} }

// Unmarshal reads a message.
func (w wire) Unmarshal(data mem.BufferSlice, v any) error {
	r, ok := v.(*received)
	if !ok {
		return w.CodecV2.Unmarshal(data, v)
	}
	if r.size = data.Len(); r.size <= MaxMessage {
		r.failed = w.CodecV2.Unmarshal(data, r.Message)
	}
	return nil
}
