package messaging

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
)

// The limits of a message.
const (
	MaxContent     = 5000       // characters
	MaxAttachment  = 5 << 20    // bytes, decoded
	MaxImagePixels = 50_000_000 // width times height
	MaxUnread      = 1000       // the number up to which unread messages are counted
)

// Message is a message, without the bytes of its image: see Attachment.
type Message struct {
	ID             id.Message
	ConversationID id.Conversation
	UserID         id.User // the sender
	Content        string
	Attachment     string // media type of its image, or "" if it has none
	Read           bool   // by the other participant
	CreatedAt      time.Time
}

// sentAt returns the time of a message that is sent now. latest is the time of the latest message
// of its conversation, or zero. The result is later than latest, so that a reply is listed after
// the message that it answers, even if the clocks of two servers differ, or one is set back.
func sentAt(now, latest time.Time) time.Time {
	if next := latest.Add(time.Millisecond); now.Before(next) {
		return next
	}
	return now
}

// PlaceOfMessage returns the position of a message in its conversation.
func PlaceOfMessage(m Message) page.Moment { return page.Moment{At: m.CreatedAt, ID: m.ID} }

// Attachment is the image of a message.
type Attachment struct {
	MediaType string // one of ImageTypes
	Bytes     []byte
}

// DataURL returns the attachment as the data URL that the sender passed.
func (a Attachment) DataURL() string {
	return "data:" + a.MediaType + ";base64," + base64.StdEncoding.EncodeToString(a.Bytes)
}

// Images inspects images.
type Images interface {
	// Inspect returns the media type of an image and its dimensions in pixels, which it reads from
	// the header. It returns fault.Invalid if data is not an image of a known type.
	Inspect(ctx context.Context, data []byte) (mediaType string, width, height int, err error)
}

func refuseAttachment(message string) (Attachment, error) {
	return Attachment{}, fault.InvalidField("attachment", message)
}

// parseAttachment parses the data URL of an image, but does not inspect the image. Errors:
// fault.Invalid on the field attachment.
func parseAttachment(dataURL string) (Attachment, error) {
	head, body, found := strings.Cut(dataURL, ";base64,")
	mediaType, isData := strings.CutPrefix(head, "data:")
	if !found || !isData || !slices.Contains(ImageTypes(), mediaType) {
		return refuseAttachment("must be a data URL like data:image/png;base64,… of a png, jpeg, gif or webp image")
	}
	if base64.StdEncoding.DecodedLen(len(body)) > MaxAttachment+2 { // up to two bytes may be padding
		return refuseAttachment("must be at most 5 MiB when decoded")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(body)
	if err != nil || strings.ContainsAny(body, "\r\n") {
		return refuseAttachment("must be padded standard base64")
	}
	if len(b) > MaxAttachment {
		return refuseAttachment("must be at most 5 MiB when decoded")
	}
	return Attachment{MediaType: mediaType, Bytes: b}, nil
}

// inspect checks that the bytes are an image of the attachment's MediaType, with at most
// MaxImagePixels pixels. Errors: fault.Invalid on the field attachment, and other errors of images.
func (a Attachment) inspect(ctx context.Context, images Images) error {
	refuse := func(message string) error { return fault.InvalidField("attachment", message) }
	actual, width, height, err := images.Inspect(ctx, a.Bytes)
	switch {
	case errors.Is(err, fault.Invalid):
		return refuse("must be an image: its bytes are not " + a.MediaType)
	case err != nil:
		return fmt.Errorf("inspect an image: %w", err)
	case actual != a.MediaType:
		return refuse(fmt.Sprintf("must match its label: labelled %s, it is %s", a.MediaType, actual))
	case int64(width)*int64(height) > MaxImagePixels:
		return refuse(fmt.Sprintf("must have at most 50 megapixels, this has %d by %d", width, height))
	}
	return nil
}

// ImageTypes returns the media types that an attachment may have.
func ImageTypes() []string { return []string{"image/png", "image/jpeg", "image/gif", "image/webp"} }

// Draft is a message to send.
type Draft struct {
	Content    string
	Attachment string // an image as a data URL, or ""
}

// Check adds an error to f for each field that breaks a rule. It does not inspect the image:
// Service.Send does.
func (d Draft) Check(f *fault.Fields) { d.parse(f) }

// parse returns the content of the draft as it is stored, and its attachment, which is nil if it has
// none or f has an error about it.
func (d Draft) parse(f *fault.Fields) (content string, image *Attachment) {
	content = text.Long(f, "content", d.Content, text.Need(d.Attachment == ""), MaxContent)
	if d.Attachment == "" {
		return content, nil
	}
	a, err := parseAttachment(d.Attachment)
	if err != nil {
		_ = f.Collect(err) // Collect returns nil, because the error has a field
		return content, nil
	}
	return content, &a
}
