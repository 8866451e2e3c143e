package servers_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
)

// linger is a child that starts servers, freezes one of them, and then ends in the way named by its
// input.
func linger(t *testing.T) {
	own := servers.OwnPostgres(t, servers.PostgresOptions{})
	shared := servers.Postgres(t)
	for _, dsn := range []string{own.DSN("postgres"), shared, servers.PgBouncer(t, shared)} {
		fmt.Println("dsn", dsn)
	}
	way, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	own.Freeze()
	fmt.Println("frozen")
	switch way {
	case "panic\n":
		panic("as asked")
	case "exit\n":
		os.Exit(0)
	case "kill\n":
		select {}
	}
}

// TestServersEndWithTheProcess ends a child with servers in different ways. Its servers must end
// soon after it, and its folders must be removed.
func TestServersEndWithTheProcess(t *testing.T) {
	servers.NeedBinaries(t)
	for _, way := range []string{"return", "exit", "panic", "kill"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			temp := sharedFolder(t)
			cmd := command("linger", "binaries", "TMPDIR="+temp)
			said, answer := pipes(t, cmd)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var conns []*pgx.Conn
			lines := bufio.NewScanner(said)
			for len(conns) < 3 && lines.Scan() {
				if dsn, ok := strings.CutPrefix(lines.Text(), "dsn "); ok {
					conns = append(conns, connect(t, dsn))
				}
			}
			if folders := entries(t, temp); len(folders) != 3 {
				t.Errorf("the child has the folders %v, want 3", folders)
			}
			if _, err := fmt.Fprintln(answer, way); err != nil {
				t.Fatal(err)
			}
			for lines.Scan() && lines.Text() != "frozen" {
				t.Log(lines.Text())
			}
			if way == "kill" {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := io.Copy(io.Discard, said); err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
				t.Error(err)
			}
			expectNothing(t, temp, conns)
		})
	}
}

// expectNothing waits until the servers have closed their connections and their folders are
// removed. It then looks for their processes.
func expectNothing(t *testing.T, temp string, conns []*pgx.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	end, _ := ctx.Deadline()
	for n, conn := range conns {
		raw := conn.PgConn().Conn()
		if err := raw.SetReadDeadline(end); err != nil {
			t.Error(err)
		}
		if _, err := io.Copy(io.Discard, raw); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("server %d is still running", n)
		}
	}
	for tick := time.NewTicker(50 * time.Millisecond); len(entries(t, temp)) > 0; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("left behind: %v", entries(t, temp))
		}
	}
	out, err := exec.CommandContext(ctx, "ps", "-A", "-o", "args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, temp) {
			t.Errorf("left behind: %s", line)
		}
	}
}

// sharedFolder returns a folder like /tmp, in which each user may create files and remove their
// own.
func sharedFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "cicerone-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(folder, os.ModeSticky|0o777); err != nil {
		t.Fatal(err)
	}
	return folder
}

func entries(t *testing.T, folder string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func pipes(t *testing.T, cmd *exec.Cmd) (stdout io.Reader, stdin io.Writer) {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	return stdout, stdin
}
