package servers_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
)

// This program runs itself again, with what childJob names as the only test.
const (
	childJob     = "CICERONE_SERVERS_CHILD"
	childMachine = "CICERONE_SERVERS_MACHINE" // what is installed there: nothing, docker, binaries or everything
)

func TestMain(m *testing.M) {
	if os.Getenv(childJob) != "" {
		servers.Hurry()
		switch os.Getenv(childMachine) {
		case "nothing":
			servers.NothingHere()
		case "docker":
			servers.NoBinaries()
		case "binaries":
			servers.NoDocker()
		}
	}
	os.Exit(m.Run())
}

// jobs are what a child can do.
var jobs = map[string]func(*testing.T){
	"Postgres":    func(t *testing.T) { expectPostgres(t, servers.Postgres(t)) },
	"OwnPostgres": func(t *testing.T) { servers.OwnPostgres(t, servers.PostgresOptions{}) },
	"PgBouncer":   func(t *testing.T) { servers.PgBouncer(t, "postgres://user@127.0.0.1:1/database") },
	"Mongo":       func(t *testing.T) { t.Logf("found %s", servers.Mongo(t)) },
	"OwnMongo":    func(t *testing.T) { servers.OwnMongo(t, 1) },
	"linger":      linger,
}

func TestChild(t *testing.T) {
	job := os.Getenv(childJob)
	if job == "" {
		t.Skip("not a child")
	}
	jobs[job](t)
}

// command is this program as a child on such a machine, with some more environment.
func command(job, machine string, env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
	noBinaries := machine == "nothing" || machine == "docker"
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "CICERONE_") || strings.HasPrefix(v, "DOCKER_") || strings.HasPrefix(v, "TESTCONTAINERS_") ||
			noBinaries && strings.HasPrefix(v, "PATH=")
	})
	cmd.Env = append(append(cmd.Env, childJob+"="+job, childMachine+"="+machine), env...)
	return cmd
}

// outcome is PASS, SKIP or FAIL.
func outcome(t *testing.T, cmd *exec.Cmd) (verdict, output string) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	output = out.String()
	for _, verdict := range []string{"PASS", "SKIP", "FAIL"} {
		if strings.Contains(output, "--- "+verdict+": TestChild") {
			if (verdict == "FAIL") != (err != nil) {
				t.Fatalf("%s, and yet %v:\n%s", verdict, err, output)
			}
			return verdict, output
		}
	}
	t.Fatalf("no verdict:\n%s", output)
	return "", ""
}
