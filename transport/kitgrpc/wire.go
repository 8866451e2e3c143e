package kitgrpc

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec that is wrapped
	"google.golang.org/grpc/mem"
)

// received is a message as it was sent. This package charges and decodes it after the
// codec, because gRPC itself reports an error of the codec, without the kind and the code of a failure.
type received struct{ bytes []byte }

// wire is the codec of protocol buffers, which reads a received message unchanged.
type wire struct{ encoding.CodecV2 }

func newWire() wire { return wire{encoding.GetCodecV2("proto")} }

// Unmarshal reads a message.
func (w wire) Unmarshal(data mem.BufferSlice, v any) error {
	if r, ok := v.(*received); ok {
		r.bytes = data.Materialize()
		return nil
	}
	return w.CodecV2.Unmarshal(data, v)
}
