package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/png"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/grpcapi"
	accountv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/account/v1"
	adminv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/admin/v1"
	livev1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/live/v1"
	messagingv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/messaging/v1"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// TestReplayOverTheOtherTransport repeats the request of every row that takes a key, over the transport
// that it was not sent over first. The response is that of the first request, and nothing changes.
func TestReplayOverTheOtherTransport(t *testing.T) {
	tried := 0
	for _, o := range newWorld(t).api.Server().Operations() {
		if _, keyed := o.Request.FieldByName("Key"); !keyed {
			continue
		}
		tried++
		r, m := routeTable[o.Name], methods[o.Name]
		for _, first := range []string{"HTTP", "gRPC"} {
			t.Run(o.Name+"/"+first+" first", func(t *testing.T) {
				tn := newTown(t)
				conn := tn.dial()
				token, path, body := tn.people[r.callers()[0]].token, tn.path(o.RouteInfo, r), tn.words.Replace(r.body)
				overHTTP := func(replayed string) string {
					a := tn.ask(o.Method, path, token, body, "Idempotency-Key", "k1").want(t, r.want[0])
					if got := a.header.Get("Idempotency-Replayed"); got != replayed {
						t.Errorf("over HTTP: got Idempotency-Replayed %q, want %q", got, replayed)
					}
					return a.body
				}
				overGRPC := func(replayed string) string {
					got := call(t.Context(), conn, m, token, []string{"idempotency-key", "k1"}, messageOf(t, m, o.RouteInfo, path, body))
					if got.status.Code() != codes.OK {
						t.Fatal(got.status)
					}
					if got := strings.Join(got.header.Get("idempotency-replayed"), " "); got != replayed {
						t.Errorf("over gRPC: got idempotency-replayed %q, want %q", got, replayed)
					}
					return got.json(t, o)
				}
				send, again := overHTTP, overGRPC
				if first == "gRPC" {
					send, again = overGRPC, overHTTP
				}
				was := send("")
				if o.Name == "signUp" { // a repeat signs in again
					again("true")
					return
				}
				tn.unchanged(func() {
					var got, want any
					if json.Unmarshal([]byte(was), &want) != nil || json.Unmarshal([]byte(again("true")), &got) != nil {
						t.Fatal("not JSON")
					}
					if o.Name == "openConversation" {
						delete(got.(map[string]any), "last_message") // its address is signed again
						delete(want.(map[string]any), "last_message")
					}
					if !reflect.DeepEqual(got, want) {
						t.Errorf("got again %v, want %v", got, want)
					}
				})
			})
		}
	}
	if tried < 10 {
		t.Errorf("only %d operations take a key", tried)
	}
}

// TestKeyOfAnotherRequestOverGRPC checks that a key that was used over HTTP is refused for another
// request over gRPC, and that the key itself is checked.
func TestKeyOfAnotherRequestOverGRPC(t *testing.T) {
	tn := newTown(t)
	conn := tn.dial()
	vera := tn.people["voyager"]
	send := func(content string, md ...string) reply {
		return call(t.Context(), conn, methods["send"], vera.token, md, &messagingv1.SendRequest{
			Id: tn.words.Replace("{conversation}"), Content: proto.String(content),
		})
	}
	tn.ask("POST", tn.words.Replace("/v1/conversations/{conversation}/messages"), vera.token, `{"content":"one"}`, "Idempotency-Key", "k").want(t, 201)
	tn.unchanged(func() {
		for _, c := range []struct {
			code   string
			fields string
			md     []string
		}{
			{"idempotency_key_reused", "", []string{"idempotency-key", "k"}},
			{"invalid_input", "Idempotency-Key", []string{"idempotency-key", strings.Repeat("k", 129)}},
			{"malformed", "Idempotency-Key", []string{"idempotency-key", "a", "idempotency-key", "b"}},
		} {
			got := send("two", c.md...)
			if code, fields := got.code(); code != c.code || strings.Join(fields, " ") != c.fields {
				t.Errorf("%q: got %v %s %q, want %s for %q", c.md, got.status, code, fields, c.code, c.fields)
			}
		}
	})
}

// TestCursorsOverTheOtherTransport reads the second page of lists over the transport that the first
// page was not read over.
func TestCursorsOverTheOtherTransport(t *testing.T) {
	tn := newTown(t)
	conn := tn.dial()
	tried := 0
	var foreign string
	for _, o := range tn.api.Server().Operations() {
		r, m := routeTable[o.Name], methods[o.Name]
		if _, paged := o.Request.FieldByName("Cursor"); !paged {
			continue
		}
		token, path := tn.people[r.callers()[0]].token, tn.path(o.RouteInfo, r)
		next := func(a answer) string {
			cursor, _ := a.want(t, 200).object(t)["next_cursor"].(string)
			return cursor
		}
		cursor := next(tn.ask("GET", path+"?limit=1", token, ""))
		if cursor == "" {
			continue
		}
		tried++
		second := path + "?limit=1&cursor=" + cursor
		want := tn.ask("GET", second, token, "").want(t, 200)
		got := call(t.Context(), conn, m, token, nil, messageOf(t, m, o.RouteInfo, second, ""))
		var overGRPC, overHTTP any
		if json.Unmarshal([]byte(got.json(t, o)), &overGRPC) != nil || json.Unmarshal([]byte(want.body), &overHTTP) != nil {
			t.Fatal("not JSON")
		}
		if !reflect.DeepEqual(overGRPC, overHTTP) {
			t.Errorf("%s: got %v, want %v", o.Name, overGRPC, overHTTP)
		}
		first := call(t.Context(), conn, m, token, nil, messageOf(t, m, o.RouteInfo, path+"?limit=1", ""))
		var page struct {
			Cursor string `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(first.json(t, o)), &page); err != nil || page.Cursor != cursor {
			t.Errorf("%s: got the cursor %q over gRPC (%v), want %q", o.Name, page.Cursor, err, cursor)
		}
		if foreign != "" {
			refused := call(t.Context(), conn, m, token, nil, messageOf(t, m, o.RouteInfo, path+"?cursor="+foreign, ""))
			if code, fields := refused.code(); code != edge.ErrCursor.Code || strings.Join(fields, "") != "cursor" {
				t.Errorf("%s: got %v %q for the cursor of another list", o.Name, refused.status, fields)
			}
		}
		foreign = cursor
	}
	if tried < 3 {
		t.Errorf("only %d lists had a second page", tried)
	}
}

// TestUpdateMask checks which fields of a change are changed.
func TestUpdateMask(t *testing.T) {
	w := newWorld(t)
	conn := w.dial()
	ada := w.person("Ada")
	change := func(r *accountv1.ChangeMeRequest) reply {
		return call(t.Context(), conn, methods["changeMe"], ada.token, nil, r)
	}
	mask := func(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }
	for _, c := range []struct {
		name    string
		request *accountv1.ChangeMeRequest
		bio     string // after it; "-" if the request is refused
		code    string
	}{
		{"without a mask", &accountv1.ChangeMeRequest{Bio: proto.String("I walk.")}, "I walk.", ""},
		{"nothing", &accountv1.ChangeMeRequest{}, "I walk.", ""},
		{"another field", &accountv1.ChangeMeRequest{Location: proto.String("Lisbon"), UpdateMask: mask("location")}, "I walk.", ""},
		{"named", &accountv1.ChangeMeRequest{Bio: proto.String("I run."), UpdateMask: mask("bio")}, "I run.", ""},
		{"not named", &accountv1.ChangeMeRequest{Bio: proto.String("I sit."), UpdateMask: mask("location")}, "-", "malformed"},
		{"unknown", &accountv1.ChangeMeRequest{UpdateMask: mask("email")}, "-", "malformed"},
		{"null that may not be", &accountv1.ChangeMeRequest{UpdateMask: mask("name")}, "-", "invalid_input"},
		{"null", &accountv1.ChangeMeRequest{UpdateMask: mask("bio")}, "", ""},
	} {
		got := change(c.request)
		if code, _ := got.code(); code != c.code {
			t.Errorf("%s: got %v, want the code %q", c.name, got.status, c.code)
		}
		if c.bio != "-" && (len(got.messages) != 1 || got.messages[0].(*accountv1.User).GetBio() != c.bio) {
			t.Errorf("%s: got %v, want the bio %q", c.name, got.messages, c.bio)
		}
	}
}

// TestUpdateMaskOfLists clears a list, which without a mask cannot be told from one that is absent.
func TestUpdateMaskOfLists(t *testing.T) {
	tn := newTown(t)
	conn := tn.dial()
	change := func(r *adminv1.ChangeWebhookRequest) []string {
		r.Id = tn.words.Replace("{webhook}")
		got := call(t.Context(), conn, methods["changeWebhook"], tn.people["admin"].token, nil, r)
		if len(got.messages) != 1 {
			t.Fatal(got.status)
		}
		return got.messages[0].(*adminv1.Webhook).GetTypes()
	}
	one := []string{"message.sent"}
	if got := change(&adminv1.ChangeWebhookRequest{Types: one}); !slices.Equal(got, one) {
		t.Errorf("got %q, want %q", got, one)
	}
	if got := change(&adminv1.ChangeWebhookRequest{Description: proto.String("x")}); !slices.Equal(got, one) {
		t.Errorf("got %q after another change, want %q", got, one)
	}
	if got := change(&adminv1.ChangeWebhookRequest{UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"types"}}}); len(got) != 0 {
		t.Errorf("got %q, want none", got)
	}
}

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
		{"no image", pieces(to, "image/png", []byte("nonsense"), 60_000), "invalid_input", "attachment"},
		{"another media type", pieces(to, "text/html", []byte("<p>"), 60_000), "invalid_input", "attachment"},
		{"empty", start, "invalid_input", "attachment"},
		{"too large", big, "too_large", ""},
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

// TestLogOverGRPC checks the line that each call has in the log, and what is observed.
func TestLogOverGRPC(t *testing.T) {
	w := newWorld(t)
	var book logbook
	var observed []grpcapi.Exchange
	conn := w.dial(func(o *grpcapi.Options) {
		o.Log = book.logger()
		o.Observe = func(_ context.Context, x grpcapi.Exchange) { observed = append(observed, x) }
	})
	ada := w.person("Ada")
	got := call(t.Context(), conn, methods["me"], ada.token, []string{"x-request-id", "r1"}, &accountv1.MeRequest{})
	if id := got.header.Get("x-request-id"); !reflect.DeepEqual(id, []string{"r1"}) {
		t.Errorf("got the request id %q, want r1", id)
	}
	refused := call(t.Context(), conn, methods["adminUser"], ada.token, nil, messageOf(t, methods["adminUser"], kithttp.RouteInfo{Path: "/v1/admin/users/{id}"}, "/v1/admin/users/"+ada.id.String(), ""))
	if id := refused.header.Get("x-request-id"); len(id) != 1 || len(id[0]) < 20 {
		t.Errorf("got the request id %q, want a new one", id)
	}
	lines := book.lines(t, "request")
	if len(lines) != 2 || len(observed) != 2 {
		t.Fatalf("got %d lines and %d observations, want two of each", len(lines), len(observed))
	}
	for i, want := range []map[string]any{
		{"route": "/cicerone.account.v1.AccountService/Me", "status": "OK", "user_id": ada.id.String(), "request_id": "r1", "code": nil},
		{"route": "/cicerone.admin.v1.AccountsService/AdminUser", "status": "PermissionDenied", "user_id": ada.id.String(), "code": "admins_only"},
	} {
		for key, value := range want {
			if lines[i][key] != value {
				t.Errorf("line %d: got %s %v, want %v", i, key, lines[i][key], value)
			}
		}
	}
	if observed[1].Code != codes.PermissionDenied || observed[1].Method != "/cicerone.admin.v1.AccountsService/AdminUser" {
		t.Errorf("got %+v observed", observed[1])
	}
}
