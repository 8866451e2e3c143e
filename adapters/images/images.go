// Package images cleans the images that people send, for the attachments of core/messaging: it
// decodes them and encodes them again, upright and without metadata.
//
// Before it decodes an image, it reads the structure of the whole file and checks all sizes. If the
// header declares more data than the file has, or more than the limits allow, the image is refused
// before memory is allocated for it. The first frame of an animation is kept. The others are dropped,
// because each would cost as much as an image, and Go has no encoder of animated WebP or PNG.
package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"runtime"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/messaging"
)

// large is the memory in bytes of a picture before which garbage is collected. The collector alone would
// let the garbage of pictures grow to the size of all that is in use.
const large = 16 << 20

// MaxFrames is the most frames of an animation.
const MaxFrames = 500

// The errors of a Cleaner, apart from messaging.ErrImagesBusy. They wrap the reason. Their details
// are for the sender.
var (
	// ErrNotAnImage is returned for data that does not begin like an image of a supported type.
	ErrNotAnImage = fault.New(fault.Invalid, "not_an_image", "must be a PNG, JPEG, GIF or WebP image")

	// ErrDamaged is returned for an image that is not complete, that contradicts itself, that has a
	// part that is not supported, or after which other data follows.
	ErrDamaged = fault.New(fault.Invalid, "damaged_image", "must be one complete image, with nothing of another format after it")

	// ErrTooComplex is returned if the decoder of an image would need more memory than Limits.Memory.
	ErrTooComplex = fault.New(fault.Invalid, "image_too_complex", "must have fewer pixels, or be saved in a simpler way: not progressive, not interlaced, with 8 bits a sample")

	// ErrTooManyBytes is returned by Clean if no encoding of the image is small enough.
	ErrTooManyBytes = fault.New(fault.Invalid, "image_too_large", "must have fewer pixels: it is too large after it was encoded again")
)

// Limits are the limits of a Cleaner. The zero value of each field means its default.
type Limits struct {
	Memory  int64 // bytes that the decoder of one image may need; default 128 MiB
	Waiting int   // images that wait for the decoder; default 8
}

// DefaultLimits returns the default of each limit. The default of Memory is enough for 24
// megapixels at 4 bytes each, or for fewer if the image is progressive, interlaced or has 16 bits a
// sample.
func DefaultLimits() Limits { return Limits{Memory: 128 << 20, Waiting: 8} }

// Cleaner is a messaging.Images. It decodes one image at a time. It is safe for concurrent use.
type Cleaner struct {
	limits  Limits
	waiting chan struct{} // has one value for each image that waits or is decoded
	decoder chan struct{} // has a value while an image is decoded
}

// New returns a Cleaner.
func New(l Limits) *Cleaner {
	defaults := DefaultLimits()
	if l.Memory <= 0 {
		l.Memory = defaults.Memory
	}
	if l.Waiting <= 0 {
		l.Waiting = defaults.Waiting
	}
	return &Cleaner{limits: l, waiting: make(chan struct{}, l.Waiting+1), decoder: make(chan struct{}, 1)}
}

// layout describes an image as its container declares it.
type layout struct {
	mediaType     string
	width, height int
	memory        int64 // bytes that decode allocates at most
	copied        int64 // bytes of a turned copy
	orientation   int   // of its EXIF data: 1 to 8, and 1 without any
	decode        func(open func([]byte) io.Reader) (image.Image, error)
}

// containers lists the supported media types. begins is the beginning of the data; a dot stands for
// any byte. read reads the structure of the data. Its errors are wrapped in ErrDamaged.
var containers = []struct {
	mediaType, begins string
	read              func(data []byte) (layout, error)
}{
	{"image/png", "\x89PNG\r\n\x1a\n", readPNG},
	{"image/jpeg", "\xff\xd8\xff", readJPEG},
	{"image/gif", "GIF87a", readGIF},
	{"image/gif", "GIF89a", readGIF},
	{"image/webp", "RIFF....WEBP", readWebP},
}

// Inspect returns the media type of an image (image/png, image/jpeg, image/gif or image/webp), and
// its width and height in pixels, each 1 or more. It walks the container, decodes nothing, and does
// not retain data. Errors: ErrNotAnImage, ErrDamaged, and ctx.Err() (wrapped) if ctx has ended.
func (c *Cleaner) Inspect(ctx context.Context, data []byte) (mediaType string, width, height int, err error) {
	if err := ctx.Err(); err != nil {
		return "", 0, 0, fmt.Errorf("images: inspect: %w", err)
	}
	l, err := walk(data)
	if err != nil {
		return "", 0, 0, err
	}
	return l.mediaType, l.width, l.height, nil
}

func walk(data []byte) (layout, error) {
	for _, c := range containers {
		if !begins(data, c.begins) {
			continue
		}
		l, err := c.read(data)
		if err == nil && (l.width < 1 || l.height < 1) {
			err = errors.New("the width or height is 0")
		}
		if err != nil {
			return layout{}, ErrDamaged.Wrap(fmt.Errorf("read %s: %w", c.mediaType, err))
		}
		if l.mediaType = c.mediaType; l.orientation != 1 {
			l.memory += l.copied
		}
		return l, nil
	}
	return layout{}, ErrNotAnImage
}

func begins(data []byte, pattern string) bool {
	if len(data) < len(pattern) {
		return false
	}
	for i := range len(pattern) {
		if pattern[i] != '.' && pattern[i] != data[i] {
			return false
		}
	}
	return true
}

// Clean returns the image as a JPEG or a PNG of maxBytes bytes at most that shows the same: turned
// as its EXIF data says, without metadata, and of an animation the first frame. JPEG and opaque WebP
// become JPEG, of quality 85, or of 70 or 50 if it would be too large; everything else becomes PNG
// with 8 bits a sample, or JPEG if the PNG would be too large and the image is opaque. To clean the
// result again changes its size by little, and a PNG not at all.
//
// Clean waits until no other image is decoded. Errors: ErrNotAnImage, ErrDamaged, ErrTooComplex,
// ErrTooManyBytes, messaging.ErrImagesBusy if Limits.Waiting images wait already, and ctx.Err()
// (wrapped) if ctx ends.
func (c *Cleaner) Clean(ctx context.Context, data []byte, maxBytes int) (messaging.Attachment, error) {
	l, err := walk(data)
	if err != nil {
		return messaging.Attachment{}, err
	}
	if l.memory > c.limits.Memory {
		return messaging.Attachment{}, ErrTooComplex.Wrap(fmt.Errorf("%d by %d pixels of %s need %d bytes", l.width, l.height, l.mediaType, l.memory))
	}
	leave, err := c.enter(ctx)
	if err != nil {
		return messaging.Attachment{}, err
	}
	defer leave()
	if l.memory >= large {
		// A collection takes milliseconds, and decoding takes hundreds. It frees the previous picture, so
		// that two large pictures are not in memory at the same time.
		runtime.GC()
	}
	picture, err := l.decode(func(b []byte) io.Reader { return &stopping{ctx, bytes.NewReader(b)} })
	if ended := ctx.Err(); ended != nil {
		return messaging.Attachment{}, fmt.Errorf("images: decode: %w", ended)
	}
	if err != nil {
		return messaging.Attachment{}, ErrDamaged.Wrap(fmt.Errorf("decode %s: %w", l.mediaType, err))
	}
	return encode(ctx, turn(narrow(picture), l.orientation), l.mediaType, maxBytes)
}

// enter waits for the decoder. leave must be called once.
func (c *Cleaner) enter(ctx context.Context) (leave func(), err error) {
	select {
	case c.waiting <- struct{}{}:
	default:
		return nil, messaging.ErrImagesBusy
	}
	select {
	case c.decoder <- struct{}{}:
		return func() { <-c.decoder; <-c.waiting }, nil
	case <-ctx.Done():
		<-c.waiting
		return nil, fmt.Errorf("images: wait for the decoder: %w", ctx.Err())
	}
}

// stopping is a reader that fails once the context has ended.
type stopping struct {
	ctx context.Context
	r   io.Reader
}

func (s *stopping) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}
