package kitgrpc_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cicerone-go/cicerone/core/fault"
	adminv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/admin/v1"
	livev1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/live/v1"
	matchingv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/matching/v1"
	moderationv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/moderation/v1"
	"github.com/cicerone-go/cicerone/transport/kitgrpc"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

type grpcMethod struct{ protoreflect.MethodDescriptor }

type at time.Time

type liveEvent struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Version int64           `json:"version"`
	At      at              `json:"at"`
	Data    json.RawMessage `json:"data"`
}

type record struct {
	ID        string            `json:"id"`
	ActorID   *string           `json:"actor_id"`
	Action    string            `json:"action"`
	SubjectID string            `json:"subject_id"`
	Reason    *string           `json:"reason"`
	Details   map[string]string `json:"details"`
	CreatedAt at                `json:"created_at"`
}

type match struct {
	Profile struct {
		ID           *string    `json:"id"`
		UserID       string     `json:"user_id"`
		FirstName    *string    `json:"first_name"`
		Age          *int       `json:"age"`
		Biography    *string    `json:"biography"`
		Country      *string    `json:"country"`
		City         *string    `json:"city"`
		ImageURL     *string    `json:"image_url"`
		IsSearchable bool       `json:"is_searchable"`
		Interests    []interest `json:"interests,omitzero"`
	} `json:"profile"`
	SharedInterests []interest `json:"shared_interests"`
	Score           int        `json:"score"`
}

// TestConversion writes structs into messages, compares the messages, and reads them back.
func TestConversion(t *testing.T) {
	moment := time.Date(2026, 7, 1, 10, 0, 0, 123_456_789, time.UTC)
	truncated := moment.Truncate(time.Millisecond)
	var m match
	m.Profile.UserID, m.Profile.Age, m.Score = "u", new(40), 3
	m.SharedInterests = []interest{{ID: "1", Name: "Tea"}, {ID: "2", Icon: new("x")}}
	for _, c := range []struct {
		given, back any
		want, into  proto.Message
	}{
		{
			liveEvent{"e", "sent", 2, at(moment), json.RawMessage(`{"n":5}`)}, liveEvent{"e", "sent", 2, at(truncated), json.RawMessage(`{"n":5}`)},
			&livev1.LiveEvent{Id: "e", Type: "sent", Version: 2, At: timestamppb.New(truncated), Data: &structpb.Struct{
				Fields: map[string]*structpb.Value{"n": structpb.NewNumberValue(5)},
			}}, &livev1.LiveEvent{},
		},
		{
			record{ID: "r", ActorID: new(""), Details: map[string]string{"a": "b"}, CreatedAt: at(truncated)},
			record{ID: "r", ActorID: new(""), Details: map[string]string{"a": "b"}, CreatedAt: at(truncated)},
			&adminv1.AuditRecord{Id: "r", ActorId: proto.String(""), Details: map[string]string{"a": "b"}, CreatedAt: timestamppb.New(truncated)},
			&adminv1.AuditRecord{},
		},
		{
			m, m, &matchingv1.Match{Profile: &matchingv1.PublicProfile{UserId: "u", Age: proto.Int32(40)}, Score: 3, SharedInterests: []*matchingv1.Interest{
				{Id: "1", Name: "Tea"}, {Id: "2", Icon: proto.String("x")},
			}}, &matchingv1.Match{},
		},
	} {
		if _, err := kitgrpc.Encode(c.given, c.into); err != nil || !proto.Equal(c.into, c.want) {
			t.Errorf("%T: got %v, %v, want %v", c.given, c.into, err, c.want)
		}
		back := reflect.New(reflect.TypeOf(c.given))
		if err := kitgrpc.Decode(c.into, back.Interface()); err != nil || !same(t, back.Elem().Interface(), c.back) {
			t.Errorf("%T: got %+v, %v, want %+v", c.given, back.Elem(), err, c.back)
		}
	}
}

// same compares values as JSON, because raw JSON may have other white space.
func same(t *testing.T, a, b any) bool {
	t.Helper()
	var texts [2]string
	for i, v := range []any{a, b} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(text)
	}
	if e, ok := a.(liveEvent); ok && !time.Time(e.At).Equal(time.Time(b.(liveEvent).At)) {
		return false
	}
	return texts[0] == texts[1]
}

type decision struct {
	ID      string  `path:"id"`
	Outcome string  `json:"outcome" required:"true" enum:"upheld,lifted"`
	Answer  *string `json:"answer"`
}

func TestEnums(t *testing.T) {
	for text, number := range map[string]moderationv1.Outcome{"upheld": moderationv1.Outcome_OUTCOME_UPHELD, "lifted": moderationv1.Outcome_OUTCOME_LIFTED, "": 0} {
		var message adminv1.DecideRequest
		if _, err := kitgrpc.Encode(decision{ID: "7", Outcome: text}, &message); err != nil || message.GetOutcome() != number {
			t.Errorf("%q: got %v, %v, want %v", text, message.GetOutcome(), err, number)
		}
	}
	var odd adminv1.DecideRequest // the server refuses it, with its other fields
	if _, err := kitgrpc.Encode(decision{ID: "7", Outcome: "odd"}, &odd); err != nil || odd.GetOutcome() != -1 {
		t.Errorf("a text without a value: got %v, %v", odd.GetOutcome(), err)
	}
	if _, err := kitgrpc.Encode(decision{Outcome: "upheld"}, &adminv1.DecideRequest{}); !errors.Is(err, fault.Invalid) {
		t.Errorf("an empty path: got %v", err)
	}
	var back decision
	if err := kitgrpc.Decode(&adminv1.DecideRequest{Outcome: 99}, &back); err != nil || back.Outcome != "99" {
		t.Errorf("got %+v, %v, want the number as text", back, err)
	}
}

// TestOutOfRange checks numbers that the other side cannot have.
func TestOutOfRange(t *testing.T) {
	var m match
	m.Score = 1 << 40
	if _, err := kitgrpc.Encode(m, &matchingv1.Match{}); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "score") {
		t.Errorf("got %v, want an error of the field score", err)
	}
}

// TestFieldsMustMatch checks structs that do not have the fields of a message.
func TestFieldsMustMatch(t *testing.T) {
	for want, v := range map[string]any{
		"only the message has answer": struct {
			ID      string `path:"id"`
			Outcome string `json:"outcome" enum:"upheld,lifted"`
		}{},
		"the message does not have it": struct {
			ID      string  `path:"id"`
			Outcome string  `json:"outcome" enum:"upheld,lifted"`
			Answer  *string `json:"answer"`
			Reason  string  `json:"reason"`
		}{},
		"must be optional": struct {
			ID      *string `query:"id"`
			Outcome string  `json:"outcome" enum:"upheld,lifted"`
			Answer  *string `json:"answer"`
		}{},
		`has no value for "reversed"`: struct {
			ID      string  `path:"id"`
			Outcome string  `json:"outcome" enum:"upheld,lifted,reversed"`
			Answer  *string `json:"answer"`
		}{},
		"cannot be text": struct {
			ID      int     `path:"id"`
			Outcome string  `json:"outcome" enum:"upheld,lifted"`
			Answer  *string `json:"answer"`
		}{},
		"update_mask": struct {
			ID      string                   `path:"id"`
			Outcome string                   `json:"outcome" enum:"upheld,lifted"`
			Answer  kithttp.Optional[string] `json:"answer"`
		}{},
	} {
		if _, err := kitgrpc.Encode(v, &adminv1.DecideRequest{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	routes := kithttp.NewServer()
	kithttp.Handle(routes, attachment, nil)
	defer func() {
		if recover() == nil {
			t.Error("Add accepts a method with other fields")
		}
	}()
	kitgrpc.NewServer(kitgrpc.Options{}).Add(method("changeInterest").MethodDescriptor, routes.Operations()[0])
}
