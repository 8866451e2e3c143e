package images_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/bits"
	"testing"
)

// quarters is an image of four colours: red, green, blue and white, from the top left.
func quarters(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, [2][2]color.Color{
				{color.RGBA{255, 0, 0, 255}, color.RGBA{0, 255, 0, 255}}, {color.RGBA{0, 0, 255, 255}, color.White},
			}[y*2/h][x*2/w])
		}
	}
	return m
}

// noise is an image that cannot be compressed.
func noise(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	seed := uint64(88172645463325252)
	for i := range m.Pix {
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
		m.Pix[i] = byte(seed >> 32)
		if i%4 == 3 {
			m.Pix[i] = 255
		}
	}
	return m
}

func encoded(t testing.TB, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func toPNG(t testing.TB, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, m) })
}

func toJPEG(t testing.TB, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, m, &jpeg.Options{Quality: 95}) })
}

func toGIF(t testing.TB, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return gif.Encode(b, m, nil) })
}

// The secret stands in every kind of metadata of the corpus.
const secret = "48°51'29.6\"N 2°17'40.2\"E"

// exif returns EXIF data with an orientation and a position.
func exif(order binary.AppendByteOrder, orientation uint16) []byte {
	b := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(order.AppendUint16(b, 0x0112), 3)
	b = order.AppendUint16(order.AppendUint16(order.AppendUint32(b, 1), orientation), 0)
	b = order.AppendUint16(order.AppendUint16(b, 0x8825), 2) // GPS
	b = order.AppendUint32(order.AppendUint32(b, uint32(len(secret))), 38)
	return append(order.AppendUint32(b, 0), secret...)
}

// withSegment inserts a segment after the SOI of a JPEG.
func withSegment(data []byte, marker byte, body []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, marker}, uint16(len(body)+2))
	return append(append(b, body...), data[2:]...)
}

func exifJPEG(data []byte, orientation uint16) []byte {
	return withSegment(data, 0xe1, append([]byte("Exif\x00\x00"), exif(binary.BigEndian, orientation)...))
}

// blockJPEG returns a JPEG of a frame type with 1, 3 or 4 components, of blocks of one colour: that of
// m in their middle, or grey if m is nil. Go's encoder writes only baseline JPEGs of 4:2:0. The first
// component is sampled as given. The scan is followed by more like it, with nothing new.
func blockJPEG(m image.Image, sof byte, w, h, components int, sampling byte, more int) []byte {
	b := []byte{0xff, 0xd8}
	segment := func(marker byte, body ...byte) {
		b = binary.BigEndian.AppendUint16(append(b, 0xff, marker), uint16(len(body)+2))
		b = append(b, body...)
	}
	if components == 4 {
		segment(0xee, []byte("Adobe\x00\x64\x00\x00\x00\x00\x00")...)
	}
	segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)
	// The codes of DC have 4 bits, 0 to 11. The one code of AC, the end of a block, has one.
	segment(0xc4, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	segment(0xc4, append(append([]byte{0x10, 1}, make([]byte, 15)...), 0)...)
	frame := []byte{8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), byte(components)}
	scan := []byte{byte(components)}
	across, down := 8*int(sampling>>4), 8*int(sampling&15)
	for c := range components {
		frame = append(frame, byte(c+1), 0x11, 0)
		scan = append(scan, byte(c+1), 0)
	}
	frame[7] = sampling
	segment(sof, frame...)
	last := byte(63)
	if sof == 0xc2 {
		last = 0
	}
	segment(0xda, append(scan, 0, last, 0)...)
	var data jpegBits
	dc := make([]int, components)
	for y := 0; y < h; y += down {
		for x := 0; x < w; x += across {
			for c := range components {
				wide, high := across, down // of a block, in pixels
				if c == 0 {
					wide, high = 8, 8
				}
				for by := y; by < y+down; by += high {
					for bx := x; bx < x+across; bx += wide {
						level := 8 * (sampleOf(m, c, min(bx+wide/2, w-1), min(by+high/2, h-1)) - 128)
						data.difference(level - dc[c])
						dc[c] = level
						if sof != 0xc2 {
							data.write(0, 1)
						}
					}
				}
			}
		}
	}
	b = append(b, data.b...)
	for range more { // refinements of DC by bits that are 0
		segment(0xda, append(scan, 0, last, 0x10)...)
		b = append(b, make([]byte, (w/8*h/8*components)/8+1)...)
	}
	return append(b, 0xff, 0xd9)
}

func sampleOf(m image.Image, component, x, y int) int {
	if m == nil {
		return 128
	}
	c := color.YCbCrModel.Convert(m.At(x, y)).(color.YCbCr)
	return int([]byte{c.Y, c.Cb, c.Cr}[component])
}

// jpegBits are the bits of a scan.
type jpegBits struct {
	b []byte
	n uint // bits of the last byte
}

func (j *jpegBits) write(v, bits int) {
	for i := bits - 1; i >= 0; i-- {
		if j.n%8 == 0 {
			if len(j.b) > 0 && j.b[len(j.b)-1] == 0xff {
				j.b = append(j.b, 0)
			}
			j.b = append(j.b, 0)
		}
		j.b[len(j.b)-1] |= byte(v>>i&1) << (7 - j.n%8)
		j.n++
	}
}

func (j *jpegBits) difference(d int) {
	size := bits.Len(uint(max(d, -d)))
	j.write(size, 4)
	if d < 0 {
		d += 1<<size - 1
	}
	j.write(d, size)
}

// pngChunk returns a chunk of a PNG.
func pngChunk(kind string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// withChunks inserts chunks after the IHDR of a PNG.
func withChunks(data []byte, chunks ...[]byte) []byte {
	const end = 8 + 25
	return append(append(bytes.Clone(data[:end]), bytes.Join(chunks, nil)...), data[end:]...)
}

// hugePNG returns a PNG with the data of one pixel and a header that declares another size.
func hugePNG(w, h uint32, depth, colours, interlace byte) []byte {
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	header = append(header, depth, colours, 0, 0, interlace)
	return bytes.Join([][]byte{
		[]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", header), pngChunk("IDAT", deflated(make([]byte, 5))), pngChunk("IEND", nil),
	}, nil)
}

func deflated(b []byte) []byte {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = w.Write(b)
	_ = w.Close()
	return z.Bytes()
}

// gifOf returns a GIF with a canvas, two colours, and frames of one pixel of data.
func gifOf(w, h uint16, frames ...image.Rectangle) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(le.AppendUint16([]byte("GIF89a"), w), h)
	b = append(b, 0x80, 0, 0, 255, 0, 0, 255, 255, 255)
	for _, f := range frames {
		b = le.AppendUint16(le.AppendUint16(append(b, ','), uint16(f.Min.X)), uint16(f.Min.Y))
		b = le.AppendUint16(le.AppendUint16(b, uint16(f.Dx())), uint16(f.Dy()))
		b = append(b, 0, 2, 2, 0x44, 0x01, 0)
	}
	return append(b, ';')
}

// webpChunk returns a chunk of a WebP.
func webpChunk(kind string, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	b := binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(body)))
	return append(append(b, body...), make([]byte, len(body)%2)...)
}

func webpOf(chunks ...[]byte) []byte {
	body := append([]byte("WEBP"), bytes.Join(chunks, nil)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func le24(n int) []byte { return []byte{byte(n), byte(n >> 8), byte(n >> 16)} }

func vp8x(flags byte, w, h int) []byte {
	return webpChunk("VP8X", []byte{flags, 0, 0, 0}, le24(w-1), le24(h-1))
}

// vp8l returns a VP8L chunk of one colour. Go has no encoder for WebP.
func vp8l(w, h int, c color.NRGBA) []byte {
	var b []byte
	n := uint(0)
	write := func(v uint64, bits uint) {
		for i := range bits {
			if n%8 == 0 {
				b = append(b, 0)
			}
			b[n/8] |= byte(v>>i&1) << (n % 8)
			n++
		}
	}
	write(0x2f, 8)
	write(uint64(w-1), 14)
	write(uint64(h-1), 14)
	write(1, 1) // alpha is used
	write(0, 3) // version
	write(0, 3) // no transform, no colour cache, no further groups
	for _, symbol := range []byte{c.G, c.R, c.B, c.A} {
		write(0b101, 3) // a simple code, of one symbol, of 8 bits
		write(uint64(symbol), 8)
	}
	write(0b001, 3) // of one bit: the distance, which is not used
	write(0, 1)
	return webpChunk("VP8L", b)
}

// vp8 is a VP8 chunk of one grey pixel.
var vp8 = unbase64("VlA4IBgAAAAwAQCdASoBAAEAAwA0JaQAA3AA/vuUAAA=")

func anmf(at image.Rectangle, chunks ...[]byte) []byte {
	return webpChunk("ANMF", le24(at.Min.X/2), le24(at.Min.Y/2), le24(at.Dx()-1), le24(at.Dy()-1), le24(100), []byte{0}, bytes.Join(chunks, nil))
}

func unbase64(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
