//go:build unix

package servers_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
)

// TestLeash runs the scripts of a container as processes on this machine.
func TestLeash(t *testing.T) {
	for _, c := range []struct {
		name   string
		server string // the entrypoint of the image
		waits  string // for the leash, in seconds
		leash  bool
		lives  bool // until the leash is released
	}{
		{"no leash comes", "exec sleep 300", "1", false, false},
		{"a leash is held", "exec sleep 300", "30", true, true},
		{"the server ends", "exit 3", "30", true, false},
		{"the server ends before the leash comes", "exit 3", "30", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			running, held := filepath.Join(folder, "running"), filepath.Join(folder, "held")
			image := "#!/bin/sh\necho $1 >" + running + "\n" + c.server + "\n"
			if err := os.WriteFile(filepath.Join(folder, "docker-entrypoint.sh"), []byte(image), 0o700); err != nil {
				t.Fatal(err)
			}
			release := func() error { return nil }
			if c.leash {
				leash := exec.CommandContext(t.Context(), "sh", "-c", servers.Hold, "sh", held)
				input, err := leash.StdinPipe()
				if err == nil {
					err = leash.Start()
				}
				if err != nil {
					t.Fatal(err)
				}
				release = func() error {
					if err := input.Close(); err != nil {
						return err
					}
					return leash.Wait()
				}
			}
			container := exec.CommandContext(t.Context(), "sh", "-c", servers.Leashed, "sh", held, c.waits, "server")
			container.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"))
			output, err := container.StdoutPipe() // the server inherits it, so it closes when both have ended
			if err == nil {
				err = container.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				_, err := io.Copy(io.Discard, output)
				ended <- err
			}()
			if c.lives {
				select {
				case err := <-ended:
					t.Errorf("the container ended while its leash was held: %v", err)
				case <-time.After(3 * time.Second):
				}
				if err := release(); err != nil {
					t.Error(err)
				}
			}
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("the container has not ended")
			}
			if err := container.Wait(); err != nil {
				t.Logf("the container ended with %v", err)
			}
			if !c.lives {
				if err := release(); err != nil {
					t.Error(err)
				}
			}
			if said, err := os.ReadFile(running); err != nil || string(said) != "server\n" {
				t.Errorf("the server was started with %q, %v", said, err)
			}
		})
	}
}
