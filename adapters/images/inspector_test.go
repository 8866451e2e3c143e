package images_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"runtime"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/images"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/messaging"
)

var _ messaging.Images = images.Inspector{}

func encoded(t testing.TB, encode func(*bytes.Buffer, image.Image) error, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	picture := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.Black, color.White})
	if err := encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func toPNG(b *bytes.Buffer, m image.Image) error  { return png.Encode(b, m) }
func toJPEG(b *bytes.Buffer, m image.Image) error { return jpeg.Encode(b, m, nil) }
func toGIF(b *bytes.Buffer, m image.Image) error  { return gif.Encode(b, m, nil) }

// Go has no encoder for WebP. These are two images of one pixel.
var (
	lossyWebP    = unbase64("UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAAwA0JaQAA3AA/vuUAAA=")
	losslessWebP = unbase64("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
)

func unbase64(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// pngHeader returns the beginning of a true-colour PNG: the IHDR chunk, and one more of the given
// kind.
func pngHeader(width, height uint32, next string) []byte {
	ihdr := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	ihdr = binary.BigEndian.AppendUint32(ihdr, height)
	ihdr = append(ihdr, 8, 2, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), ihdr...)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(ihdr))
	b = append(b, "\x00\x00\x00\x08"...)
	return append(append(b, next...), make([]byte, 12)...)
}

// gifClaiming returns a complete GIF of 32 bytes with two colours, one frame and the given size.
func gifClaiming(width, height uint16) []byte {
	size := binary.LittleEndian.AppendUint16(nil, width)
	size = binary.LittleEndian.AppendUint16(size, height)
	b := append([]byte("GIF89a"), size...)
	b = append(b, 0x80, 0, 0, 0, 0, 0, 255, 255, 255) // one bit per pixel; black, white
	b = append(append(b, ",\x00\x00\x00\x00"...), size...)
	return append(b, 0, 2, 0, ';')
}

// extendedWebP returns a WebP with an empty canvas of the given size, and the given flags.
func extendedWebP(flags byte, width, height uint32) []byte {
	b := []byte("RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00")
	b = append(b, flags, 0, 0, 0)
	w, h := width-1, height-1
	return append(b, byte(w), byte(w>>8), byte(w>>16), byte(h), byte(h>>8), byte(h>>16))
}

func TestInspect(t *testing.T) {
	tests := []struct {
		name          string
		data          []byte
		mediaType     string
		width, height int
	}{
		{"png", encoded(t, toPNG, 40, 30), "image/png", 40, 30},
		{"png of one pixel", encoded(t, toPNG, 1, 1), "image/png", 1, 1},
		{"png of true colour", pngHeader(7, 9, "IDAT"), "image/png", 7, 9},
		{"animated png", pngHeader(7, 9, "acTL"), "image/png", 7, 9},
		{"jpeg", encoded(t, toJPEG, 40, 30), "image/jpeg", 40, 30},
		{"gif", encoded(t, toGIF, 40, 30), "image/gif", 40, 30},
		{"gif of 1987", bytes.Replace(encoded(t, toGIF, 4, 3), []byte("GIF89a"), []byte("GIF87a"), 1), "image/gif", 4, 3},
		{"lossy webp", lossyWebP, "image/webp", 1, 1},
		{"lossless webp", losslessWebP, "image/webp", 1, 1},
		{"webp with alpha", extendedWebP(1<<4, 640, 480), "image/webp", 640, 480},
		{"animated webp", extendedWebP(1<<1, 640, 480), "image/webp", 640, 480},
		{"data after the image", append(encoded(t, toPNG, 2, 3), "<script>"...), "image/png", 2, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := bytes.Clone(tt.data)
			mediaType, width, height, err := images.Inspector{}.Inspect(t.Context(), tt.data)
			if err != nil || mediaType != tt.mediaType || width != tt.width || height != tt.height {
				t.Errorf("Inspect = %s, %d × %d, %v; want %s, %d × %d",
					mediaType, width, height, err, tt.mediaType, tt.width, tt.height)
			}
			if !bytes.Equal(before, tt.data) {
				t.Error("Inspect changed the bytes")
			}
		})
	}
}

// notImages returns inputs for which Inspect returns ErrNotAnImage.
func notImages(t testing.TB) map[string][]byte {
	broken := encoded(t, toPNG, 40, 30)
	broken[20] ^= 1 // a byte of the width, so the checksum is wrong
	return map[string][]byte{
		"nothing":             nil,
		"one byte":            {0x89},
		"text":                []byte("just some words"),
		"html":                []byte("<!DOCTYPE html><script>alert(1)</script>"),
		"svg":                 []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`),
		"pdf":                 []byte("%PDF-1.7\n"),
		"zip":                 []byte("PK\x03\x04" + strings.Repeat("\x00", 40)),
		"bmp":                 append([]byte("BM"), make([]byte, 60)...),
		"tiff":                append([]byte("II*\x00"), make([]byte, 60)...),
		"avif":                []byte("\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf"),
		"wave":                []byte("RIFF\x24\x00\x00\x00WAVEfmt "),
		"zeros":               make([]byte, 1<<20),
		"magic of a png":      []byte("\x89PNG\r\n\x1a\n"),
		"magic of a jpeg":     []byte("\xff\xd8\xff"),
		"magic of a gif":      []byte("GIF89a"),
		"magic of a webp":     []byte("RIFF\x00\x00\x00\x00WEBPVP8 "),
		"png, wrong checksum": broken,
		"png, first half":     encoded(t, toPNG, 40, 30)[:20],
		"png 0 wide":          pngHeader(0, 9, "IDAT"),
		"png 2³² - 1 wide":    pngHeader(1<<32-1, 9, "IDAT"),
		"gif 0 wide":          gifClaiming(0, 9),
		"gif 0 high":          gifClaiming(9, 0),
		"jpeg without frame":  []byte("\xff\xd8\xff\xfe\x00\x04ab\xff\xd9"),
		"jpeg of fill bytes":  append([]byte("\xff\xd8"), bytes.Repeat([]byte{0xff}, 1<<16)...),
		"jpeg 0 high":         zeroHeight(encoded(t, toJPEG, 40, 30)),
		"webp, lossy, cut":    lossyWebP[:24],
		"webp, lossless, cut": losslessWebP[:20],
		"webp, huge canvas":   extendedWebP(0, 1<<24, 1<<24),
		"webp without chunks": []byte("RIFF\x04\x00\x00\x00WEBP"),
		"webp in lower case":  bytes.Replace(lossyWebP, []byte("WEBP"), []byte("webp"), 1),
		"space before":        append([]byte(" "), encoded(t, toGIF, 4, 3)...),
	}
}

// zeroHeight sets the height in the frame header of a baseline JPEG to 0, which means that it
// follows after the first scan.
func zeroHeight(data []byte) []byte {
	at := bytes.Index(data, []byte{0xff, 0xc0})
	data[at+5], data[at+6] = 0, 0
	return data
}

func TestInspectNotImages(t *testing.T) {
	for name, data := range notImages(t) {
		t.Run(name, func(t *testing.T) {
			mediaType, width, height, err := images.Inspector{}.Inspect(t.Context(), data)
			if !errors.Is(err, images.ErrNotAnImage) || !errors.Is(err, fault.Invalid) {
				t.Fatalf("Inspect: %v; want ErrNotAnImage", err)
			}
			if mediaType != "" || width != 0 || height != 0 {
				t.Errorf("Inspect returned an error and %s, %d × %d", mediaType, width, height)
			}
		})
	}
}

// TestHugeImages inspects small inputs with headers of images that need up to 4 GiB of memory.
func TestHugeImages(t *testing.T) {
	for name, claim := range map[string]struct {
		data          []byte
		width, height int
	}{
		"gif":  {gifClaiming(65535, 65535), 65535, 65535},
		"png":  {pngHeader(30000, 30000, "IDAT"), 30000, 30000},
		"webp": {extendedWebP(1<<4, 16384, 65536), 16384, 65536},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, width, height, err := images.Inspector{}.Inspect(t.Context(), claim.data)
			runtime.ReadMemStats(&after)
			if err != nil || width != claim.width || height != claim.height {
				t.Errorf("Inspect: %d × %d, %v; want %d × %d", width, height, err, claim.width, claim.height)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
				t.Errorf("Inspect allocated %d bytes for an input of %d", grown, len(claim.data))
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, _, err := images.Inspector{}.Inspect(ctx, encoded(t, toPNG, 1, 1))
	if !errors.Is(err, context.Canceled) || errors.Is(err, images.ErrNotAnImage) {
		t.Errorf("Inspect: %v; want context.Canceled", err)
	}
}

func FuzzInspect(f *testing.F) {
	for _, data := range notImages(f) {
		if len(data) < 1<<12 {
			f.Add(data)
		}
	}
	f.Add(encoded(f, toPNG, 4, 3))
	f.Add(encoded(f, toJPEG, 4, 3))
	f.Add(encoded(f, toGIF, 4, 3))
	f.Add(gifClaiming(65535, 65535))
	f.Add(lossyWebP)
	f.Add(losslessWebP)
	f.Add(extendedWebP(1<<4, 640, 480))
	types := map[string]bool{"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true}
	f.Fuzz(func(t *testing.T, data []byte) {
		mediaType, width, height, err := images.Inspector{}.Inspect(t.Context(), data)
		switch {
		case err != nil && !errors.Is(err, images.ErrNotAnImage):
			t.Errorf("Inspect: %v; want ErrNotAnImage", err)
		case err == nil && (!types[mediaType] || width < 1 || height < 1):
			t.Errorf("Inspect = %q, %d × %d", mediaType, width, height)
		}
	})
}

func BenchmarkInspect(b *testing.B) {
	data := encoded(b, toJPEG, 1000, 1000)
	for b.Loop() {
		if _, _, _, err := (images.Inspector{}).Inspect(b.Context(), data); err != nil {
			b.Fatal(err)
		}
	}
}
