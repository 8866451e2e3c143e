package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/grpcapi"
	accountv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/account/v1"
	livev1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/live/v1"
	messagingv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/messaging/v1"
	"github.com/cicerone-go/cicerone/transport/kitgrpc"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// noise returns a PNG that is larger than a message.
func noise(t testing.TB) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 400, 400))
	for i := range img.Pix {
		img.Pix[i] = byte(rand.N(256))
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pieces returns the pieces of a message with an image.
func pieces(to, mediaType string, image []byte, size int) []proto.Message {
	all := []proto.Message{&messagingv1.SendAttachmentRequest{Piece: &messagingv1.SendAttachmentRequest_Start_{
		Start: &messagingv1.SendAttachmentRequest_Start{Message: &messagingv1.SendRequest{Id: to}, MediaType: mediaType},
	}}}
	for len(image) > 0 {
		n := min(size, len(image))
		all = append(all, &messagingv1.SendAttachmentRequest{Piece: &messagingv1.SendAttachmentRequest_Data{Data: image[:n]}})
		image = image[n:]
	}
	return all
}

// TestAttachmentOverGRPC sends an image in pieces, reads it in pieces, and repeats the request over
// HTTP.
func TestAttachmentOverGRPC(t *testing.T) {
	tn := newTown(t)
	conn := tn.dial()
	vera, to, image := tn.people["voyager"], tn.words.Replace("{conversation}"), noise(t)
	sent := call(t.Context(), conn, methods["sendAttachment"], vera.token, []string{"idempotency-key", "k"}, pieces(to, "image/png", image, 10_000)...)
	if sent.status.Code() != codes.OK || len(sent.messages) != 1 {
		t.Fatalf("got %v and %d messages", sent.status, len(sent.messages))
	}
	message := sent.messages[0].(*messagingv1.Message)
	b, err := json.Marshal(map[string]string{"attachment": dataURL("image/png", image)})
	if err != nil {
		t.Fatal(err)
	}
	again := tn.ask("POST", "/v1/conversations/"+to+"/messages", vera.token, string(b), "Idempotency-Key", "k").want(t, 201)
	if again.header.Get("Idempotency-Replayed") != "true" || again.object(t)["id"] != message.GetId() {
		t.Errorf("got over HTTP %s, want again %v", again.body, message)
	}

	want := tn.ask("GET", "/v1/messages/"+message.GetId()+"/attachment", vera.token, "").want(t, 200)
	got := call(t.Context(), conn, methods["attachment"], vera.token, nil, &messagingv1.AttachmentRequest{Id: message.GetId()})
	if len(got.messages) < 2 {
		t.Fatalf("got %d pieces (%v), want several", len(got.messages), got.status)
	}
	var read bytes.Buffer
	for _, m := range got.messages {
		read.Write(m.(*messagingv1.AttachmentResponse).GetData())
	}
	if mediaType := got.messages[0].(*messagingv1.AttachmentResponse).GetMediaType(); mediaType != "image/png" || read.String() != want.body {
		t.Errorf("got %d bytes of %s, want %d of image/png", read.Len(), mediaType, len(want.body))
	}
}

// TestUploadsThatAreRefused checks streams that are no message with an image.
func TestUploadsThatAreRefused(t *testing.T) {
	tn := newTown(t)
	conn := tn.dial()
	vera, to := tn.people["voyager"], tn.words.Replace("{conversation}")
	start := pieces(to, "image/png", nil, 1)
	data := &messagingv1.SendAttachmentRequest{Piece: &messagingv1.SendAttachmentRequest_Data{Data: []byte("x")}}
	big := pieces(to, "image/png", make([]byte, 6<<20), 60_000)
	for _, c := range []struct {
		name     string
		messages []proto.Message
		code     string
		field    string
	}{
		{"nothing", nil, "malformed", "start"},
		{"no start", []proto.Message{data}, "malformed", "start"},
		{"two starts", append(start[:1:1], start[0]), "malformed", "data"},
		{"an empty piece", append(start[:1:1], &messagingv1.SendAttachmentRequest{Piece: &messagingv1.SendAttachmentRequest_Data{}}, data), "malformed", "data"},
		{"no image", pieces(to, "image/png", []byte("nonsense"), 60_000), "invalid_input", "attachment"},
		{"another media type", pieces(to, "text/html", []byte("<p>"), 60_000), "invalid_input", "attachment"},
		{"empty", start, "invalid_input", "attachment"},
		{"too large", big, "invalid_input", "attachment"}, // as over HTTP, see below
		{"a piece that is too large", pieces(to, "image/png", make([]byte, 70_000), 70_000), "too_large", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tn.unchanged(func() {
				got := call(t.Context(), conn, methods["sendAttachment"], vera.token, nil, c.messages...)
				if code, fields := got.code(); code != c.code || strings.Join(fields, " ") != c.field {
					t.Errorf("got %v %s %q, want %s for %q", got.status, code, fields, c.code, c.field)
				}
			})
		})
	}
	for _, size := range []int{messaging.MaxAttachment, messaging.MaxAttachment + 1, messaging.MaxAttachment + 70_000} {
		image := make([]byte, size)
		over := call(t.Context(), conn, methods["sendAttachment"], vera.token, nil, pieces(to, "image/png", image, 60_000)...)
		b, err := json.Marshal(map[string]string{"attachment": dataURL("image/png", image)})
		if err != nil {
			t.Fatal(err)
		}
		a := tn.ask("POST", "/v1/conversations/"+to+"/messages", vera.token, string(b)).want(t, 422)
		var want kithttp.Problem
		if err := json.Unmarshal([]byte(a.body), &want); err != nil {
			t.Fatal(err)
		}
		got, ok := errors.AsType[*fault.Error](kitgrpc.FaultOf(t.Context(), over.status.Err()))
		if !ok || got.Code != want.Code || len(got.Fields) != 1 || len(want.Errors) != 1 ||
			got.Fields[0].Name != want.Errors[0].Field || got.Fields[0].Message != want.Errors[0].Message {
			t.Errorf("%d bytes: got %v, want %v", size, over.status, want)
		}
	}
}

// TestExportOverGRPC checks that the pieces of an export are the document that HTTP has.
func TestExportOverGRPC(t *testing.T) {
	tn := newTown(t)
	conn := tn.dial()
	vera := tn.people["voyager"]
	want := tn.ask("GET", "/v1/me/export", vera.token, "").want(t, 200)
	got := call(t.Context(), conn, methods["exportMe"], vera.token, nil, &accountv1.ExportMeRequest{})
	var read bytes.Buffer
	for _, m := range got.messages {
		read.Write(m.(*accountv1.ExportMeResponse).GetData())
	}
	if got.status.Code() != codes.OK || read.String() != want.body {
		t.Errorf("got %v and\n%s\nwant\n%s", got.status, read.String(), want.body)
	}
}

// TestLiveEventsOverGRPC follows the events of a message, and goes on after it.
func TestLiveEventsOverGRPC(t *testing.T) {
	b := newBroadcasting(t, edge.StreamLimits{PerUser: 1, AtOnce: 10}, false)
	conn := b.dial(func(o *grpcapi.Options) { o.Streams = edge.StreamLimits{WriteTime: time.Second} })
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+b.luca.token), 20*time.Second)
	defer cancel()
	client := livev1.NewLiveServiceClient(conn)
	stream := must[livev1.LiveService_LiveEventsClient](t)(client.LiveEvents(ctx, &livev1.LiveEventsRequest{}))
	begin := must[*livev1.LiveEventsResponse](t)(stream.Recv())
	if begin.GetEvent() != nil {
		t.Fatalf("got %v first, want the position alone", begin)
	}
	if second := call(t.Context(), conn, methods["liveEvents"], b.luca.token, nil, &livev1.LiveEventsRequest{}); second.status.Code() != codes.ResourceExhausted {
		t.Errorf("got %v for a second stream, want %v", second.status, codes.ResourceExhausted)
	}
	sent := b.send(b.ada)
	var told *livev1.LiveEventsResponse
	for told.GetEvent().GetType() != "message.sent" {
		told = must[*livev1.LiveEventsResponse](t)(stream.Recv())
	}
	if id := told.GetEvent().GetData().GetFields()["message_id"].GetStringValue(); id != sent.ID.String() {
		t.Errorf("got %v, want the event of the message %v", told, sent.ID)
	}
	cancel()
	for _, err := stream.Recv(); err == nil; _, err = stream.Recv() {
	}

	ctx, cancel = context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+b.luca.token), 20*time.Second)
	defer cancel()
	before := told.GetLastEventId() - 1
	for {
		again := must[livev1.LiveService_LiveEventsClient](t)(client.LiveEvents(ctx, &livev1.LiveEventsRequest{LastEventId: &before}))
		first, err := again.Recv()
		if err != nil { // the first stream has not ended yet
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if first.GetLastEventId() != told.GetLastEventId() || !proto.Equal(first.GetEvent(), told.GetEvent()) {
			t.Errorf("got %v, want again %v", first, told)
		}
		return
	}
}
