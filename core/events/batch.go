package events

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Batch returns events as a JSON array, which has an array for each: its aggregate, seq, id, type,
// version, time in milliseconds since 1970, and data as Encode returns it. A store that can take JSON
// apart keeps the events that a unit adds as one row of the outbox, which costs less than several.
func Batch(all []Event) string {
	b := append(make([]byte, 0, len(all)*usualSize+2), '[')
	for i, e := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(append(b, '['), string(e.Aggregate)), ',')
		b = append(strconv.AppendInt(b, e.Seq, 10), ',')
		b = append(b, '"')
		b, _ = e.ID.AppendText(b) // it never fails
		b = append(b, `",`...)
		b = append(appendText(b, string(e.Type)), ',')
		b = append(strconv.AppendInt(b, e.Version, 10), ',')
		b = append(strconv.AppendInt(b, e.At.UnixMilli(), 10), ',')
		b = append(appendData(b, e.Data), ']')
	}
	return string(append(b, ']'))
}

// usualSize is about the most bytes of an event in a batch, more than those of its data.
const usualSize = 448

// appendText appends s as a JSON string.
func appendText(b []byte, s string) []byte {
	b, err := jsontext.AppendQuote(b, s)
	if err != nil {
		panic(err) // texts are valid UTF-8
	}
	return b
}
