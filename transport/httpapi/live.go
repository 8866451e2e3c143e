package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/live"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// LiveEvent is the data of an event in a stream.
type LiveEvent struct {
	ID      id.Event        `json:"id"`
	Type    events.Type     `json:"type"`
	Version int64           `json:"version"`
	At      Time            `json:"at"`
	Data    json.RawMessage `json:"data"`
}

const (
	lastEventHeader = "Last-Event-ID"

	// resetType is the type of an event after which the client has to read its lists again.
	resetType = "reset"

	// leastRetry and moreRetry are how long clients wait before they connect again: at least, and a
	// random part more, so that not all come back together.
	leastRetry, moreRetry = time.Second, 4 * time.Second
)

type liveRequest struct {
	LastEventID *lastEventID `header:"Last-Event-ID" description:"The id of the last event that the client has handled: the stream begins after it."`
}

// lastEventID is the position of an event.
type lastEventID int64

// MarshalText implements encoding.TextMarshaler.
func (i lastEventID) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(i), 10), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It accepts what the server has sent as an id.
func (i *lastEventID) UnmarshalText(text []byte) error {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != string(text) {
		return fault.New(fault.Invalid, fault.CodeInvalid, "must be the id of an event")
	}
	*i = lastEventID(n)
	return nil
}

var liveEvents = kithttp.Route[liveRequest, kithttp.Stream]{
	Name: "liveEvents", Method: http.MethodGet, Path: "/v1/events", Summary: "Follow what concerns you, as server-sent events",
	Tags: []string{"events"}, Media: []string{kithttp.EventMedia},
}

func (a *API) serveLive() { asUser(a, edge.Live, liveEvents, a.liveEvents) }

// liveEvents streams events. It counts as running until it ends.
func (a *API) liveEvents(_ context.Context, caller users.Caller, req liveRequest) (kithttp.Stream, error) {
	return kithttp.Stream{
		ContentType: kithttp.EventMedia,
		Header:      http.Header{"X-Accel-Buffering": {"no"}},
		Write: func(ctx context.Context, w http.ResponseWriter) error {
			leave, err := a.gate.Enter(ctx, edge.Live, "")
			if err != nil {
				return err
			}
			defer leave()
			stream, err := a.services.Live.Open(ctx, caller, (*int64)(req.LastEventID))
			if err != nil {
				return err
			}
			defer stream.Close()
			return a.tell(ctx, w, stream)
		},
	}, nil
}

// tell writes a stream until it ends. Then the client connects again. If it is refused, the error says why.
func (a *API) tell(ctx context.Context, w http.ResponseWriter, stream *live.Stream) error {
	out, err := kithttp.NewEventWriter(w, a.streams.WriteTime)
	if err != nil {
		return err
	}
	out.Write(kithttp.ServerEvent{Retry: leastRetry + rand.N(moreRetry)}) // #nosec G404 -- jitter need not be unpredictable
	return a.streams.Follow(ctx, stream, func(items []*live.Item, position int64) error {
		for _, i := range items {
			e, err := serverEventOf(i)
			if err != nil {
				return err
			}
			out.Write(e)
		}
		if len(items) == 0 {
			out.Comment()
			out.Write(kithttp.ServerEvent{ID: strconv.FormatInt(position, 10)})
		}
		return out.Flush()
	})
}

func serverEventOf(i *live.Item) (kithttp.ServerEvent, error) {
	e := kithttp.ServerEvent{ID: strconv.FormatInt(i.Position, 10), Type: resetType, Data: []byte("{}")}
	if i.Reset {
		return e, nil
	}
	data, err := json.Marshal(LiveEvent{
		ID: i.Event.ID, Type: i.Event.Type, Version: i.Event.Version, At: Time(i.Event.At), Data: json.RawMessage(events.Encode(i.Event.Data)),
	})
	if err != nil {
		return e, fmt.Errorf("encode an event: %w", err)
	}
	e.Type, e.Data = string(i.Event.Type), data
	return e, nil
}
