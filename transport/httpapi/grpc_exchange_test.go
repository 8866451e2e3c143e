package httpapi_test

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/grpcapi"
	accountv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/account/v1"
	adminv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/admin/v1"
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

// TestLogOverGRPC checks the line of each call in the log, and the exchanges that Observe gets.
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
