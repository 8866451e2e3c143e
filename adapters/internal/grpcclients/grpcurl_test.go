package grpcclients_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fullstorydev/grpcurl"
	"github.com/jhump/protoreflect/grpcreflect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestGrpcurl lists the services, signs in and sends a message, as grpcurl does. It reads the
// .proto files by reflection.
func TestGrpcurl(t *testing.T) {
	w := newWorld(t)
	conn, err := grpcurl.BlockingDial(t.Context(), "tcp", w.address, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	reflected := grpcreflect.NewClientAuto(t.Context(), conn)
	defer reflected.Reset()
	source := grpcurl.DescriptorSourceFromServer(t.Context(), reflected)
	services, err := grpcurl.ListServices(source)
	if err != nil || !slices.Contains(services, "cicerone.messaging.v1.MessagingService") || !slices.Contains(services, "grpc.health.v1.Health") {
		t.Fatalf("got the services %v, %v", services, err)
	}

	in, s := call(t, conn, source, "cicerone.auth.v1.AuthService/LogIn", nil, map[string]any{"email": w.email, "password": password})
	token, _ := in["accessToken"].(string)
	if s.Code() != codes.OK || token == "" {
		t.Fatalf("log in: %v, %v", in, s)
	}
	headers := []string{"authorization: Bearer " + token, "idempotency-key: k"}
	request := map[string]any{"id": w.conversation.String(), "content": "Olá"}
	sent, s := call(t, conn, source, "cicerone.messaging.v1.MessagingService/Send", headers, request)
	again, _ := call(t, conn, source, "cicerone.messaging.v1.MessagingService/Send", headers, request)
	if s.Code() != codes.OK || sent["content"] != "Olá" || sent["id"] != again["id"] {
		t.Errorf("send: %v, %v; again %v", sent, s, again)
	}
	_, s = call(t, conn, source, "cicerone.messaging.v1.MessagingService/Send", headers[:1], map[string]any{"id": w.conversation.String(), "content": strings.Repeat("x", 5001)})
	if s.Code() != codes.InvalidArgument || !strings.Contains(fmt.Sprint(s.Details()), "content") {
		t.Errorf("a text that is too long: %v %v", s, s.Details())
	}
}

// call calls a method with a request in JSON.
func call(t *testing.T, conn *grpc.ClientConn, source grpcurl.DescriptorSource, method string, headers []string, request any) (map[string]any, *status.Status) {
	t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	parser, formatter, err := grpcurl.RequestParserAndFormatter(grpcurl.FormatJSON, source, bytes.NewReader(body), grpcurl.FormatOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	handler := &grpcurl.DefaultEventHandler{Out: &out, Formatter: formatter}
	if err := grpcurl.InvokeRPC(context.WithoutCancel(t.Context()), source, conn, method, headers, handler, parser.Next); err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil && out.Len() > 0 {
		t.Fatalf("%s: %v", out.String(), err)
	}
	return answer, handler.Status
}
