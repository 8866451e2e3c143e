//go:build !race

package images_test

// tiny is what each pixel of a CMYK image may allocate for its color: see race_test.go.
const tiny = 4
