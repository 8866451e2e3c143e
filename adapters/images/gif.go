package images

import (
	"encoding/binary"
	"errors"
	"image"
	"image/draw"
	"image/gif"
	"io"
)

// readGIF walks the blocks of a GIF. Only its first frame is decoded.
func readGIF(data []byte) (layout, error) {
	const header = 13
	if len(data) < header {
		return layout{}, errCut
	}
	l := layout{
		width: int(binary.LittleEndian.Uint16(data[6:])), height: int(binary.LittleEndian.Uint16(data[8:])), orientation: 1,
	}
	canvas := image.Rect(0, 0, l.width, l.height)
	rest, ok := skip(data[header:], colours(data[10]))
	frames := 0
	for ok && len(rest) > 0 {
		kind := rest[0]
		switch rest = rest[1:]; kind {
		case 0x21: // an extension
			if rest, ok = skip(rest, 1); ok {
				rest, ok = skipBlocks(rest)
			}
		case 0x2c: // a frame
			if len(rest) < 9 {
				return layout{}, errCut
			}
			if frames++; frames > MaxFrames {
				return layout{}, errManyFrames
			}
			at := image.Pt(int(binary.LittleEndian.Uint16(rest)), int(binary.LittleEndian.Uint16(rest[2:])))
			size := image.Pt(int(binary.LittleEndian.Uint16(rest[4:])), int(binary.LittleEndian.Uint16(rest[6:])))
			frame := image.Rectangle{Min: at, Max: at.Add(size)}
			if size.X == 0 || size.Y == 0 || !frame.In(canvas) {
				return layout{}, errOutside
			}
			before := len(rest)
			if rest, ok = skip(rest, 9+colours(rest[8])+1); ok {
				rest, ok = skipBlocks(rest)
			}
			if !ok || frames > 1 {
				continue
			}
			if !mayBeLZW(area(size.X, size.Y, 1), before-len(rest)) {
				return layout{}, errors.New("it has too little data for its pixels")
			}
			l.memory = area(size.X, size.Y, 1)
			if frame != canvas {
				l.memory += area(l.width, l.height, 4)
			}
			l.decode = firstGIF(data[:len(data)-len(rest)], canvas)
		case 0x3b: // the end
			if frames == 0 {
				return layout{}, errors.New("it has no frame")
			}
			return l, onlyPadding(rest)
		default:
			return layout{}, errors.New("it has an unknown block")
		}
	}
	return layout{}, errCut
}

// firstGIF decodes the only frame of a GIF.
func firstGIF(data []byte, canvas image.Rectangle) func(func([]byte) io.Reader) (image.Image, error) {
	return func(open func([]byte) io.Reader) (image.Image, error) {
		frame, err := gif.Decode(open(data))
		if err != nil {
			return nil, err
		}
		return onCanvas(frame, canvas), nil
	}
}

// onCanvas returns a frame on a transparent canvas, or the frame itself if it fills the canvas.
func onCanvas(frame image.Image, canvas image.Rectangle) image.Image {
	if frame.Bounds() == canvas {
		return frame
	}
	m := image.NewNRGBA(canvas)
	draw.Draw(m, frame.Bounds(), frame, frame.Bounds().Min, draw.Src)
	return m
}

// colours returns the size of the colour table that the flags announce.
func colours(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

func skip(b []byte, n int) (rest []byte, ok bool) {
	if len(b) < n {
		return nil, false
	}
	return b[n:], true
}

// skipBlocks skips sub-blocks, up to and with the empty one.
func skipBlocks(b []byte) (rest []byte, ok bool) {
	for len(b) > 0 {
		n := int(b[0])
		if b, ok = skip(b[1:], n); !ok || n == 0 {
			return b, ok
		}
	}
	return nil, false
}

// mayBeLZW reports whether so many bytes can hold so many pixels. A code has 3 bits or more, each
// stands for at most one pixel more than the longest before it, and for 4,096 at most.
func mayBeLZW(pixels int64, bytes int) bool {
	codes := int64(bytes) * 8 / 3
	return pixels <= codes*min(codes, 4096)
}
