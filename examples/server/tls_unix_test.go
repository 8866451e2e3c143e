//go:build unix

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// writeCertificate writes a certificate of localhost with a serial number, and its key.
func writeCertificate(t *testing.T, s tlsSettings, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{s.Cert: {Type: "CERTIFICATE", Bytes: der}, s.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func certificateFiles(t *testing.T) tlsSettings {
	folder := t.TempDir()
	return tlsSettings{Cert: filepath.Join(folder, "cert.pem"), Key: filepath.Join(folder, "key.pem")}
}

// TestExposedKey checks that a key that others can read is refused.
func TestExposedKey(t *testing.T) {
	files := certificateFiles(t)
	writeCertificate(t, files, 1)
	if err := os.Chmod(files.Key, 0o644); err != nil { // #nosec G302 -- that is the mistake
		t.Fatal(err)
	}
	if _, err := files.load(slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("load = %v, want an error that says what to do", err)
	}
}

// TestTLS checks the versions of TLS and HTTP, the header, and that the certificate is read again
// without a restart.
func TestTLS(t *testing.T) {
	files := certificateFiles(t)
	writeCertificate(t, files, 1)
	cert, err := files.load(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	w := newWeb(listener, cert, slog.New(slog.DiscardHandler))
	defer w.close()
	ctx, cancel := context.WithCancel(t.Context())
	hangups := make(chan os.Signal, 1) // a signal before watch takes them must not end the test
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	watched := make(chan struct{})
	go func() { cert.watch(ctx); close(watched) }()
	defer func() { cancel(); <-watched }()

	client := &http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the test compares the serial number
	}}
	serial := func() int64 {
		t.Helper()
		response, err := client.Get("https://" + listener.Addr().String() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.ProtoMajor != 2 || response.StatusCode != 200 || response.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
			t.Errorf("got %s %s, %v", response.Proto, response.Status, response.Header)
		}
		return response.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Errorf("got the certificate %d, want 1", got)
	}
	if conn, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		_ = conn.Close()
		t.Error("the server accepts TLS 1.1")
	}
	reread := func(want int64) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			got := serial()
			if got == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("got the certificate %d, want %d", got, want)
			}
		}
	}
	writeCertificate(t, files, 2)
	reread(2)
	if err := os.WriteFile(files.Cert, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	reread(2)
	time.Sleep(50 * time.Millisecond)
	if got := serial(); got != 2 {
		t.Errorf("after a broken file: got the certificate %d, want the one before", got)
	}
	writeCertificate(t, files, 3)
	reread(3)
}

// TestCertificateChanges checks when the files are read again without a signal.
func TestCertificateChanges(t *testing.T) {
	files := certificateFiles(t)
	writeCertificate(t, files, 1)
	cert, err := files.load(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if cert.changed() {
		t.Error("the files have changed")
	}
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(files.Key, later, later); err != nil {
		t.Fatal(err)
	}
	if !cert.changed() || cert.changed() {
		t.Error("a new time of a file must count as a change once")
	}
	if err := os.Remove(files.Cert); err != nil {
		t.Fatal(err)
	}
	if !cert.changed() || cert.changed() {
		t.Error("a removed file must count as a change once")
	}
}

func TestCertificateFlags(t *testing.T) {
	files := certificateFiles(t)
	other := certificateFiles(t)
	writeCertificate(t, files, 1)
	writeCertificate(t, other, 2)
	for name, s := range map[string]tlsSettings{
		"no key": {Cert: files.Cert}, "no certificate": {Key: files.Key}, "another key": {Cert: files.Cert, Key: other.Key},
		"no file": {Cert: files.Cert + "x", Key: files.Key},
	} {
		if c, err := s.load(slog.Default()); c != nil || err == nil {
			t.Errorf("%s: got %v, %v, want an error", name, c, err)
		}
	}
	if c, err := (tlsSettings{}).load(slog.Default()); c != nil || err != nil {
		t.Errorf("without flags: got %v, %v", c, err)
	}
}
