package images

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"

	"golang.org/x/image/webp"
)

var errOutside = errors.New("it has a frame beyond its canvas, or without pixels")

// The flags of a VP8X chunk.
const (
	webpAnimated = 1 << 1
	webpAlpha    = 1 << 4
)

// webpFrame is one picture of a WebP. Its position and size are on the canvas.
type webpFrame struct {
	at     image.Rectangle
	alpha  []byte // the ALPH chunk; nil if it has none
	kind   string // "VP8 " or "VP8L"; "" if there is no picture yet
	pixels []byte // the chunk of that kind
}

// readWebP walks the chunks of a WebP. Only its first frame is decoded.
func readWebP(data []byte) (layout, error) {
	const header = 12
	if len(data) < header {
		return layout{}, errCut
	}
	// The size counts what follows it. The last chunk may lack its byte of padding.
	size := int64(binary.LittleEndian.Uint32(data[4:])) + 8
	if size > int64(len(data)) || size < header {
		return layout{}, errCut
	}
	if err := onlyPadding(data[size:]); err != nil {
		return layout{}, err
	}
	l := layout{orientation: 1}
	var first webpFrame
	var canvas image.Rectangle // empty without VP8X
	flags, frames := byte(0), 0
	for rest := data[header:size]; len(rest) > 0; {
		kind, body, after, err := nextChunk(rest)
		if err != nil {
			return layout{}, err
		}
		switch {
		case kind == "VP8X":
			if len(rest) != len(data[header:size]) || len(body) != 10 {
				return layout{}, errors.New("VP8X is not the first chunk, or has another length than 10")
			}
			flags, canvas = body[0], image.Rect(0, 0, 1+uint24(body[4:]), 1+uint24(body[7:]))
		case kind == "ANMF" && flags&webpAnimated != 0:
			if frames++; frames > MaxFrames {
				return layout{}, errManyFrames
			}
			f, err := readANMF(body, canvas)
			if err != nil {
				return layout{}, err
			}
			if frames == 1 {
				first = f
			}
		case kind == "EXIF":
			l.orientation = orientation(bytes.TrimPrefix(body, []byte(exifPrefix)))
		case flags&webpAnimated == 0:
			if err := first.add(kind, body); err != nil {
				return layout{}, err
			}
		}
		rest = after
	}
	if first.kind == "" {
		return layout{}, errors.New("it has no picture")
	}
	if canvas.Empty() {
		canvas = first.at
	}
	if flags&webpAnimated == 0 && first.at != canvas {
		return layout{}, errOutside
	}
	l.width, l.height, l.memory = canvas.Dx(), canvas.Dy(), first.memory(canvas)
	l.copied = area(l.width, l.height, 4)
	l.decode = func(open func([]byte) io.Reader) (image.Image, error) {
		m, err := webp.Decode(open(first.file()))
		if err != nil {
			return nil, err
		}
		return onCanvas(moved(m, first.at.Min), canvas), nil
	}
	return l, nil
}

// nextChunk returns the first chunk of b, and the rest of b.
func nextChunk(b []byte) (kind string, body, rest []byte, err error) {
	if len(b) < 8 || int64(binary.LittleEndian.Uint32(b[4:])) > int64(len(b)-8) {
		return "", nil, nil, errCut
	}
	n := int(binary.LittleEndian.Uint32(b[4:]))
	return string(b[:4]), b[8 : 8+n], b[min(8+n+n&1, len(b)):], nil
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// readANMF reads one frame of an animation.
func readANMF(b []byte, canvas image.Rectangle) (webpFrame, error) {
	const header = 16
	if len(b) < header {
		return webpFrame{}, errCut
	}
	at := image.Pt(2*uint24(b), 2*uint24(b[3:]))
	size := image.Pt(1+uint24(b[6:]), 1+uint24(b[9:]))
	var f webpFrame
	for rest := b[header:]; len(rest) > 0; {
		kind, body, after, err := nextChunk(rest)
		if err != nil {
			return webpFrame{}, err
		}
		if err := f.add(kind, body); err != nil {
			return webpFrame{}, err
		}
		rest = after
	}
	if f.at = f.at.Add(at); f.at.Size() != size || !f.at.In(canvas) {
		return webpFrame{}, errOutside
	}
	return f, nil
}

// add takes a chunk of the frame. It ignores chunks that have no pixels.
func (f *webpFrame) add(kind string, body []byte) error {
	switch kind {
	case "ALPH":
		if f.alpha != nil || f.kind != "" || len(body) == 0 {
			return errors.New("the chunk ALPH is empty, or not before its picture")
		}
		f.alpha = body
		return nil
	case "VP8 ":
		if len(body) < 10 || !bytes.Equal(body[3:6], []byte{0x9d, 0x01, 0x2a}) {
			return errors.New("the chunk VP8 is no key frame")
		}
		f.at.Max = image.Pt(int(binary.LittleEndian.Uint16(body[6:])&0x3fff), int(binary.LittleEndian.Uint16(body[8:])&0x3fff))
	case "VP8L":
		if len(body) < 5 || body[0] != 0x2f || f.alpha != nil {
			return errors.New("the chunk VP8L is not valid")
		}
		bits := binary.LittleEndian.Uint32(body[1:])
		f.at.Max = image.Pt(1+int(bits&0x3fff), 1+int(bits>>14&0x3fff))
	default:
		return nil
	}
	if f.kind != "" || f.at.Empty() {
		return errors.New("it has a second picture, or one without pixels")
	}
	f.kind, f.pixels = kind, body
	return nil
}

// memory returns the bytes that decoding allocates. A pixel takes 4 bytes of VP8L, and as many
// again while a palette is applied. VP8 takes 1½, and with an ALPH chunk 4 more (for a VP8L), 1, and
// 4 of the NRGBA that it becomes.
func (f *webpFrame) memory(canvas image.Rectangle) int64 {
	halves := int64(3)
	switch {
	case f.kind == "VP8L":
		halves = 10
	case f.alpha != nil:
		halves = 3 + 2*(4+1+4)
	}
	if f.at != canvas {
		return area(f.at.Dx(), f.at.Dy(), halves)/2 + area(canvas.Dx(), canvas.Dy(), 4)
	}
	return area(f.at.Dx(), f.at.Dy(), halves) / 2
}

// file returns a WebP that has this frame alone.
func (f *webpFrame) file() []byte {
	b := append(make([]byte, 0, 64+len(f.alpha)+len(f.pixels)), "RIFF\x00\x00\x00\x00WEBP"...)
	if f.alpha != nil {
		w, h := f.at.Dx()-1, f.at.Dy()-1
		header := []byte{webpAlpha, 0, 0, 0, byte(w), byte(w >> 8), byte(w >> 16), byte(h), byte(h >> 8), byte(h >> 16)} // #nosec G115 -- 24 bits each
		b = appendChunk(b, "VP8X", header)
		b = appendChunk(b, "ALPH", f.alpha)
	}
	b = appendChunk(b, f.kind, f.pixels)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8)) // #nosec G115 -- an image has less than 4 GiB
	return b
}

func appendChunk(b []byte, kind string, body []byte) []byte {
	b = binary.LittleEndian.AppendUint32(append(b, kind...), uint32(len(body))) // #nosec G115 -- an image has less than 4 GiB
	b = append(b, body...)
	if len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}
