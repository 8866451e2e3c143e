package images

import (
	"encoding/binary"
	"errors"
	"image"
	"image/png"
	"io"
)

var errCut = errors.New("it ends too early")

// readPNG walks the chunks of a PNG. What image/png ignores, it steps over: text, profiles and the
// frames of an animation are never inflated.
func readPNG(data []byte) (layout, error) {
	const signature = 8
	if len(data) < signature {
		return layout{}, errCut
	}
	l := layout{orientation: 1, decode: func(open func([]byte) io.Reader) (image.Image, error) { return png.Decode(open(data)) }}
	var header pngHeader
	var pixels uint64 // compressed bytes
	frames := 0
	rest := data[signature:]
	for first := true; ; first = false {
		if len(rest) < 12 || int64(binary.BigEndian.Uint32(rest)) > int64(len(rest)-12) {
			return layout{}, errCut
		}
		n := binary.BigEndian.Uint32(rest)
		kind, body := string(rest[4:8]), rest[8:8+n]
		rest = rest[12+n:]
		switch {
		case first != (kind == "IHDR"):
			return layout{}, errors.New("IHDR is not the first chunk alone")
		case first:
			if err := header.read(body); err != nil {
				return layout{}, err
			}
		case kind == "IDAT":
			pixels += uint64(n)
		case kind == "tRNS":
			header.transparent = true
		case kind == "eXIf":
			l.orientation = orientation(body)
		case kind == "fcTL":
			if frames++; frames > MaxFrames {
				return layout{}, errManyFrames
			}
		case kind == "IEND":
			// Deflate makes at most 1,032 bytes of one.
			if header.rawBytes() > float64(pixels)*1032 {
				return layout{}, errors.New("it has too little data for its pixels")
			}
			l.width, l.height, l.memory = int(header.width), int(header.height), header.memory()
			l.copied = area(l.width, l.height, 4)
			return l, onlyPadding(rest)
		}
	}
}

type pngHeader struct {
	width, height uint32
	depth         uint64 // bits of a sample
	samples       uint64 // of a pixel; 1 of a palette
	palette       bool
	interlaced    bool
	transparent   bool
}

func (h *pngHeader) read(b []byte) error {
	if len(b) != 13 {
		return errors.New("IHDR has another length than 13")
	}
	samples := map[byte]uint64{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[b[9]]
	if samples == 0 {
		return errors.New("the colour type is unknown")
	}
	h.width, h.height = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	if h.width > 1<<31-1 || h.height > 1<<31-1 {
		return errors.New("the width or height is above 2³¹ - 1")
	}
	h.depth, h.samples, h.palette, h.interlaced = uint64(b[8]), samples, b[9] == 3, b[12] != 0
	return nil
}

// rawBytes returns the number of bytes of the rows.
func (h *pngHeader) rawBytes() float64 {
	return float64(h.height) * (1 + float64(h.width)*float64(h.samples*h.depth)/8)
}

// memory returns the size of the image that image/png makes, and of the passes of an interlaced
// one, which together are as large.
func (h *pngHeader) memory() int64 {
	pixel := uint64(4)
	if h.samples == 1 && (h.palette || !h.transparent) {
		pixel = 1
	}
	if h.depth == 16 {
		pixel *= 2
	}
	if h.interlaced {
		pixel *= 2
	}
	return area(int(h.width), int(h.height), int64(pixel))
}
