package messaging_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/messaging"
)

// FuzzDataURL checks that a message accepts a data URL only in the one form that Attachment.DataURL
// writes, and in that form for all bytes.
func FuzzDataURL(f *testing.F) {
	for _, url := range []string{
		"", "data:", "data:image/png;base64,", "data:image/png;base64,AAA=", "data:image/png;base64,AAB=", "data:image/png;base64,AAA",
		"data:image/png;base64,AA\r\nA=", "data:image/png;base64,AA-_", "data:image/svg+xml;base64,AAAA", "data:image/png,AAAA",
		"DATA:image/png;base64,AAAA", "data:image/png;charset=x;base64,AAAA", "data:image/png;base64,AAAA;base64,AAAA",
	} {
		f.Add(url, []byte(url))
	}
	check := func(url string) error {
		var fields fault.Fields
		messaging.Draft{Content: "x", Attachment: messaging.ParseDataURL([]byte(url))}.Check(&fields)
		return fields.Err()
	}
	f.Fuzz(func(t *testing.T, url string, data []byte) {
		for _, mediaType := range messaging.ImageTypes() {
			made := messaging.Attachment{MediaType: mediaType, Bytes: data}.DataURL()
			if err := check(made); err != nil {
				t.Errorf("%q: %v", made, err)
			}
		}
		if url == "" {
			return // no attachment
		}
		head, body, _ := strings.Cut(url, ",")
		mediaType := strings.TrimSuffix(strings.TrimPrefix(head, "data:"), ";base64")
		b, err := base64.StdEncoding.DecodeString(body)
		canonical := err == nil && slices.Contains(messaging.ImageTypes(), mediaType) &&
			url == messaging.Attachment{MediaType: mediaType, Bytes: b}.DataURL()
		switch err := check(url); {
		case canonical && err != nil:
			t.Errorf("%q: %v", url, err)
		case !canonical:
			coretest.Fields(t, err, "attachment")
		}
	})
}
