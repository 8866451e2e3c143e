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

// This program runs itself as a child, which runs only TestChild with the job named by childJob.
const (
	childJob     = "CICERONE_SERVERS_CHILD"
	childMachine = "CICERONE_SERVERS_MACHINE" // what is installed: nothing, docker, binaries or everything
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

// jobs are the jobs of a child.
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

// command returns the command that runs this program as a child, with more variables in its
// environment.
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

// outcome runs a child and returns the result of its test: PASS, SKIP or FAIL.
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
				t.Fatalf("the test printed %s, but the child returned %v:\n%s", verdict, err, output)
			}
			return verdict, output
		}
	}
	t.Fatalf("the child printed no result:\n%s", output)
	return "", ""
}
