// Package images detects the media type and the size of images, for the attachments of
// core/messaging.
//
// It reads only headers and never decodes an image, so that a few bytes with a header of 65,535 by
// 65,535 pixels cost no more than any other input. The caller has to limit the size itself if it
// later decodes the image.
package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"github.com/gabriel-vasile/mimetype"
	"golang.org/x/image/webp"

	"github.com/cicerone-go/cicerone/core/fault"
)

// ErrNotAnImage is returned by Inspect, wrapping the reason, for data that is not an image of a
// supported type.
var ErrNotAnImage = fault.New(fault.Invalid, "not_an_image", "this is not a PNG, JPEG, GIF or WebP image")

// headers has a function that reads the header for each supported media type. It is used instead of
// image.DecodeConfig, which also accepts every format that another package registers.
var headers = map[string]func(io.Reader) (image.Config, error){
	"image/png":  png.DecodeConfig,
	"image/jpeg": jpeg.DecodeConfig,
	"image/gif":  gif.DecodeConfig,
	"image/webp": webp.DecodeConfig,
}

// Inspector inspects images. The zero value is ready to use. It is safe for concurrent use.
type Inspector struct{}

// Inspect returns the media type of an image (image/png, image/jpeg, image/gif or image/webp), and
// the width and height in pixels that its header states, each 1 or more. It does not check the data
// after the header, and does not retain data. It returns ErrNotAnImage (wrapped) for any other
// data, and ctx.Err() (wrapped) if ctx has ended.
func (Inspector) Inspect(ctx context.Context, data []byte) (mediaType string, width, height int, err error) {
	if err := ctx.Err(); err != nil {
		return "", 0, 0, fmt.Errorf("images: inspect: %w", err)
	}
	mediaType, readHeader := detect(data)
	if readHeader == nil {
		return "", 0, 0, ErrNotAnImage.Wrap(fmt.Errorf("the media type is %s", mediaType))
	}
	header, err := readHeader(bytes.NewReader(data))
	if err != nil {
		return "", 0, 0, ErrNotAnImage.Wrap(fmt.Errorf("read the header of %s: %w", mediaType, err))
	}
	if header.Width < 1 || header.Height < 1 {
		return "", 0, 0, ErrNotAnImage.Wrap(errors.New("the width or height is 0"))
	}
	return mediaType, header.Width, header.Height, nil
}

// detect returns the media type, and the function that reads its header, or nil if it is not
// supported. A subtype of a supported type counts as that type: an animated PNG is a PNG.
func detect(data []byte) (mediaType string, readHeader func(io.Reader) (image.Config, error)) {
	found := mimetype.Detect(data)
	for m := found; m != nil; m = m.Parent() {
		if readHeader, ok := headers[m.String()]; ok {
			return m.String(), readHeader
		}
	}
	return found.String(), nil
}
