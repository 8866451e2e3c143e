package images

import (
	"bytes"
	"encoding/binary"
)

// orientation returns the orientation, 1 to 8, that EXIF data (a TIFF) states in its first
// directory. Without one, and if the data is damaged, it returns 1: the image stays as it is.
func orientation(tiff []byte) int {
	const (
		tag      = 0x0112
		short    = 3
		entry    = 12
		minBytes = 8
	)
	if len(tiff) < minBytes {
		return 1
	}
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(tiff, []byte("II*\x00")):
		order = binary.LittleEndian
	case bytes.HasPrefix(tiff, []byte("MM\x00*")):
		order = binary.BigEndian
	default:
		return 1
	}
	at := int64(order.Uint32(tiff[4:]))
	if at > int64(len(tiff)-2) {
		return 1
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < entry {
			break
		}
		if order.Uint16(entries) == tag && order.Uint16(entries[2:]) == short {
			if o := order.Uint16(entries[8:]); o >= 1 && o <= 8 {
				return int(o)
			}
			break
		}
		entries = entries[entry:]
	}
	return 1
}
