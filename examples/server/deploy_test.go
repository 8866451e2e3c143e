package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// variables matches a setting of the server and its value, as in ENV of a Containerfile or in YAML.
var variables = regexp.MustCompile(`(?m)^\s*(?:ENV )?(CICERONE_[A-Z_]+)(?:=|:[ \t]*)(.*)$`)

// TestDeploymentFiles checks that the program accepts each flag and each variable in the files for
// operators.
func TestDeploymentFiles(t *testing.T) {
	for file, want := range map[string]int{"Containerfile": 5, "compose.yaml": 5, "cicerone.service": 0} {
		t.Run(file, func(t *testing.T) {
			text := read(t, file)
			var environ []string
			for _, m := range variables.FindAllStringSubmatch(text, -1) {
				value, _, _ := strings.Cut(m[2], " #")
				value = strings.Trim(strings.TrimSpace(value), `"`)
				environ = append(environ, m[1]+"="+value)
				if value != "" && !strings.Contains(value, "$") && !strings.HasPrefix(value, "#") {
					t.Setenv(m[1], value)
				}
			}
			if len(environ) != want {
				t.Errorf("got the variables %v, want %d", environ, want)
			}
			if _, err := parse(arguments(t, text), environ); err != nil {
				t.Error(err)
			}
		})
	}
}

// arguments returns the arguments that a file gives to the server.
func arguments(t *testing.T, text string) []string {
	t.Helper()
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "ExecStart="); ok {
			args := strings.Fields(command)[1:]
			if len(args) < 3 {
				t.Errorf("got the arguments %v", args)
			}
			return args
		}
		if entry, ok := strings.CutPrefix(line, "ENTRYPOINT "); ok {
			var args []string
			if err := json.Unmarshal([]byte(entry), &args); err != nil {
				t.Fatal(err)
			}
			return args[1:]
		}
	}
	return nil
}

// TestServiceUnit lets systemd check the unit, and how much of the machine it leaves open to the
// server.
func TestServiceUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	unit := filepath.Join(t.TempDir(), "cicerone.service")
	program, err := os.Executable() // any that exists
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(read(t, "cicerone.service"), "/usr/local/bin/cicerone ", program+" ")
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"verify", "--man=no", unit}, {"security", "--offline=yes", "--threshold=15", "--no-pager", unit}} {
		out, err := exec.CommandContext(t.Context(), "systemd-analyze", args...).CombinedOutput()
		if err != nil || args[0] == "verify" && strings.Contains(string(out), "cicerone.service") {
			t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, out)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
