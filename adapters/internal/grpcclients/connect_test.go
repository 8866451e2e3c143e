package grpcclients_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/cicerone-go/cicerone/transport/grpcapi"
)

// TestConnect sends a message with a client in JavaScript. Its stubs come from the same .proto files and
// another generator. The test needs Node.js, and npm must reach its registry.
func TestConnect(t *testing.T) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s: install Node.js 20 or later", program)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/connect")); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, dir, nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
		t.Skipf("npm cannot install the packages in testdata/connect: %v: %s", err, out)
	}
	generate(t, dir)

	w := newWorld(t)
	out, err := run(t, dir, nil, "node", "client.js", w.address, w.email, password, w.conversation.String())
	if err != nil {
		t.Fatalf("client.js: %v", err)
	}
	var got struct {
		ID, Content, Refused string
		Read                 []string
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	if got.ID == "" || got.Content != "Olá" || got.Refused != "Unauthenticated" || !slices.Equal(got.Read, []string{"Olá"}) {
		t.Errorf("got %+v", got)
	}
}

// generate makes stubs of the .proto files with protoc-gen-es.
func generate(t *testing.T, dir string) {
	t.Helper()
	request := &pluginpb.CodeGeneratorRequest{Parameter: proto.String("target=js,import_extension=js")}
	seen := map[string]bool{}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		request.ProtoFile = append(request.ProtoFile, protodesc.ToFileDescriptorProto(f))
		if filepath.Dir(f.Path()) != "google/protobuf" {
			request.FileToGenerate = append(request.FileToGenerate, f.Path())
		}
	}
	for _, f := range grpcapi.Files() {
		add(f)
	}
	in, err := proto.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(t, dir, in, filepath.Join(dir, "node_modules/.bin/protoc-gen-es"))
	if err != nil {
		t.Fatalf("protoc-gen-es: %v", err)
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(out, &response); err != nil || response.Error != nil {
		t.Fatalf("protoc-gen-es: %v %s", err, response.GetError())
	}
	for _, file := range response.GetFile() {
		path := filepath.Join(dir, "gen", filepath.FromSlash(file.GetName()))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(file.GetContent()), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs a program in a folder, and returns its output.
func run(t *testing.T, dir string, in []byte, program string, args ...string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Dir, c.Stdin, c.Stderr = dir, bytes.NewReader(in), os.Stderr
	return c.Output()
}
