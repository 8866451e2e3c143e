package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write writes a file that only its owner can read, and returns its path.
func write(t *testing.T, folder, name, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const someKey = "a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5" // of 33 bytes

func TestSecretsInFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	store := filepath.Join(folder, "mine.db")
	env := []string{
		"CICERONE_STORE_FILE=" + write(t, folder, "store", "sqlite:"+store+"\r\n"),
		"CICERONE_ACCESS_KEY_FILE=" + write(t, folder, "access", someKey+"\n"),
		"CICERONE_CURSOR_KEY_FILE=" + write(t, folder, "cursor", someKey+"\n"+strings.ToLower(someKey)+"\n"),
		"CICERONE_MAIL_FILE=" + write(t, folder, "mail", "smtp://ada:tiger@mail.example.org\n"),
		"CICERONE_MAIL_FROM=no-reply@example.org",
	}
	p := startIn(t, env, "--no-demo", "--log-level", "debug")
	token := signUp(t, p.client(t), "ada@example.net").AccessToken
	kill(t, p)
	if _, err := os.Stat(store); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(store + ".key"); !os.IsNotExist(err) {
		t.Errorf("the server made a key of its own: %v", err)
	}
	for _, secret := range []string{"tiger", someKey} {
		if strings.Contains(p.said+p.logged(), secret) {
			t.Errorf("the output contains %s", secret)
		}
	}
	p = start(t, "--no-demo", "--store", "sqlite:"+store, "--access-key", someKey)
	if _, err := p.client(t).As(token).Me(t.Context()); err != nil {
		t.Errorf("the key of the file is another one: %v", err)
	}
	kill(t, p)

	to := filepath.Join(folder, "to.db")
	code, _, stderr := run(t, env[:1], "copy", "--from-file", filepath.Join(folder, "store"), "--to-file", write(t, folder, "to", "sqlite:"+to))
	if code != 0 {
		t.Errorf("copy: exit code %d, %s", code, stderr)
	}
	sound(t, []string{"CICERONE_STORE_FILE=" + filepath.Join(folder, "to")})
}

// TestRefusedSecretFiles checks that no command starts if a secret is given twice, or in a file that
// others can read.
func TestRefusedSecretFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	values := map[string]string{
		"store": "sqlite:" + filepath.Join(folder, "tiger.db"), "access-key": someKey, "cursor-key": someKey, "mail": "smtp://ada:tiger@mail.example.org",
	}
	refused := func(name string, env []string, args []string, want ...string) {
		t.Helper()
		code, stdout, stderr := run(t, env, args...)
		if code == 0 || stdout != "" || strings.Contains(stderr, someKey) || strings.Contains(stderr, "ada:tiger") {
			t.Errorf("%s: exit code %d, %q and %q", name, code, stdout, stderr)
		}
		for _, w := range want {
			if !strings.Contains(stderr, w) {
				t.Errorf("%s: %q does not contain %q", name, stderr, w)
			}
		}
	}
	for name, value := range values {
		file, flag := write(t, folder, name, value), "--"+name
		variable := "CICERONE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		refused(name+" twice", nil, []string{flag, value, flag + "-file", file}, flag+" and "+flag+"-file")
		refused(name+" in both variables", []string{variable + "=" + value, variable + "_FILE=" + file}, nil, flag+" and "+flag+"-file")
		refused(name+" in no file", []string{variable + "_FILE=" + file + ".none"}, nil, flag+"-file", "no such file")
		refused(name+" in a folder", []string{variable + "_FILE=" + folder}, nil, flag+"-file")
		refused(name+" in an empty file", []string{variable + "_FILE=" + write(t, folder, "empty", "\n")}, nil, flag+"-file", "empty")
		refused(name+" in a large file", []string{variable + "_FILE=" + write(t, folder, "large", strings.Repeat("a", 1<<16+1))}, nil, flag+"-file", "65536 bytes")
		for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o644} {
			must(t, os.Chmod(file, mode))
			refused(name+" in a file of mode "+mode.String(), []string{variable + "_FILE=" + file}, nil, flag+"-file", "chmod 600 "+file)
		}
	}
	from := filepath.Join(folder, "store")
	for _, flag := range []string{"--from", "--to"} {
		refused(flag+" twice", nil, []string{"copy", flag, "sqlite:a.db", flag + "-file", from, "--from=sqlite:b.db", "--to=sqlite:c.db"}, flag+" and "+flag+"-file")
	}
}

// TestStoreReadableByOthers checks that no server uses a store or a key that others can read.
func TestStoreReadableByOthers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mine.db")
	kill(t, start(t, "--no-demo", "--store", "sqlite:"+path))
	for _, file := range []string{path, path + ".key"} {
		must(t, os.Chmod(file, 0o644))
		code, _, stderr := run(t, nil, "--no-demo", "--addr", "localhost:0", "--store", "sqlite:"+path)
		if code != 1 || !strings.Contains(stderr, "chmod 600 "+file+"\n") {
			t.Errorf("%s: exit code %d, %q", file, code, stderr)
		}
		must(t, os.Chmod(file, 0o400))
	}
	must(t, os.Chmod(path, 0o600))
	start(t, "--no-demo", "--store", "sqlite:"+path)
}

// TestMailInLog checks that a server that other machines can reach writes mail to the log only if
// its operator says so, and then warns.
func TestMailInLog(t *testing.T) {
	t.Parallel()
	const warning = "everybody who can read the log"
	if p := start(t, "--no-demo", "--store", "memory"); strings.Contains(p.logged(), warning) {
		t.Errorf("on loopback: %s", p.logged())
	}
	for _, args := range [][]string{{"--addr", "0.0.0.0:0"}, {"--trusted-proxies", "127.0.0.1"}} {
		if p := start(t, append(args, "--no-demo", "--store", "memory", "--mail", "log")...); !strings.Contains(p.logged(), warning) {
			t.Errorf("%v: no warning: %s", args, p.logged())
		}
	}
}
