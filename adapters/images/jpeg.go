package images

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
)

// maxScans is the most scans of a JPEG. A progressive one has about ten. A scan takes time for all
// pixels, however few bytes it has.
const maxScans = 64

// maxJPEGs is the most JPEGs that may follow one in a file.
const maxJPEGs = 16

// The markers of JPEG that are looked at.
const (
	markerSOF0  = 0xc0 // baseline
	markerSOF1  = 0xc1 // extended
	markerSOF2  = 0xc2 // progressive
	markerRST0  = 0xd0
	markerRST7  = 0xd7
	markerSOI   = 0xd8
	markerEOI   = 0xd9
	markerSOS   = 0xda
	markerAPP1  = 0xe1
	markerAPP14 = 0xee
	exifPrefix  = "Exif\x00\x00"
	samsungTail = "SEFT" // the end of what cameras of Samsung write after a JPEG
)

// readJPEG walks a JPEG and what cameras write after one: further JPEGs (smaller ones, or a gain
// map), the notes of Samsung, or zeros. These are dropped.
func readJPEG(data []byte) (layout, error) {
	l, rest, err := walkJPEG(data)
	for more := 0; err == nil && more < maxJPEGs; more++ {
		rest = bytes.TrimLeft(rest, "\x00")
		if !bytes.HasPrefix(rest, []byte{0xff, markerSOI}) {
			break
		}
		_, rest, err = walkJPEG(rest)
	}
	if err == nil && !bytes.HasSuffix(rest, []byte(samsungTail)) {
		err = onlyPadding(rest)
	}
	l.decode = func(open func([]byte) io.Reader) (image.Image, error) { return jpeg.Decode(open(data)) }
	return l, err
}

// walkJPEG reads the segments and scans of a JPEG, and returns the data after its end.
func walkJPEG(data []byte) (layout, []byte, error) {
	l := layout{orientation: 1}
	var f jpegFrame
	scans, exif := 0, false
	rest := data[2:] // after SOI
	for {
		marker, after, err := nextMarker(rest)
		if err != nil {
			return layout{}, nil, err
		}
		switch rest = after; {
		case marker == markerEOI:
			if scans == 0 {
				return layout{}, nil, errors.New("it has no scan")
			}
			if f.blocks() > 8*int64(len(data)) { // a block of 8 by 8 samples has at least one bit
				return layout{}, nil, errors.New("it has too little data for its pixels")
			}
			l.width, l.height, l.memory, l.copied = f.width, f.height, f.memory(), 64*f.blocks()
			return l, rest, nil
		case marker >= markerRST0 && marker <= markerRST7, marker == 0x01:
			continue // without a length
		case marker < markerSOF0, marker == markerSOI:
			return layout{}, nil, fmt.Errorf("it has the marker %#x", marker)
		}
		if len(rest) < 2 || int(binary.BigEndian.Uint16(rest)) < 2 || int(binary.BigEndian.Uint16(rest)) > len(rest) {
			return layout{}, nil, errCut
		}
		n := binary.BigEndian.Uint16(rest)
		body := rest[2:n]
		rest = rest[n:]
		switch {
		case marker >= markerSOF0 && marker <= markerSOF2:
			if err := f.read(marker, body); err != nil {
				return layout{}, nil, err
			}
		case marker == markerSOS:
			if scans++; scans > maxScans || f.width == 0 {
				return layout{}, nil, fmt.Errorf("it has more than %d scans, or one before the frame", maxScans)
			}
		case marker == markerAPP14 && len(body) > 11 && bytes.HasPrefix(body, []byte("Adobe")):
			f.rgb = body[11] == 0
		case marker == markerAPP1 && !exif && bytes.HasPrefix(body, []byte(exifPrefix)):
			exif = true
			l.orientation = orientation(body[len(exifPrefix):])
		}
	}
}

// nextMarker returns the next marker and what follows it. Before it, there may be the data of a
// scan, in which 0xff is followed by 0.
func nextMarker(b []byte) (marker byte, rest []byte, err error) {
	for {
		i := bytes.IndexByte(b, 0xff)
		if i < 0 {
			return 0, nil, errCut
		}
		for b = b[i:]; len(b) > 0 && b[0] == 0xff; {
			b = b[1:]
		}
		if len(b) == 0 {
			return 0, nil, errCut
		}
		if marker, b = b[0], b[1:]; marker != 0 {
			return marker, b, nil
		}
	}
}

// jpegFrame is the frame header of a JPEG.
type jpegFrame struct {
	width, height int
	progressive   bool
	rgb           bool
	sampling      [][2]int // across and down, of each component
}

func (f *jpegFrame) read(marker byte, b []byte) error {
	if f.width != 0 {
		return errors.New("it has two frames")
	}
	if len(b) < 6 || len(b) != 6+3*int(b[5]) || b[5] == 0 || b[5] > 4 {
		return errors.New("the frame header is not valid")
	}
	f.height, f.width = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	f.progressive = marker == markerSOF2
	f.rgb = f.rgb || len(b) == 6+3*3 && b[6] == 'R' && b[9] == 'G' && b[12] == 'B'
	if f.width == 0 || f.height == 0 {
		return errors.New("the width or height is 0")
	}
	for c := b[6:]; len(c) > 0; c = c[3:] {
		across, down := int(c[1]>>4), int(c[1]&15)
		if across < 1 || across > 4 || down < 1 || down > 4 {
			return errors.New("the sampling is not valid")
		}
		f.sampling = append(f.sampling, [2]int{across, down})
	}
	if len(f.sampling) == 1 {
		f.sampling[0] = [2]int{1, 1} // a single component is not interleaved; its sampling is ignored
	}
	return nil
}

// blocks returns the number of blocks of 8 by 8 samples.
func (f *jpegFrame) blocks() int64 {
	var across, down, each int
	for _, s := range f.sampling {
		across, down, each = max(across, s[0]), max(down, s[1]), each+s[0]*s[1]
	}
	if each == 0 {
		return 0
	}
	wide, high := (f.width+8*across-1)/(8*across), (f.height+8*down-1)/(8*down)
	return area(wide, high, int64(each))
}

// memory returns the size of the image that image/jpeg makes: a byte for each sample, four more
// for each coefficient of a progressive one, and a copy of 4 bytes a pixel if it has four
// components or is RGB.
func (f *jpegFrame) memory() int64 {
	each := int64(64)
	if f.progressive {
		each += 4 * 64
	}
	memory := f.blocks() * each
	if f.rgb || len(f.sampling) == 4 {
		memory += area(f.width, f.height, 4)
	}
	return memory
}
