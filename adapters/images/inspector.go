// Package images tells what the bytes of an attachment really are, for core/messaging.
//
// It reads headers only: a picture is never decoded, so that a few bytes which claim to be 65,535
// pixels wide and as high cost no more than any others. Whoever serves such bytes learns from the
// answer how large they claim to be.
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

// ErrNotAnImage is wrapped by every refusal of Inspect but a cancelled context's. The reason is in
// its cause.
var ErrNotAnImage = fault.New(fault.Invalid, "not_an_image", "this is not a PNG, JPEG, GIF or WebP image")

// headers reads the header of each media type that is taken. Not image.DecodeConfig, which takes
// whatever the program has registered besides.
var headers = map[string]func(io.Reader) (image.Config, error){
	"image/png":  png.DecodeConfig,
	"image/jpeg": jpeg.DecodeConfig,
	"image/gif":  gif.DecodeConfig,
	"image/webp": webp.DecodeConfig,
}

// Inspector looks at images. The zero value is ready, and safe for concurrent use.
type Inspector struct{}

// Inspect tells the media type of an image (image/png, image/jpeg, image/gif or image/webp), and its
// width and height in pixels, each 1 or more, as its header has them: what follows the header may still
// be broken. It keeps nothing of data. Anything else, and a header that does not parse, is ErrNotAnImage.
func (Inspector) Inspect(ctx context.Context, data []byte) (mediaType string, width, height int, err error) {
	if err := ctx.Err(); err != nil {
		return "", 0, 0, fmt.Errorf("images: inspect: %w", err)
	}
	mediaType, readHeader := detect(data)
	if readHeader == nil {
		return "", 0, 0, ErrNotAnImage.Because(fmt.Errorf("it looks like %s", mediaType))
	}
	header, err := readHeader(bytes.NewReader(data))
	if err != nil {
		return "", 0, 0, ErrNotAnImage.Because(fmt.Errorf("read the header of %s: %w", mediaType, err))
	}
	if header.Width < 1 || header.Height < 1 {
		return "", 0, 0, ErrNotAnImage.Because(errors.New("it has no area"))
	}
	return mediaType, header.Width, header.Height, nil
}

// detect finds the media type, and how to read its header, nil where it is none of ours. A kind of one
// of ours is that one: an animated PNG is a PNG.
func detect(data []byte) (mediaType string, readHeader func(io.Reader) (image.Config, error)) {
	found := mimetype.Detect(data)
	for m := found; m != nil; m = m.Parent() {
		if readHeader, ok := headers[m.String()]; ok {
			return m.String(), readHeader
		}
	}
	return found.String(), nil
}
