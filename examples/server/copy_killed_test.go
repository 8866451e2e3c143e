package main_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// talkative makes a store with many messages.
func talkative(t *testing.T, path string, messages int) {
	t.Helper()
	storage, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	must(t, err)
	ids, now := id.NewGenerator(nil), clock.System().Now()
	ledger := tokens.NewLedger(ids)
	people := make([]id.User, 50)
	err = storage.Run(t.Context(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
		for i := range people {
			people[i] = id.User(ids.Next())
			u := users.User{
				ID: people[i], Name: "Ada", Email: fmt.Sprintf("%d@example.net", i), Role: users.RoleUser, IsActive: true, Version: 1, CreatedAt: now, UpdatedAt: now,
			}
			if _, err := tx.Users().Add(ctx, u, users.NewPasswordHash("hash")); err != nil {
				return err
			}
			if err := ledger.Open(ctx, tx, u.ID); err != nil {
				return err
			}
			if _, err := ledger.Post(ctx, tx, now, tokens.Movement{UserID: u.ID, Amount: int64(messages), Type: tokens.Purchase}); err != nil {
				return err
			}
		}
		for i := range messages {
			voyager, local := people[i%50], people[(i+1)%50]
			c := messaging.Conversation{ID: id.Conversation(ids.Next()), VoyagerID: voyager, LocalID: local, CreatedAt: now}
			c, _, err := tx.Messaging().OpenConversation(ctx, c)
			if err != nil {
				return err
			}
			m := messaging.Message{ID: id.Message(ids.Next()), ConversationID: c.ID, UserID: voyager, Content: "Good evening!", CreatedAt: now}
			if err := tx.Messaging().AddMessage(ctx, m, nil); err != nil {
				return err
			}
			pair := matching.Correspondent{UserID: voyager, ReaderID: local}
			if err := tx.Matching().AddCorrespondent(ctx, pair); err != nil {
				return err
			}
			paid := tokens.Movement{UserID: voyager, Amount: -1, Type: tokens.MessageSent, Metadata: tokens.Reference("message_id", m.ID)}
			if _, err := ledger.Post(ctx, tx, now, paid); err != nil {
				return err
			}
		}
		return nil
	})
	must(t, err)
	must(t, storage.Close(t.Context()))
}

var busy struct {
	once  sync.Once
	store []byte // a file
}

// busyStore makes a store that takes a while to copy. All tests get copies of one file, because the
// store also takes a while to make.
func busyStore(t *testing.T, path string) {
	t.Helper()
	busy.once.Do(func() {
		made := filepath.Join(t.TempDir(), "made.db")
		talkative(t, made, 3000)
		var err error
		busy.store, err = os.ReadFile(made)
		must(t, err)
	})
	must(t, os.WriteFile(path, busy.store, 0o600))
}

// copying is a running server copy that has reported progress once.
type copying struct {
	cmd    *exec.Cmd
	read   *bufio.Reader // its progress reports
	stdout bytes.Buffer
}

func startCopy(t *testing.T, from, to string) *copying {
	t.Helper()
	c := &copying{cmd: command(t, nil, "copy", "--from", "sqlite:"+from, "--to", "sqlite:"+to)}
	out, err := c.cmd.StderrPipe()
	must(t, err)
	c.cmd.Stdout, c.read = &c.stdout, bufio.NewReader(out)
	must(t, c.cmd.Start())
	if line, err := c.read.ReadString('\n'); err != nil || !strings.HasPrefix(line, "copying users") {
		t.Fatalf("the first line was %q (error %v)", line, err)
	}
	return c
}

// end waits until the copy ends, and returns its exit code and the rest of its standard error.
func (c *copying) end() (code int, stderr string) {
	var said bytes.Buffer
	_, _ = c.read.WriteTo(&said) // fails if the copy was killed
	_ = c.cmd.Wait()             // the exit code is checked instead
	return c.cmd.ProcessState.ExitCode(), said.String()
}

// refusesUnfinished fails the test unless every command except copy refuses a store.
func refusesUnfinished(t *testing.T, path string) {
	t.Helper()
	for _, args := range [][]string{
		{"serve", "--addr", "localhost:0"}, {"serve", "--addr", "localhost:0", "--no-demo"}, {"admin", "1@example.net"}, {"doctor"}, {"backup", path + ".backup"},
	} {
		code, stdout, stderr := run(t, nil, append(args, "--store", "sqlite:"+path)...)
		if code != 1 || stdout != "" || !strings.Contains(stderr, "a copy into this store was not finished") || !strings.Contains(stderr, "server copy") {
			t.Errorf("%v of an unfinished copy: exit code %d\n%s%s", args, code, stdout, stderr)
		}
	}
}

// TestResumeKilledCopy kills a copy with SIGKILL, later each time, until one ends by itself.
func TestResumeKilledCopy(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	from, to := filepath.Join(folder, "from.db"), filepath.Join(folder, "to.db")
	busyStore(t, from)
	killed := 0
	for ; ; killed++ {
		c := startCopy(t, from, to)
		deadline := time.AfterFunc(time.Duration(killed*killed)*25*time.Millisecond, func() { _ = c.cmd.Process.Kill() })
		code, stderr := c.end()
		deadline.Stop()
		if code == 0 {
			checkFinished(t, c.stdout.String(), killed)
			break
		}
		if status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && !status.Signaled() {
			t.Fatalf("exit code %d, %s", code, stderr)
		}
		if code, _, _ := run(t, nil, "doctor", "--store", "sqlite:"+to); code == 0 {
			break // it was killed after its last step
		}
		if killed == 0 {
			refusesUnfinished(t, to)
		}
	}
	t.Attr("counts", fmt.Sprintf("copies killed: %d", killed))
	if killed == 0 {
		t.Error("the copy ended before it was killed")
	}
	sound(t, nil, "--store", "sqlite:"+to)
	equal(t, from, to)
}

func checkFinished(t *testing.T, stdout string, killed int) {
	t.Helper()
	for _, want := range []string{"messages             3000", "token_transactions   3050", "violations     0\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("after %d attempts the output was\n%s\nwant %s", killed, stdout, want)
		}
	}
	if killed > 1 && !strings.Contains(stdout, "already there") {
		t.Errorf("no rows were already there after %d attempts:\n%s", killed, stdout)
	}
}

// equal fails the test unless two files hold the same rows.
func equal(t *testing.T, a, b string) {
	t.Helper()
	db, err := sql.Open("sqlite", a)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	one, err := db.Conn(t.Context()) // an attached file belongs to one connection
	must(t, err)
	defer func() { must(t, one.Close()) }()
	_, err = one.ExecContext(t.Context(), "ATTACH ? AS other", b)
	must(t, err)
	for _, table := range ports.Tables {
		names := make([]string, len(table.Columns))
		for i, c := range table.Columns {
			names[i] = c.Name
		}
		all := "SELECT " + strings.Join(names, ", ") + " FROM %s." + table.Name
		if table == ports.StoreMarks {
			all += " WHERE name NOT LIKE 'copy %%'"
		}
		here, there := fmt.Sprintf(all, "main"), fmt.Sprintf(all, "other")
		for _, difference := range []string{here + " EXCEPT " + there, there + " EXCEPT " + here} {
			var n int
			must(t, one.QueryRowContext(t.Context(), "SELECT count(*) FROM ("+difference+")").Scan(&n))
			if n != 0 {
				t.Errorf("%d rows of %s are in only one of the files", n, table.Name)
			}
		}
	}
}
