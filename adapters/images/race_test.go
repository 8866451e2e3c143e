//go:build race

package images_test

// tiny is what each pixel of a CMYK image may allocate for its color, which the encoder asks for one
// by one: under the race detector, small values do not share a block.
const tiny = 16
