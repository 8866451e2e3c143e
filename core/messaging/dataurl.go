package messaging

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"slices"

	"github.com/cicerone-go/cicerone/core/fault"
)

// DataURL is the image of a Draft, as a client sends it: data:image/png;base64,… It holds the bytes
// of the image and a digest of the text, not the text, which is a third longer. The zero value is no
// image.
type DataURL struct {
	image   Attachment
	digest  [sha256.Size]byte // of the text
	refused error             // of kind fault.Invalid on the field attachment; nil for a valid data URL
}

// ParseDataURL parses the data URL of an image, and does not retain text. An empty text is no image.
// It accepts every text: Draft.Check and Service.Send return the error of one that is not valid.
func ParseDataURL(text []byte) DataURL {
	if len(text) == 0 {
		return DataURL{}
	}
	image, message := parseAttachment(text)
	d := DataURL{image: image, digest: sha256.Sum256(text)}
	if message != "" {
		d.refused = fault.InvalidField("attachment", message)
	}
	return d
}

// IsZero reports whether there is no image.
func (d DataURL) IsZero() bool { return d.digest == [sha256.Size]byte{} }

// sum returns the digest of the text.
func (d DataURL) sum() [sha256.Size]byte {
	if d.IsZero() {
		return sha256.Sum256(nil)
	}
	return d.digest
}

// parseAttachment parses the data URL of an image, but does not inspect the image. If the text is not
// valid, it returns a message for the sender.
func parseAttachment(text []byte) (a Attachment, refused string) {
	head, body, found := bytes.Cut(text, []byte(";base64,"))
	mediaType, isData := bytes.CutPrefix(head, []byte("data:"))
	if !found || !isData || !slices.Contains(ImageTypes(), string(mediaType)) {
		return a, "must be a data URL like data:image/png;base64,… of a png, jpeg, gif or webp image"
	}
	if base64.StdEncoding.DecodedLen(len(body)) > MaxAttachment+2 { // up to two bytes may be padding
		return a, "must be at most 5 MiB when decoded"
	}
	b := make([]byte, base64.StdEncoding.DecodedLen(len(body)))
	n, err := base64.StdEncoding.Strict().Decode(b, body)
	if err != nil || bytes.ContainsAny(body, "\r\n") {
		return a, "must be padded standard base64"
	}
	if n > MaxAttachment {
		return a, "must be at most 5 MiB when decoded"
	}
	return Attachment{MediaType: string(mediaType), Bytes: b[:n]}, ""
}
