package events_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
)

func TestBatch(t *testing.T) {
	odd := events.Event{
		ID: id.Event{15: 1}, Type: `a "type" of \`, Version: 2, Aggregate: "é<\u2028\U0001F600", Seq: -3,
		At: time.UnixMilli(-1500).UTC(), Data: events.Raw(`{"a":"<&"}`),
	}
	sent := events.New(id.NewGenerator(nil), noon, 4, all[8])
	text := events.Batch([]events.Event{odd, sent})
	var rows [][7]json.RawMessage
	if err := json.Unmarshal([]byte(text), &rows); err != nil || len(rows) != 2 {
		t.Fatalf("%s has %d events, %v", text, len(rows), err)
	}
	for i, e := range []events.Event{odd, sent} {
		var got events.Event
		var at int64
		for field, to := range []any{&got.Aggregate, &got.Seq, &got.ID, &got.Type, &got.Version, &at} {
			if err := json.Unmarshal(rows[i][field], to); err != nil {
				t.Errorf("the field %d of %s: %v", field, text, err)
			}
		}
		got.At, got.Data = time.UnixMilli(at).UTC(), events.Decode(e.Type, e.Version, string(rows[i][6]))
		if got != e {
			t.Errorf("got %+v, want %+v", got, e)
		}
	}
}
