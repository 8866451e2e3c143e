package sqlitetest

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/users"
)

// TestErasedIsNotInTheFile marks all texts of a user and erases the user. After a checkpoint, neither
// the file nor the WAL contains the mark or a text that was replaced before.
func TestErasedIsNotInTheFile(t *testing.T) {
	const mark = "quirinus7"
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "cicerone.db")
	o := mustOpen(t, path)
	defer o.close(t)
	checkpoint := func() {
		t.Helper()
		var busy, frames, moved int
		err := rawDB(t, path).QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved)
		if err != nil || busy != 0 {
			t.Fatalf("checkpoint: busy %d, %v", busy, err)
		}
	}
	marked := func() (files []string) {
		t.Helper()
		for _, file := range []string{path, path + "-wal"} {
			b, err := os.ReadFile(file)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if bytes.Contains(bytes.ToLower(b), []byte(mark)) {
				files = append(files, filepath.Base(file))
			}
		}
		return files
	}

	in, err := o.Users.SignUp(ctx, users.SignUp{Name: mark, Email: mark + "@example.org", Password: community.Password}, "a-key")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat(mark+" ", 190)
	if _, err := o.Users.ChangeMe(ctx, in.User.ID, users.Change{Bio: &long, Location: new(mark)}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{long, mark} {
		p := matching.Profile{FirstName: mark, LastName: mark, Biography: text, City: mark, ImageURL: "https://example.org/" + mark}
		if _, err := o.Matching.SaveProfile(ctx, in.User.ID, p, nil); err != nil {
			t.Fatal(err)
		}
	}
	checkpoint()
	if len(marked()) == 0 {
		t.Fatal("the mark is not in the file before the erasure")
	}
	if err := o.Privacy.Erase(ctx, in.User.ID, community.Password, users.Device{}); err != nil {
		t.Fatal(err)
	}
	checkpoint()
	if files := marked(); len(files) > 0 {
		t.Errorf("the mark is still in %q after the erasure", files)
	}
}
