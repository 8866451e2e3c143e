package client

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"strings"

	"google.golang.org/grpc"

	"github.com/cicerone-go/cicerone/transport/grpcapi"
	messagingv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/messaging/v1"
	"github.com/cicerone-go/cicerone/transport/kitgrpc"
)

// pieceSize is the number of bytes of a piece of an image.
const pieceSize = 32 << 10

// sendAttachment sends a message with an image, which is a data URL, and reads the response.
func (t *overGRPC) sendAttachment(ctx context.Context, req any, dataURL string, resp any) error {
	message := &messagingv1.SendRequest{}
	md, err := kitgrpc.Encode(req, message, grpcapi.LeftOut("send")...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(kitgrpc.WithMetadata(ctx, md))
	defer cancel()
	stream, err := messagingv1.NewMessagingServiceClient(t.conn).SendAttachment(ctx)
	if err != nil {
		return kitgrpc.FaultOf(ctx, err)
	}
	mediaType, image := parts(dataURL)
	if err := upload(stream, message, mediaType, image); err != nil && !errors.Is(err, io.EOF) { // for io.EOF, the answer has the reason
		return kitgrpc.FaultOf(ctx, err)
	}
	answer, err := stream.CloseAndRecv()
	if err != nil {
		return kitgrpc.FaultOf(ctx, err)
	}
	return kitgrpc.Answer(answer, resp)
}

type uploading = grpc.ClientStreamingClient[messagingv1.SendAttachmentRequest, messagingv1.Message]

func upload(stream uploading, message *messagingv1.SendRequest, mediaType string, image []byte) error {
	start := &messagingv1.SendAttachmentRequest_Start{Message: message, MediaType: mediaType}
	err := stream.Send(&messagingv1.SendAttachmentRequest{Piece: &messagingv1.SendAttachmentRequest_Start_{Start: start}})
	for at := 0; err == nil && at < len(image); at += pieceSize {
		data := &messagingv1.SendAttachmentRequest_Data{Data: image[at:min(at+pieceSize, len(image))]}
		err = stream.Send(&messagingv1.SendAttachmentRequest{Piece: data})
	}
	return err
}

// parts returns the media type and the image of a data URL. For a text that is not the data URL of an
// image, they are empty, which the server refuses.
func parts(dataURL string) (mediaType string, image []byte) {
	head, body, _ := strings.Cut(dataURL, ";base64,")
	mediaType, isData := strings.CutPrefix(head, "data:")
	image, err := base64.StdEncoding.Strict().DecodeString(body)
	if !isData || err != nil || strings.ContainsAny(body, "\r\n") {
		return "", nil
	}
	return mediaType, image
}
