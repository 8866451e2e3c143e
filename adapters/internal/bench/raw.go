package bench

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "modernc.org/sqlite" // the driver of database/sql
)

// raw inserts messages into a copy of a SQLite store, each in a commit of its own, with the
// durability of the server. It shows what the disk and SQLite do for one who does not share commits.
type raw struct {
	path    string
	talkers []*talker
}

// newRaw copies the store of a server that has ended. The copy is removed when the test ends.
func newRaw(t *testing.T, s store, talkers []*talker) contender {
	t.Helper()
	path := strings.TrimPrefix(s.address, "sqlite:")
	r := &raw{path + ".raw", talkers}
	must(t, copyFile(path, r.path))
	t.Cleanup(func() {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(r.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Error(err)
			}
		}
	})
	return contender{name: rawInsert, has: func(s scenario) bool { return s.raw }, run: r.run}
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from) // #nosec G304 -- the operator names it
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- a copy in the folder of the store
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// run inserts one message after the other. SQLite has one writer, however many clients there are.
func (r *raw) run(_ scenario, _ int, warmup, span time.Duration) (perSecond, count float64, err error) {
	ctx := context.Background()
	db, err := sql.Open("sqlite", r.path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	insert, err := db.PrepareContext(ctx, `INSERT INTO messages (id, conversation_id, user_id, content, read, created_at)
		VALUES (?, ?, ?, '`+content+`', 0, ?)`)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, insert.Close()) }()
	begun, all := time.Now(), 0
	for measuring := false; ; {
		now := time.Now()
		switch took := now.Sub(begun); {
		case !measuring && took >= warmup:
			begun, measuring, count = now, true, 0
		case measuring && took >= span:
			return count / took.Seconds(), float64(all), nil
		}
		t := r.talkers[all%len(r.talkers)]
		talk, user := uuid.MustParse(t.talk), uuid.MustParse(t.user)
		id := make([]byte, 16)
		_, _ = rand.Read(id) // it never fails
		if _, err := insert.ExecContext(ctx, id, talk[:], user[:], now.UnixMilli()); err != nil {
			return 0, 0, fmt.Errorf("insert a message: %w", err)
		}
		count++
		all++
	}
}
