package images_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/images"
	"github.com/cicerone-go/cicerone/core/messaging"
)

var _ messaging.Images = (*images.Cleaner)(nil)

func cleaner() *images.Cleaner { return images.New(images.DefaultLimits()) }

func clean(t testing.TB, data []byte) messaging.Attachment {
	t.Helper()
	a, err := cleaner().Clean(t.Context(), data, messaging.MaxAttachment)
	if err != nil {
		t.Fatalf("Clean: %v", err)
	}
	return a
}

func decoded(t testing.TB, a messaging.Attachment) image.Image {
	t.Helper()
	m, kind, err := image.Decode(bytes.NewReader(a.Bytes))
	if err != nil || "image/"+kind != a.MediaType {
		t.Fatalf("the result is a %s, labelled %s, %v", kind, a.MediaType, err)
	}
	return m
}

// near reports whether two colours look alike.
func near(a, b color.Color) bool {
	r1, g1, b1, a1 := a.RGBA()
	r2, g2, b2, a2 := b.RGBA()
	far := func(x, y uint32) bool { return max(x, y)-min(x, y) > 0x2800 }
	return !far(r1, r2) && !far(g1, g2) && !far(b1, b2) && !far(a1, a2)
}

// corners returns the colours in the middle of the four quarters, from the top left.
func corners(m image.Image) [4]color.Color {
	b := m.Bounds()
	x1, x2, y1, y2 := b.Min.X+b.Dx()/4, b.Min.X+b.Dx()*3/4, b.Min.Y+b.Dy()/4, b.Min.Y+b.Dy()*3/4
	return [4]color.Color{m.At(x1, y1), m.At(x2, y1), m.At(x1, y2), m.At(x2, y2)}
}

// upright maps each orientation to the colors of the four quarters of the upright image, from the
// top left: 0 is red, 1 green, 2 blue and 3 white.
var upright = map[uint16][4]int{
	1: {0, 1, 2, 3}, 2: {1, 0, 3, 2}, 3: {3, 2, 1, 0}, 4: {2, 3, 0, 1},
	5: {0, 2, 1, 3}, 6: {2, 0, 3, 1}, 7: {3, 1, 2, 0}, 8: {1, 3, 0, 2},
}

func TestOrientation(t *testing.T) {
	const w, h = 96, 65 // odd, so that halved chroma is rounded up
	plain := quarters(w, h)
	paletted := image.NewPaletted(plain.Rect, color.Palette{color.RGBA{255, 0, 0, 255}, color.RGBA{0, 255, 0, 255}, color.RGBA{0, 0, 255, 255}, color.White})
	for i := range paletted.Pix {
		paletted.Pix[i] = byte(paletted.Palette.Index(plain.At(i%w, i/w)))
	}
	clear := image.NewNRGBA(plain.Rect)
	copy(clear.Pix, plain.Pix)
	clear.Pix[3] = 0
	for orientation, want := range upright {
		for name, data := range map[string][]byte{
			"jpeg 4:2:0":  exifJPEG(toJPEG(t, plain), orientation),
			"jpeg 4:2:2":  exifJPEG(blockJPEG(plain, 0xc0, w, h, 3, 0x21, 0), orientation),
			"jpeg 4:4:0":  exifJPEG(blockJPEG(plain, 0xc0, w, h, 3, 0x12, 0), orientation),
			"jpeg 4:4:4":  exifJPEG(blockJPEG(plain, 0xc0, w, h, 3, 0x11, 0), orientation),
			"jpeg 4:1:1":  exifJPEG(blockJPEG(plain, 0xc0, w, h, 3, 0x41, 0), orientation),
			"png":         withChunks(toPNG(t, plain), pngChunk("eXIf", exif(binary.LittleEndian, orientation))),
			"alpha png":   withChunks(toPNG(t, clear), pngChunk("eXIf", exif(binary.LittleEndian, orientation))),
			"palette png": withChunks(toPNG(t, paletted), pngChunk("eXIf", exif(binary.LittleEndian, orientation))),
		} {
			t.Run(fmt.Sprintf("%s/%d", name, orientation), func(t *testing.T) {
				m := decoded(t, clean(t, data))
				if size := m.Bounds().Size(); (orientation < 5) != (size == image.Pt(w, h)) || (orientation >= 5) != (size == image.Pt(h, w)) {
					t.Errorf("the result has %v", size)
				}
				colours := corners(plain)
				for i, got := range corners(m) {
					if !near(got, colours[want[i]]) {
						t.Errorf("quarter %d is %v, want %v", i, got, colours[want[i]])
					}
				}
			})
		}
	}
}

// TestMetadata tests that a secret in the metadata of an image is not in the cleaned image.
func TestMetadata(t *testing.T) {
	plain := quarters(40, 30)
	text := []byte(secret)
	animated := encoded(t, func(b *bytes.Buffer) error {
		frame := func(c color.Color) *image.Paletted {
			return image.NewPaletted(image.Rect(0, 0, 4, 4), color.Palette{c, color.Black})
		}
		return gif.EncodeAll(b, &gif.GIF{Image: []*image.Paletted{frame(color.White), frame(color.Gray{128})}, Delay: []int{5, 5}})
	})
	comment := append([]byte{0x21, 0xfe, byte(len(text))}, append(text, 0)...)
	frame := image.Rect(0, 0, 1, 1)
	for name, data := range map[string][]byte{
		"jpeg, EXIF":      exifJPEG(toJPEG(t, plain), 1),
		"jpeg, ICC":       withSegment(toJPEG(t, plain), 0xe2, append([]byte("ICC_PROFILE\x00\x01\x01"), text...)),
		"jpeg, XMP":       withSegment(toJPEG(t, plain), 0xe1, append([]byte("http://ns.adobe.com/xap/1.0/\x00"), text...)),
		"jpeg, comment":   withSegment(toJPEG(t, plain), 0xfe, text),
		"jpeg, gain map":  append(toJPEG(t, plain), withSegment(toJPEG(t, plain), 0xfe, text)...),
		"jpeg, Samsung":   append(append(toJPEG(t, plain), text...), "SEFH\x00\x00SEFT"...),
		"png, text":       withChunks(toPNG(t, plain), pngChunk("tEXt", append([]byte("Location\x00"), text...))),
		"png, profile":    withChunks(toPNG(t, plain), pngChunk("iCCP", append([]byte("p\x00\x00"), deflated(text)...)), pngChunk("zzZz", text)),
		"png, EXIF":       withChunks(toPNG(t, plain), pngChunk("eXIf", exif(binary.BigEndian, 1))),
		"png, animated":   withChunks(toPNG(t, plain), pngChunk("acTL", make([]byte, 8)), pngChunk("fcTL", make([]byte, 26)), pngChunk("fdAT", text)),
		"png, 16 bits":    withChunks(toPNG(t, wide(plain)), pngChunk("tEXt", append([]byte("Location\x00"), text...))),
		"gif, comment":    bytes.Replace(toGIF(t, plain), []byte("!"), append(comment, '!'), 1),
		"gif, animated":   append(animated[:len(animated)-1], append(comment, ';')...),
		"webp, EXIF":      webpOf(vp8x(1<<3, 1, 1), vp8, webpChunk("EXIF", exif(binary.LittleEndian, 1))),
		"webp, XMP":       webpOf(vp8x(1<<2, 1, 1), vp8l(1, 1, color.NRGBA{9, 9, 9, 255}), webpChunk("XMP ", text)),
		"webp, ICC":       webpOf(vp8x(1<<5, 1, 1), webpChunk("ICCP", text), vp8),
		"webp, animated":  webpOf(vp8x(1<<1, 1, 1), webpChunk("ANIM", make([]byte, 6)), anmf(frame, vp8), anmf(frame, webpChunk("XMP ", text), vp8)),
		"webp, extra one": webpOf(vp8, webpChunk("zzzz", text)),
	} {
		t.Run(name, func(t *testing.T) {
			before := bytes.Clone(data)
			if _, _, _, err := cleaner().Inspect(t.Context(), data); err != nil {
				t.Errorf("Inspect: %v", err)
			}
			a := clean(t, data)
			if !bytes.Equal(before, data) {
				t.Error("Clean changed its input")
			}
			if bytes.Contains(a.Bytes, text) || bytes.Contains(a.Bytes, []byte("Exif")) {
				t.Error("the result has the metadata")
			}
			decoded(t, a)
		})
	}
}

func wide(m *image.RGBA) *image.NRGBA64 {
	w := image.NewNRGBA64(m.Rect)
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			w.Set(x, y, m.At(x, y))
		}
	}
	return w
}

// TestResults checks the type and the look of what becomes of each kind of image.
func TestResults(t *testing.T) {
	plain, red, clear := quarters(40, 30), color.NRGBA{200, 30, 40, 255}, color.NRGBA{200, 30, 40, 100}
	grey := color.Gray{128}
	all := [4]color.Color{red, red, red, red}
	greys := [4]color.Color{grey, grey, grey, grey}
	none := color.NRGBA{}
	tests := map[string]struct {
		data      []byte
		mediaType string
		size      image.Point
		want      [4]color.Color
	}{
		"jpeg":             {toJPEG(t, plain), "image/jpeg", image.Pt(40, 30), corners(plain)},
		"grey jpeg":        {blockJPEG(nil, 0xc0, 40, 30, 1, 0x11, 0), "image/jpeg", image.Pt(40, 30), greys},
		"progressive jpeg": {blockJPEG(nil, 0xc2, 40, 30, 3, 0x22, 0), "image/jpeg", image.Pt(40, 30), greys},
		"cmyk jpeg":        {blockJPEG(nil, 0xc0, 40, 30, 4, 0x11, 0), "image/jpeg", image.Pt(40, 30), [4]color.Color{color.Gray{64}, color.Gray{64}, color.Gray{64}, color.Gray{64}}},
		"png":              {toPNG(t, plain), "image/png", image.Pt(40, 30), corners(plain)},
		"png of 16 bits":   {toPNG(t, wide(plain)), "image/png", image.Pt(40, 30), corners(plain)},
		"gif":              {toGIF(t, plain), "image/png", image.Pt(40, 30), corners(plain)},
		"gif, small frame": {gifOf(4, 4, image.Rect(1, 1, 2, 2)), "image/png", image.Pt(4, 4), [4]color.Color{color.RGBA{255, 0, 0, 255}, none, none, none}},
		"lossy webp":       {webpOf(vp8), "image/jpeg", image.Pt(1, 1), greysOf(t, vp8)},
		"opaque webp":      {webpOf(vp8l(40, 30, red)), "image/jpeg", image.Pt(40, 30), all},
		"clear webp":       {webpOf(vp8l(40, 30, clear)), "image/png", image.Pt(40, 30), [4]color.Color{clear, clear, clear, clear}},
		"alpha webp":       {webpOf(vp8x(1<<4, 1, 1), webpChunk("ALPH", []byte{0, 0}), vp8), "image/png", image.Pt(1, 1), [4]color.Color{none, none, none, none}},
		"opaque alpha":     {webpOf(vp8x(1<<4, 1, 1), webpChunk("ALPH", []byte{0, 255}), vp8), "image/jpeg", image.Pt(1, 1), greysOf(t, vp8)},
		"animated webp": {
			webpOf(vp8x(1<<1, 8, 8), webpChunk("ANIM", make([]byte, 6)), anmf(image.Rect(0, 0, 4, 4), vp8l(4, 4, red)), anmf(image.Rect(2, 2, 3, 3), vp8)),
			"image/png", image.Pt(8, 8), [4]color.Color{red, none, none, none},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := clean(t, tt.data)
			m := decoded(t, a)
			if a.MediaType != tt.mediaType || m.Bounds() != image.Rect(0, 0, tt.size.X, tt.size.Y) {
				t.Errorf("the result is %s of %v, want %s of %v", a.MediaType, m.Bounds(), tt.mediaType, tt.size)
			}
			for i, got := range corners(m) {
				if !near(got, tt.want[i]) {
					t.Errorf("quarter %d is %v, want %v", i, got, tt.want[i])
				}
			}
			again := clean(t, a.Bytes)
			if a.MediaType == "image/png" && !bytes.Equal(again.Bytes, a.Bytes) {
				t.Error("a PNG that is cleaned again changes")
			}
		})
	}
}

// greysOf returns the corners of a WebP as x/image decodes it.
func greysOf(t *testing.T, chunk []byte) [4]color.Color {
	m, _, err := image.Decode(bytes.NewReader(webpOf(chunk)))
	if err != nil {
		t.Fatal(err)
	}
	return corners(m)
}

// TestSizes tests that a cleaned image does not grow when it is cleaned again, and that an image is
// refused if every encoding of it is too large.
func TestSizes(t *testing.T) {
	photo := toJPEG(t, noise(600, 400))
	size := len(clean(t, photo).Bytes)
	for range 3 {
		again := len(clean(t, clean(t, photo).Bytes).Bytes)
		if again < size*9/10 || again > size*11/10 {
			t.Errorf("cleaned again, %d bytes became %d", size, again)
		}
	}
	c := cleaner()
	for name, tt := range map[string]struct {
		data []byte
		max  int
		want string
	}{
		"a jpeg of lower quality":   {photo, size - 1, "image/jpeg"},
		"a png that becomes a jpeg": {toPNG(t, noise(300, 200)), 150_000, "image/jpeg"},
		"no jpeg is small enough":   {photo, 10_000, ""},
		"a transparent png":         {toPNG(t, transparent(noise(300, 200))), 150_000, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := c.Clean(t.Context(), tt.data, tt.max)
			if tt.want == "" {
				if !errors.Is(err, images.ErrTooManyBytes) {
					t.Errorf("Clean: %v; want ErrTooManyBytes", err)
				}
				return
			}
			if err != nil || a.MediaType != tt.want || len(a.Bytes) > tt.max {
				t.Errorf("Clean: a %s of %d bytes, %v; want %s of %d at most", a.MediaType, len(a.Bytes), err, tt.want, tt.max)
			}
		})
	}
}

func transparent(m *image.RGBA) *image.NRGBA {
	n := &image.NRGBA{Pix: m.Pix, Stride: m.Stride, Rect: m.Rect}
	n.Pix[3] = 0
	return n
}

func TestEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	data := toPNG(t, quarters(4, 4))
	_, _, _, err := cleaner().Inspect(ctx, data)
	_, err2 := cleaner().Clean(ctx, data, messaging.MaxAttachment)
	if !errors.Is(err, context.Canceled) || !errors.Is(err2, context.Canceled) || errors.Is(err2, images.ErrDamaged) {
		t.Errorf("Inspect: %v, Clean: %v; want context.Canceled", err, err2)
	}
}
