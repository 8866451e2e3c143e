package images

import (
	"bytes"
	"errors"
	"fmt"
	"math"
)

var errManyFrames = fmt.Errorf("it has more than %d frames", MaxFrames)

// onlyPadding returns an error unless the data after an image is zeros.
func onlyPadding(rest []byte) error {
	if len(bytes.TrimLeft(rest, "\x00")) > 0 {
		return errors.New("other data follows the image")
	}
	return nil
}

// area returns width × height × each, or the largest int64 if that is larger. The arguments are not
// negative, and width and height have at most 31 bits.
func area(width, height int, each int64) int64 {
	pixels := int64(width) * int64(height)
	if each > 0 && pixels > math.MaxInt64/each {
		return math.MaxInt64
	}
	return pixels * each
}
