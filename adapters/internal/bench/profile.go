package bench

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path"

	"google.golang.org/protobuf/encoding/protowire"
)

// stringTable is the number of the field of a profile that has its texts, in the format of pprof.
const stringTable = 6

// portable removes the folders of this machine from a CPU profile, of the program and of the source
// that was not compiled with -trimpath, so that the profile can be kept with the source.
func portable(file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if content, err = withoutFolders(content); err != nil {
		return fmt.Errorf("read the profile %s: %w", file, err)
	}
	return os.WriteFile(file, content, 0o600)
}

func withoutFolders(profile []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(profile))
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	packed, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // fails only for an unknown level
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		length := protowire.ConsumeFieldValue(number, kind, b[n:])
		if length < 0 {
			return nil, protowire.ParseError(length)
		}
		field := b[:n+length]
		if b = b[n+length:]; number == stringTable && kind == protowire.BytesType {
			text, _ := protowire.ConsumeString(field[n:])
			if path.IsAbs(text) {
				field = protowire.AppendString(protowire.AppendTag(nil, number, kind), path.Base(text))
			}
		}
		_, _ = packed.Write(field) // a bytes.Buffer returns no errors
	}
	if err := packed.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
