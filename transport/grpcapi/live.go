package grpcapi

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/live"
	"github.com/cicerone-go/cicerone/transport/edge"
	livev1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/live/v1"
	"github.com/cicerone-go/cicerone/transport/kitgrpc"
)

// liveEvents streams events. It counts as running until it ends.
func (a *API) liveEvents(ctx context.Context, stream *kitgrpc.Stream) error {
	var req livev1.LiveEventsRequest
	if err := stream.ReceiveOnly(&req); err != nil {
		return err
	}
	if req.LastEventId != nil && req.GetLastEventId() < 0 {
		return fault.InvalidField("Last-Event-ID", "must be the id of an event")
	}
	leave, err := a.gate.Enter(ctx, edge.Live, "")
	if err != nil {
		return err
	}
	defer leave()
	caller, _ := edge.CallerFrom(ctx) // always present behind Gate.SignedIn
	followed, err := a.services.Live.Open(ctx, caller, req.LastEventId)
	if err != nil {
		return err
	}
	defer followed.Close()
	out := stream.Paced(a.options.Streams.WriteTime)
	return a.options.Streams.Follow(ctx, followed, func(items []*live.Item, position int64) error {
		for _, i := range items {
			e, err := eventOf(i)
			if err != nil {
				return err
			}
			if err := out.Send(e); err != nil {
				return err
			}
		}
		if len(items) == 0 {
			return out.Send(&livev1.LiveEventsResponse{LastEventId: position})
		}
		return nil
	})
}

func eventOf(i *live.Item) (*livev1.LiveEventsResponse, error) {
	e := &livev1.LiveEventsResponse{LastEventId: i.Position, Reset_: i.Reset}
	if i.Reset {
		return e, nil
	}
	data := &structpb.Struct{}
	if err := protojson.Unmarshal([]byte(events.Encode(i.Event.Data)), data); err != nil {
		return nil, fmt.Errorf("encode an event: %w", err)
	}
	e.Event = &livev1.LiveEvent{
		Id: i.Event.ID.String(), Type: string(i.Event.Type), Version: i.Event.Version, At: timestamppb.New(i.Event.At), Data: data,
	}
	return e, nil
}
