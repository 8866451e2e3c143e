package bench

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// TestPortableProfile removes the folders from a profile with the texts of one, and leaves the rest.
func TestPortableProfile(t *testing.T) {
	message := func(texts ...string) (b []byte) {
		b = protowire.AppendVarint(protowire.AppendTag(b, 9, protowire.VarintType), 42)
		for _, text := range texts {
			b = protowire.AppendString(protowire.AppendTag(b, stringTable, protowire.BytesType), text)
		}
		return protowire.AppendString(protowire.AppendTag(b, 3, protowire.BytesType), "/a/mapping/not/a/text")
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write(message("", "/a/folder/server", "main.main", "/another/folder/main.go", "net/http/server.go", "[vdso]"))
	must(t, err)
	must(t, z.Close())
	file := filepath.Join(t.TempDir(), "a.pprof")
	must(t, os.WriteFile(file, packed.Bytes(), 0o600))
	must(t, portable(file))
	content, err := os.ReadFile(file)
	must(t, err)
	got := unpack(t, content)
	if want := message("", "server", "main.main", "main.go", "net/http/server.go", "[vdso]"); !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, wrong := range []string{"", "no profile", packed.String()[:packed.Len()/2]} {
		must(t, os.WriteFile(file, []byte(wrong), 0o600))
		if err := portable(file); err == nil {
			t.Errorf("a file with %d bytes that is no profile was accepted", len(wrong))
		}
	}
	if err := portable(filepath.Join(t.TempDir(), "none")); err == nil || strings.Contains(err.Error(), "read the profile") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestProfileOfTheCompiler checks that the profile with which the server is compiled is one that
// portable has made, and small.
func TestProfileOfTheCompiler(t *testing.T) {
	content, err := os.ReadFile(filepath.FromSlash("../../../examples/server/default.pgo"))
	must(t, err)
	again, err := withoutFolders(content)
	must(t, err)
	if !bytes.Equal(unpack(t, again), unpack(t, content)) {
		t.Error("the profile has folders of a machine")
	}
	if most := 256 << 10; len(content) > most {
		t.Errorf("the profile has %d bytes, want at most %d", len(content), most)
	}
}

func unpack(t *testing.T, packed []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(packed))
	must(t, err)
	unpacked, err := io.ReadAll(z)
	must(t, err)
	return unpacked
}
