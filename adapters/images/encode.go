package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"

	"github.com/cicerone-go/cicerone/core/messaging"
)

// qualities are the qualities of JPEG that are tried in turn, until one is small enough.
var qualities = []int{85, 70, 50}

// encode encodes an image that was of the given type.
func encode(ctx context.Context, m image.Image, was string, maxBytes int) (messaging.Attachment, error) {
	opaque := isOpaque(m)
	if was != "image/jpeg" && (was != "image/webp" || !opaque) {
		encoder := png.Encoder{CompressionLevel: png.DefaultCompression}
		b, err := within(ctx, maxBytes, func(to *bounded) error { return encoder.Encode(to, m) })
		if err == nil {
			return messaging.Attachment{MediaType: "image/png", Bytes: b}, nil
		}
		if !errors.Is(err, ErrTooManyBytes) || !opaque {
			return messaging.Attachment{}, err
		}
	}
	if rgb, ok := m.(*image.NRGBA); ok { // an opaque one; image/jpeg is much faster for RGBA
		m = &image.RGBA{Pix: rgb.Pix, Stride: rgb.Stride, Rect: rgb.Rect}
	}
	for _, quality := range qualities {
		b, err := within(ctx, maxBytes, func(to *bounded) error { return jpeg.Encode(to, m, &jpeg.Options{Quality: quality}) })
		if !errors.Is(err, ErrTooManyBytes) {
			return messaging.Attachment{MediaType: "image/jpeg", Bytes: b}, err
		}
	}
	return messaging.Attachment{}, ErrTooManyBytes
}

func isOpaque(m image.Image) bool {
	o, ok := m.(interface{ Opaque() bool })
	return ok && o.Opaque()
}

// within returns what write writes. Errors: ErrTooManyBytes for more than maxBytes bytes, and
// ctx.Err() (wrapped).
func within(ctx context.Context, maxBytes int, write func(*bounded) error) ([]byte, error) {
	to := &bounded{ctx: ctx, left: maxBytes}
	if err := write(to); err != nil {
		return nil, fmt.Errorf("images: encode: %w", err)
	}
	return bytes.Clone(to.b.Bytes()), nil
}

// bounded is a buffer that fails once it is full, or the context has ended.
type bounded struct {
	ctx  context.Context
	b    bytes.Buffer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if b.left -= len(p); b.left < 0 {
		return 0, ErrTooManyBytes
	}
	return b.b.Write(p)
}
