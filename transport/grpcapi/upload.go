package grpcapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"

	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
	messagingv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/messaging/v1"
	"github.com/cicerone-go/cicerone/transport/kitgrpc"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// sendAttachment serves the operation send for a message with an image, whose pieces it puts
// together as the data URL that the operation takes.
func (a *API) sendAttachment(o kithttp.Operation) kitgrpc.Handler {
	send := a.server.Endpoint(o, (&messagingv1.SendRequest{}).ProtoReflect().Descriptor(), leftOut[o.Name]...)
	respond := a.server.Responder(o, (&messagingv1.Message{}).ProtoReflect().Descriptor())
	return func(ctx context.Context, stream *kitgrpc.Stream) error {
		var first messagingv1.SendAttachmentRequest
		if err := stream.Receive(&first); err != nil {
			return notEnded(err)
		}
		start := first.GetStart()
		if start.GetMessage() == nil {
			return failure.MalformedField("start", "must be in the first piece, and have a message")
		}
		image, err := receiveImage(stream, start.GetMediaType())
		if err != nil {
			return err
		}
		response, err := send(ctx, start.GetMessage(), map[string][]byte{"attachment": image})
		if err != nil {
			return err
		}
		return respond(ctx, response, stream)
	}
}

// receiveImage returns the data URL of an image that comes in pieces. Each piece has at least one
// byte, so that the limit of the image bounds their number, too. Of an image that is too large it
// returns a part that is so, which the operation refuses as it does over HTTP.
func receiveImage(stream *kitgrpc.Stream, mediaType string) ([]byte, error) {
	url := bytes.NewBufferString("data:" + mediaType + ";base64,")
	encoder := base64.NewEncoder(base64.StdEncoding, url)
	for size := 0; size <= messaging.MaxAttachment; {
		var piece messagingv1.SendAttachmentRequest
		err := stream.Receive(&piece)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(piece.GetData()) == 0 {
			return nil, failure.MalformedField("data", "must be in every piece after the first, and not be empty")
		}
		size += len(piece.GetData())
		_, _ = encoder.Write(piece.GetData()) // a buffer accepts all
	}
	_ = encoder.Close()
	return url.Bytes(), nil
}

// notEnded returns the error for a stream that has ended before its first piece.
func notEnded(err error) error {
	if errors.Is(err, io.EOF) {
		return failure.MalformedField("start", "must be in the first piece, and have a message")
	}
	return err
}
