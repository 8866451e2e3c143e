//go:build unix

package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
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
	"slices"
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
	writeCertificateOf(t, s, serial, key)
}

func writeCertificateOf(t *testing.T, s tlsSettings, serial int64, key crypto.Signer) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
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

// TestSubdomains checks that the header is for all subdomains if the operator says so.
func TestSubdomains(t *testing.T) {
	files := certificateFiles(t)
	files.Subdomains = true
	writeCertificate(t, files, 1)
	response, err := (&http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}).Get("https://" + serveTLS(t, files) + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if got := response.Header.Get("Strict-Transport-Security"); got != "max-age=31536000; includeSubDomains" {
		t.Errorf("got the header %q", got)
	}
}

// TestCipherSuites offers each suite of TLS 1.2 alone, to a server with a key of each kind. Only
// those with forward secrecy and authenticated encryption are accepted, and a client that also
// speaks TLS 1.3 gets that.
func TestCipherSuites(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for kind, key := range map[string]crypto.Signer{"ECDSA": curve, "RSA": long} {
		files := certificateFiles(t)
		writeCertificateOf(t, files, 1, key)
		address := serveTLS(t, files)
		var accepted []string
		for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
			conn, err := tls.Dial("tcp", address, &tls.Config{
				InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID},
			})
			if err == nil {
				accepted = append(accepted, suite.Name)
				_ = conn.Close()
			}
		}
		slices.Sort(accepted)
		want := []string{
			"TLS_ECDHE_" + kind + "_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_" + kind + "_WITH_AES_256_GCM_SHA384",
			"TLS_ECDHE_" + kind + "_WITH_CHACHA20_POLY1305_SHA256",
		}
		if !slices.Equal(accepted, want) {
			t.Errorf("with a key of %s, the server accepts %v, want %v", kind, accepted, want)
		}
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.ConnectionState().Version; got != tls.VersionTLS13 {
			t.Errorf("with a key of %s, the server prefers %s", kind, tls.VersionName(got))
		}
		_ = conn.Close()
	}
}

// serveTLS serves with a certificate until the test ends, and returns the address.
func serveTLS(t *testing.T, files tlsSettings) string {
	t.Helper()
	cert, err := files.load(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	w := newWeb(listener, cert, slog.New(slog.DiscardHandler))
	t.Cleanup(w.close)
	return listener.Addr().String()
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
		"no file": {Cert: files.Cert + "x", Key: files.Key}, "subdomains without a certificate": {Subdomains: true},
	} {
		if c, err := s.load(slog.Default()); c != nil || err == nil {
			t.Errorf("%s: got %v, %v, want an error", name, c, err)
		}
	}
	if c, err := (tlsSettings{}).load(slog.Default()); c != nil || err != nil {
		t.Errorf("without flags: got %v, %v", c, err)
	}
}
