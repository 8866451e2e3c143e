package images_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/images"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/messaging"
)

// refused returns inputs that a Cleaner refuses, with the error of Inspect, or of Clean if Inspect
// accepts them.
func refused(t testing.TB) (byInspect map[string][]byte, notImages map[string][]byte, byClean map[string]error, data map[string][]byte) {
	plain := quarters(40, 30)
	pngFile, jpegFile, gifFile := toPNG(t, plain), toJPEG(t, plain), toGIF(t, plain)
	frame, canvas := image.Rect(0, 0, 1, 1), image.Rect(0, 0, 16384, 16384)
	red := color.NRGBA{200, 30, 40, 255}
	wrong := bytes.Clone(pngFile)
	wrong[45] ^= 1
	frames := make([]image.Rectangle, 200_000)
	for i := range frames {
		frames[i] = frame
	}
	var animated, chunks [][]byte
	for range images.MaxFrames + 1 {
		animated = append(animated, anmf(frame, vp8))
		chunks = append(chunks, pngChunk("fcTL", make([]byte, 26)))
	}
	zip, pdf, script := []byte("PK\x03\x04"+strings.Repeat("\x00", 40)), []byte("%PDF-1.7\n"), []byte("*/=1;alert(1)//")
	notImages = map[string][]byte{
		"nothing":           nil,
		"one byte":          {0x89},
		"text":              []byte("just some words"),
		"html":              []byte("<!DOCTYPE html><script>alert(1)</script>"),
		"svg":               []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`),
		"pdf":               pdf,
		"zip":               zip,
		"bmp":               append([]byte("BM"), make([]byte, 60)...),
		"tiff":              append([]byte("II*\x00"), make([]byte, 60)...),
		"avif":              []byte("\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf"),
		"wave":              []byte("RIFF\x24\x00\x00\x00WAVEfmt "),
		"zeros":             make([]byte, 1<<20),
		"webp, cut name":    []byte("RIFF\x04\x00\x00\x00WEB"),
		"webp in lowercase": bytes.Replace(webpOf(vp8), []byte("WEBP"), []byte("webp"), 1),
		"space before":      append([]byte(" "), gifFile...),
	}
	byInspect = map[string][]byte{
		"png, bare header":          []byte("\x89PNG\r\n\x1a\n"),
		"jpeg, bare header":         []byte("\xff\xd8\xff"),
		"gif, bare header":          []byte("GIF89a"),
		"gif, no frame":             gifOf(1, 1),
		"webp, bare header":         []byte("RIFF\x04\x00\x00\x00WEBP"),
		"webp, only a canvas":       webpOf(vp8x(1<<4, 640, 480)),
		"png, cut":                  pngFile[:len(pngFile)-8],
		"jpeg, cut":                 jpegFile[:len(jpegFile)-8],
		"jpeg, cut in its header":   jpegFile[:30],
		"gif, cut":                  gifFile[:len(gifFile)-8],
		"webp, cut":                 webpOf(vp8)[:24],
		"png, then pdf":             append(bytes.Clone(pngFile), pdf...),
		"png, then script":          append(bytes.Clone(pngFile), "<script>"...),
		"jpeg, then zip":            append(bytes.Clone(jpegFile), zip...),
		"jpeg, then jpeg, then zip": append(append(bytes.Clone(jpegFile), jpegFile...), zip...),
		"gif, then script":          append(bytes.Clone(gifFile), script...),
		"webp, then zip":            append(webpOf(vp8), zip...),
		"png, 65,535²":              hugePNG(65535, 65535, 8, 6, 0),
		"png, 2³¹ - 1 wide":         hugePNG(1<<31-1, 1<<31-1, 16, 6, 1),
		"png, 24 megapixels":        hugePNG(6000, 4000, 8, 6, 0),
		"png, 0 wide":               hugePNG(0, 9, 8, 6, 0),
		"png, unknown colours":      hugePNG(1, 1, 8, 5, 0),
		"png, 501 frames":           withChunks(pngFile, chunks...),
		"jpeg, 65,535²":             blockJPEGHeader(0xc0, 65535, 65535, 1),
		"jpeg, 65 scans":            blockJPEG(nil, 0xc2, 16, 16, 1, 0x11, 64),
		"jpeg of fill bytes":        append([]byte("\xff\xd8"), bytes.Repeat([]byte{0xff}, 1<<20)...),
		"gif, 65,535² of nothing":   gifOf(65535, 65535, image.Rect(0, 0, 65535, 65535)),
		"gif, frame beyond":         gifOf(1, 1, image.Rect(0, 0, 65535, 65535)),
		"gif, later frame beyond":   gifOf(1, 1, frame, image.Rect(0, 0, 65535, 65535)),
		"gif, frame at the side":    gifOf(4, 4, image.Rect(3, 3, 5, 4)),
		"gif, frame of nothing":     gifOf(4, 4, image.Rect(1, 1, 1, 3)),
		"gif, 200,000 frames":       gifOf(1, 1, frames...),
		"webp, frame beyond":        webpOf(vp8x(1<<1, 1, 1), webpChunk("ANIM", make([]byte, 6)), anmf(canvas, vp8l(16384, 16384, red))),
		"webp, frame unlike itself": webpOf(vp8x(1<<1, 4, 4), anmf(frame, vp8l(4, 4, red))),
		"webp, picture beyond":      webpOf(vp8x(0, 1, 1), vp8l(16384, 16384, red)),
		"webp, 501 frames":          webpOf(append([][]byte{vp8x(1<<1, 1, 1)}, animated...)...),
		"webp, huge canvas":         webpOf(vp8x(0, 1<<24, 1<<24), vp8),
		"webp, two pictures":        webpOf(vp8, vp8),
	}
	byClean = map[string]error{
		"png, wrong checksum":  images.ErrDamaged,
		"png, short of pixels": images.ErrDamaged,
		"jpeg, no tables":      images.ErrDamaged,
		"webp, no pixels":      images.ErrDamaged,
		"gif, short of pixels": images.ErrDamaged,
		"png, 16 bits":         images.ErrTooComplex,
		"jpeg, progressive":    images.ErrTooComplex,
		"gif, huge canvas":     images.ErrTooComplex,
		"webp, 16,384²":        images.ErrTooComplex,
	}
	data = map[string][]byte{
		"png, wrong checksum":  wrong,
		"png, short of pixels": hugePNG(20, 20, 8, 6, 0),
		"jpeg, no tables":      withoutTables(jpegFile),
		"webp, no pixels":      webpOf(webpChunk("VP8L", vp8l(9, 9, red)[8:13])),
		"gif, short of pixels": gifOf(2, 2, image.Rect(0, 0, 2, 2)),
		"png, 16 bits":         deepPNG(6000, 4000, make([]byte, 200<<10)),
		"jpeg, progressive":    bytes.Replace(blockJPEGHeader(0xc2, 6000, 4000, 3), []byte{0xff, 0xd9}, append(make([]byte, 200<<10), 0xff, 0xd9), 1),
		"gif, huge canvas":     gifOf(65535, 65535, frame),
		"webp, 16,384²":        webpOf(vp8l(16384, 16384, red)),
	}
	return byInspect, notImages, byClean, data
}

// blockJPEGHeader returns a complete JPEG of one block with a header that declares another size.
func blockJPEGHeader(sof byte, w, h, components int) []byte {
	b := blockJPEG(nil, sof, 8, 8, components, 0x11, 0)
	at := bytes.Index(b, []byte{0xff, sof})
	copy(b[at+5:], []byte{byte(h >> 8), byte(h), byte(w >> 8), byte(w)})
	return b
}

// withoutTables turns the first Huffman table of a JPEG into a comment.
func withoutTables(data []byte) []byte {
	return bytes.Replace(data, []byte{0xff, 0xc4}, []byte{0xff, 0xfe}, 1)
}

// deepPNG returns a PNG of 16 bits a sample with the given data.
func deepPNG(w, h int, data []byte) []byte {
	b := hugePNG(uint32(w), uint32(h), 16, 6, 0)
	at := bytes.Index(b, []byte("IDAT")) - 4
	return bytes.Join([][]byte{b[:at], pngChunk("IDAT", data), pngChunk("IEND", nil)}, nil)
}

// allocated returns the bytes that f allocates, and the time that it takes.
func allocated(f func()) (uint64, time.Duration) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun := time.Now()
	f()
	took := time.Since(begun)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, took
}

// TestRefused also holds refusals to 64 MB of memory, and prints the longest.
func TestRefused(t *testing.T) {
	const most = 64 << 20
	byInspect, notImages, byClean, data := refused(t)
	var slowest time.Duration
	check := func(name string, input []byte, want error, call func() error) {
		t.Run(name, func(t *testing.T) {
			var err error
			size, took := allocated(func() { err = call() })
			if !errors.Is(err, want) || !errors.Is(err, fault.Invalid) {
				t.Errorf("got error %v, want %v", err, want)
			}
			if size > most {
				t.Errorf("refusing %d bytes allocated %d", len(input), size)
			}
			slowest = max(slowest, took)
		})
	}
	inspect := func(b []byte) func() error {
		return func() error { _, _, _, err := cleaner().Inspect(t.Context(), b); return err }
	}
	toClean := func(b []byte) func() error {
		return func() error { _, err := cleaner().Clean(t.Context(), b, messaging.MaxAttachment); return err }
	}
	for name, b := range notImages {
		check(name, b, images.ErrNotAnImage, inspect(b))
		check(name+", to clean", b, images.ErrNotAnImage, toClean(b))
	}
	for name, b := range byInspect {
		check(name, b, images.ErrDamaged, inspect(b))
		check(name+", to clean", b, images.ErrDamaged, toClean(b))
	}
	for name, b := range data {
		if err := inspect(b)(); err != nil {
			t.Errorf("%s: Inspect: %v", name, err)
		}
		check(name, b, byClean[name], toClean(b))
	}
	t.Logf("the slowest refusal took %v", slowest)
}

// TestBombs cleans images whose metadata would inflate to much more than the image.
func TestBombs(t *testing.T) {
	bomb := deflated(make([]byte, 200<<20))
	plain := toPNG(t, quarters(40, 30))
	for name, b := range map[string][]byte{
		"profile": withChunks(plain, pngChunk("iCCP", append([]byte("p\x00\x00"), bomb...))),
		"text":    withChunks(plain, pngChunk("zTXt", append([]byte("Comment\x00\x00"), bomb...))),
		"frames":  withChunks(plain, pngChunk("fdAT", bomb)),
	} {
		t.Run(name, func(t *testing.T) {
			var a messaging.Attachment
			if size, _ := allocated(func() { a = clean(t, b) }); size > 16<<20 {
				t.Errorf("cleaning %d bytes allocated %d", len(b), size)
			}
			if !bytes.Equal(a.Bytes, clean(t, plain).Bytes) {
				t.Error("the result is another image")
			}
		})
	}
}

// TestMemory tests that a decoder allocates no more memory than the estimate.
func TestMemory(t *testing.T) {
	const w, h = 2000, 1000
	for name, data := range map[string][]byte{
		"png":              toPNG(t, image.NewNRGBA(image.Rect(0, 0, w, h))),
		"png of 16 bits":   deepPNG(w, h, deflated(make([]byte, h*(1+8*w)))),
		"jpeg 4:4:4":       blockJPEG(nil, 0xc0, w, h, 3, 0x11, 0),
		"progressive jpeg": blockJPEG(nil, 0xc2, w, h, 3, 0x22, 0),
		"cmyk jpeg":        blockJPEG(nil, 0xc0, w, h, 4, 0x11, 0),
		"turned jpeg":      exifJPEG(blockJPEG(nil, 0xc0, w, h, 3, 0x11, 0), 6),
		"gif on a canvas":  gifOf(w, h, image.Rect(0, 0, 1, 1)),
		"webp":             webpOf(vp8l(w, h, color.NRGBA{1, 2, 3, 255})),
		"webp on a canvas": webpOf(vp8x(1<<1, w, h), anmf(image.Rect(0, 0, w-2, h), vp8l(w-2, h, color.NRGBA{1, 2, 3, 255}))),
	} {
		t.Run(name, func(t *testing.T) {
			least := int64(1)
			for limit := int64(1 << 20); ; limit += 1 << 20 {
				_, err := images.New(images.Limits{Memory: limit}).Clean(t.Context(), data, messaging.MaxAttachment)
				if !errors.Is(err, images.ErrTooComplex) {
					least = limit
					break
				}
			}
			size, _ := allocated(func() { clean(t, data) })
			const rest = 8<<20 + w*h*tiny // the encoder's, and garbage
			if int64(size) > least+rest {
				t.Errorf("cleaning allocated %d bytes, and the estimate is %d", size, least)
			}
		})
	}
}

// TestBusy fills the queue of the decoder.
func TestBusy(t *testing.T) {
	c := images.New(images.Limits{Waiting: 2})
	data := toPNG(t, noise(1200, 800))
	ctx, cancel := context.WithCancel(t.Context())
	const sent = 12
	results := make(chan error, sent)
	for range sent {
		go func() {
			_, err := c.Clean(ctx, data, messaging.MaxAttachment)
			results <- err
		}()
	}
	busy := 0
	for range sent - 3 {
		if err := <-results; errors.Is(err, messaging.ErrImagesBusy) {
			busy++
		} else if err != nil {
			t.Errorf("Clean: %v", err)
		}
	}
	if busy == 0 {
		t.Error("no image was refused")
	}
	cancel()
	for range 3 {
		if err := <-results; err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, messaging.ErrImagesBusy) {
			t.Errorf("Clean: %v", err)
		}
	}
	if _, err := c.Clean(t.Context(), toPNG(t, quarters(4, 4)), messaging.MaxAttachment); err != nil {
		t.Errorf("Clean after all have left: %v", err)
	}
}

func FuzzClean(f *testing.F) {
	byInspect, notImages, _, data := refused(f)
	for _, inputs := range []map[string][]byte{byInspect, notImages, data} {
		for _, b := range inputs {
			if len(b) < 1<<12 {
				f.Add(b)
			}
		}
	}
	plain := quarters(8, 6)
	f.Add(toPNG(f, plain))
	f.Add(toPNG(f, wide(plain)))
	f.Add(exifJPEG(toJPEG(f, plain), 6))
	f.Add(blockJPEG(nil, 0xc2, 16, 16, 3, 0x22, 1))
	f.Add(blockJPEG(nil, 0xc0, 16, 16, 4, 0x11, 0))
	f.Add(toGIF(f, plain))
	f.Add(gifOf(4, 4, image.Rect(1, 1, 2, 2)))
	f.Add(webpOf(vp8))
	f.Add(webpOf(vp8x(1<<4, 1, 1), webpChunk("ALPH", []byte{0, 0}), vp8))
	f.Add(webpOf(vp8x(1<<1, 8, 8), anmf(image.Rect(0, 0, 4, 4), vp8l(4, 4, color.NRGBA{9, 9, 9, 99}))))
	c := images.New(images.Limits{Memory: 8 << 20})
	f.Fuzz(func(t *testing.T, data []byte) {
		mediaType, width, height, err := c.Inspect(t.Context(), data)
		a, err2 := c.Clean(t.Context(), data, messaging.MaxAttachment)
		switch {
		case err != nil && (!errors.Is(err, fault.Invalid) || !errors.Is(err2, fault.KindOf(err))):
			t.Errorf("Inspect: %v, Clean: %v; want the same of kind fault.Invalid", err, err2)
		case err == nil && (mediaType == "" || width < 1 || height < 1):
			t.Errorf("Inspect = %q, %d × %d", mediaType, width, height)
		case err2 != nil && !errors.Is(err2, fault.Invalid):
			t.Errorf("Clean: %v", err2)
		case err2 == nil:
			m := decoded(t, a)
			if size := fmt.Sprint(m.Bounds().Size()); size != fmt.Sprint(image.Pt(width, height)) && size != fmt.Sprint(image.Pt(height, width)) {
				t.Errorf("an image of %d by %d became one of %s", width, height, size)
			}
			clean(t, a.Bytes)
		}
	})
}
