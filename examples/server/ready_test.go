package main_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// TestDrainDelay checks that a server that was told to end is not ready at once, serves requests
// for the delay, and then ends.
func TestDrainDelay(t *testing.T) {
	t.Parallel()
	p := start(t, "--drain-delay", "1s")
	client := p.client(t)
	begun := time.Now()
	p.signal(t, syscall.SIGTERM)
	for !errors.Is(client.Ready(t.Context()), httpapi.ErrClosing) {
		if time.Since(begun) > patience {
			t.Fatal("the server is still ready")
		}
	}
	if _, err := client.Policy(t.Context()); err != nil {
		t.Errorf("a request while the server drains: %v", err)
	}
	if err := client.Healthy(t.Context()); err != nil {
		t.Errorf("the health while the server drains: %v", err)
	}
	if code, killed := p.wait(t); code != 0 {
		t.Errorf("exit code %d, %v, want 0", code, killed)
	}
	if took := time.Since(begun); took < time.Second {
		t.Errorf("the server ended after %v, want its delay of 1s", took)
	}
}

// TestSecondSignalEndsTheDrain checks that a person need not wait for the delay.
func TestSecondSignalEndsTheDrain(t *testing.T) {
	t.Parallel()
	p := start(t, "--drain-delay", "10m")
	client := p.client(t)
	p.signal(t, syscall.SIGTERM)
	for deadline := time.Now().Add(patience); client.Ready(t.Context()) == nil; {
		if time.Now().After(deadline) {
			t.Fatal("the server is still ready")
		}
	}
	p.signal(t, syscall.SIGTERM)
	if code, killed := p.wait(t); killed != syscall.SIGTERM {
		t.Errorf("exit code %d, signal %v, want SIGTERM", code, killed)
	}
}

// TestAliveWhileTheStoreOpens checks that a server whose store takes long to open is alive and not
// ready.
func TestAliveWhileTheStoreOpens(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "localhost:0") // a database server that never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	free, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	c := command(t, nil, "--addr", address, "--store", "postgres://ada@"+silent.Addr().String()+"/mine?sslmode=disable")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	get := func(path string) (int, string) {
		response, err := http.Get("http://" + address + path)
		if err != nil {
			return 0, err.Error()
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Error(err)
		}
		return response.StatusCode, string(body)
	}
	status, body := get("/healthz")
	for deadline := time.Now().Add(patience); status == 0; status, body = get("/healthz") {
		if time.Now().After(deadline) {
			t.Fatalf("the server does not listen: %s", body)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if status != http.StatusOK {
		t.Errorf("/healthz: got %d %s, want 200", status, body)
	}
	for _, path := range []string{"/readyz", "/v1/policy", "/docs", "/"} {
		if status, body := get(path); status != http.StatusServiceUnavailable || !strings.Contains(body, httpapi.ErrNotReady.Code) {
			t.Errorf("%s: got %d %s, want 503 %s", path, status, body, httpapi.ErrNotReady.Code)
		}
	}
	other, err := httpapi.NewClient("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Ready(t.Context()); !errors.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want a fault.Unavailable", err)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil {
		t.Error("the server ended without an error, and without a store")
	}
}
