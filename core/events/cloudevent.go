package events

import (
	"encoding/json"
	"fmt"
	"time"
)

// CloudEventMediaType is the media type of what Event.CloudEvent returns.
const CloudEventMediaType = "application/cloudevents+json"

// cloudEvent is an event in the JSON format of CloudEvents 1.0. dataversion is an extension of this
// package. sequence is the extension of that name: of two events with one subject, the later one
// has the greater text.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            Type            `json:"type"`
	Subject         Aggregate       `json:"subject"`
	Time            time.Time       `json:"time"`
	Sequence        string          `json:"sequence"`
	DataVersion     int64           `json:"dataversion"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

// CloudEvent returns the event in the JSON format of CloudEvents 1.0, for a message broker. source
// is a URI that names the program which has the events; it must not be empty. The subject is the
// aggregate. CloudEvent returns an error if the data is a Raw that is not JSON.
func (e Event) CloudEvent(source string) ([]byte, error) {
	b, err := json.Marshal(cloudEvent{
		SpecVersion: "1.0", ID: e.ID.String(), Source: source, Type: e.Type, Subject: e.Aggregate, Time: e.At.UTC(),
		Sequence: fmt.Sprintf("%019d", e.Seq), DataVersion: e.Version,
		DataContentType: "application/json", Data: json.RawMessage(Encode(e.Data)),
	})
	if err != nil {
		return nil, fmt.Errorf("write the event %s as a CloudEvent: %w", e.Type, err)
	}
	return b, nil
}
