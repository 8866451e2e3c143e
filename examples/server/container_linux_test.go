package main_test

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestContainerfile builds the program as the Containerfile does, and runs it as in the image: with
// nothing else in its file system, of which it can write to the volume only, and without root.
func TestContainerfile(t *testing.T) {
	text, err := os.ReadFile("Containerfile")
	must(t, err)
	stages := stagesOf(string(text))
	if len(stages) != 2 {
		t.Fatalf("got the stages %v, want one that builds and one with the image", stages)
	}
	built := t.TempDir()
	build(t, stages[0], built)
	i := assemble(t, stages[1], built)

	program, err := elf.Open(filepath.Join(i.root, i.entrypoint[0]))
	must(t, err)
	defer func() { must(t, program.Close()) }()
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			t.Errorf("the program has a %v: it is not static", part.Type)
		}
	}
	if i.user == 0 || i.group == 0 {
		t.Errorf("the program runs as user %d of group %d", i.user, i.group)
	}
	if os.Getuid() != 0 {
		t.Skip("only root can run the program in a file system of its own")
	}

	p := i.start(t)
	ada := signUp(t, p.client(t), "ada@example.net")
	p.signal(t, syscall.SIGTERM)
	if code, _ := p.wait(t); code != 0 {
		t.Errorf("the server ended with exit code %d", code)
	}
	p = i.start(t)
	in, err := p.client(t).SignIn(t.Context(), "ada@example.net", "long enough")
	if err != nil || in.User.ID != ada.User.ID {
		t.Errorf("after a restart, Ada signed in as %v, %v", in.User, err)
	}
}

// instruction is an instruction of a Containerfile, for example USER, and its arguments.
type instruction struct{ name, args string }

// stagesOf returns the instructions of each stage of a Containerfile.
func stagesOf(text string) (stages [][]instruction) {
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		name, args, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case name == "" || strings.HasPrefix(name, "#"):
		case name == "FROM":
			stages = append(stages, nil)
		default:
			last := len(stages) - 1
			stages[last] = append(stages[last], instruction{name, args})
		}
	}
	return stages
}

// build runs the commands of a stage, and puts into a folder what they write to /out.
func build(t *testing.T, stage []instruction, out string) {
	t.Helper()
	const module = "../.."
	for _, i := range stage {
		switch i.name {
		case "WORKDIR":
		case "COPY":
			from := strings.Fields(i.args)
			for _, file := range from[:len(from)-1] {
				if _, err := os.Stat(filepath.Join(module, file)); err != nil {
					t.Errorf("COPY %s: %v", i.args, err)
				}
			}
		case "RUN":
			if i.args == "go mod download" {
				continue // of more modules than the build needs
			}
			c := exec.CommandContext(t.Context(), "sh", "-euc", strings.ReplaceAll(i.args, "/out/", out+"/"))
			c.Dir = module
			if said, err := c.CombinedOutput(); err != nil {
				t.Fatalf("RUN %s: %v\n%s", i.args, err, said)
			}
		default:
			t.Fatalf("the test does not know what %s %s does", i.name, i.args)
		}
	}
}

// container is what a Containerfile makes: an image, and how to run it.
type container struct {
	root        string // the folder with its files
	user, group uint32
	env         []string
	entrypoint  []string
}

// assemble makes the container of a stage from what the stage before it has built.
func assemble(t *testing.T, stage []instruction, built string) (made container) {
	t.Helper()
	made.root = t.TempDir()
	must(t, os.Chmod(made.root, 0o755)) // its user is another one, who must see the files
	for _, i := range stage {
		switch i.name {
		case "COPY":
			made.copy(t, i.args, built)
		case "USER":
			made.user, made.group = owner(t, i.args)
		case "ENV":
			made.env = append(made.env, i.args)
		case "VOLUME", "EXPOSE":
			if !strings.Contains(strings.Join(made.env, "\n"), i.args) {
				t.Errorf("%s %s is in no variable: %v", i.name, i.args, made.env)
			}
		case "ENTRYPOINT":
			must(t, json.Unmarshal([]byte(i.args), &made.entrypoint))
		default:
			t.Fatalf("the test does not know what %s %s does", i.name, i.args)
		}
	}
	return made
}

// copy copies a file or a folder that was built, with the owner that COPY names.
func (i *container) copy(t *testing.T, args, built string) {
	t.Helper()
	parts := strings.Fields(args)
	from, to := parts[len(parts)-2], filepath.Join(i.root, parts[len(parts)-1])
	if c := exec.CommandContext(t.Context(), "cp", "-R", filepath.Join(built, strings.TrimPrefix(from, "/out/")), to); c.Run() != nil {
		t.Fatalf("COPY %s: %s was not built", args, from)
	}
	for _, flag := range parts[:len(parts)-2] {
		if names, ok := strings.CutPrefix(flag, "--chown="); ok && os.Getuid() == 0 {
			user, group := owner(t, names)
			must(t, os.Chown(to, int(user), int(group)))
		}
	}
}

// owner returns the numbers of a user and a group. The image knows no names.
func owner(t *testing.T, text string) (user, group uint32) {
	t.Helper()
	if _, err := fmt.Sscanf(text, "%d:%d", &user, &group); err != nil {
		t.Fatalf("%q is not the numbers of a user and a group: %v", text, err)
	}
	return user, group
}

// start starts the program on a free port.
func (i *container) start(t *testing.T) *process {
	t.Helper()
	args := append(i.entrypoint[1:], "--mail", "log", "--addr", ":0", "--bcrypt-cost", "4", "--drain-delay", "0s")
	c := exec.CommandContext(t.Context(), i.entrypoint[0], args...)
	c.Env, c.Dir = i.env, "/"
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: i.root, Credential: &syscall.Credential{Uid: i.user, Gid: i.group}}
	return launch(t, c)
}
