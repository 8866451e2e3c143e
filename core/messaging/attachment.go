package messaging

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
)

// Attachment is the image of a message.
type Attachment struct {
	MediaType string // one of ImageTypes
	Bytes     []byte
	Cleaned   bool // whether Images.Clean has made it: false of images from before there was one
}

// DataURL returns the attachment as a data URL.
func (a Attachment) DataURL() string {
	return "data:" + a.MediaType + ";base64," + base64.StdEncoding.EncodeToString(a.Bytes)
}

// Images inspects and cleans images. The details of its errors of kind fault.Invalid are messages
// for the sender, which begin with "must".
type Images interface {
	// Inspect returns the media type of an image and its dimensions in pixels. It reads the image's
	// structure, and decodes nothing. It returns fault.Invalid if data is not one complete image of
	// a known type, with nothing of another format after it.
	Inspect(ctx context.Context, data []byte) (mediaType string, width, height int, err error)

	// Clean decodes an image that Inspect accepts, and encodes it again, with maxBytes bytes at
	// most. The result shows the same, upright, and has no metadata. It is of one of ImageTypes, but
	// not always of the same. Clean may wait for other images. Errors: fault.Invalid if the image
	// cannot be decoded or encoded within the limits, ErrImagesBusy.
	Clean(ctx context.Context, data []byte, maxBytes int) (Attachment, error)
}

// inspect checks that the bytes are an image of the attachment's MediaType, with at most maxPixels
// pixels. Errors: fault.Invalid on the field attachment, and other errors of images.
func (a Attachment) inspect(ctx context.Context, images Images, maxPixels int) error {
	refuse := func(message string) error { return fault.InvalidField("attachment", message) }
	actual, width, height, err := images.Inspect(ctx, a.Bytes)
	switch {
	case err != nil:
		return refusedBy(err, "inspect an image")
	case actual != a.MediaType:
		return refuse(fmt.Sprintf("must match its label: labelled %s, it is %s", a.MediaType, actual))
	case int64(width)*int64(height) > int64(maxPixels):
		return refuse(fmt.Sprintf("must have at most %d pixels, this has %d by %d", maxPixels, width, height))
	}
	return nil
}

// clean returns the attachment as it is kept. Errors: fault.Invalid on the field attachment,
// ErrImagesBusy, and other errors of images.
func (a Attachment) clean(ctx context.Context, images Images) (Attachment, error) {
	cleaned, err := images.Clean(ctx, a.Bytes, MaxAttachment)
	if err != nil {
		return Attachment{}, refusedBy(err, "clean an image")
	}
	cleaned.Cleaned = true
	return cleaned, nil
}

// Cleaned returns an image that a unit of work has read, as it may be shown: an image from before
// images were cleaned is cleaned now, and replaces the stored one. One that cannot be cleaned,
// because it is damaged or above the limits, is returned as it is. Cleaned runs outside of units of
// work. Errors: ErrImagesBusy, and those of the store.
func Cleaned[T Tx](ctx context.Context, store *uow.Store[T], images Images, message id.Message, a Attachment) (Attachment, error) {
	if a.Cleaned {
		return a, nil
	}
	cleaned, err := a.clean(ctx, images)
	if errors.Is(err, fault.Invalid) {
		return a, nil
	}
	if err != nil {
		return Attachment{}, err
	}
	err = store.Do(ctx, func(ctx context.Context, tx T) error {
		_, err := tx.Messaging().CleanAttachment(ctx, message, cleaned)
		return err
	})
	if err != nil {
		return Attachment{}, fmt.Errorf("keep a cleaned image: %w", err)
	}
	return cleaned, nil
}

// refusedBy turns an error of images into one on the field attachment if it is of kind
// fault.Invalid.
func refusedBy(err error, doing string) error {
	if !errors.Is(err, fault.Invalid) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if refused, ok := errors.AsType[*fault.Error](err); ok {
		return fault.InvalidField("attachment", refused.Detail)
	}
	return fault.InvalidField("attachment", "must be an image")
}

// ImageTypes returns the media types that an attachment may have.
func ImageTypes() []string { return []string{"image/png", "image/jpeg", "image/gif", "image/webp"} }
