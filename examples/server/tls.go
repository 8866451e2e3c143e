package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

type tlsSettings struct {
	Cert string `placeholder:"FILE" help:"The certificate of the server and those of its issuers, in PEM. With it, the server speaks TLS 1.2 or later and HTTP/2 only, and tells browsers to use nothing else for a year. It reads both files again when they change, and on SIGHUP; if they cannot be used, it keeps the certificate that it has. Default: no TLS."`
	Key  string `placeholder:"FILE" help:"The key of --tls-cert, in PEM. ${private}"`

	Subdomains bool `help:"Tell browsers that all subdomains of the server's host have TLS, too. It is for hosts of which that is true."`
}

// lookEvery is how often the server looks whether the files of its certificate have changed.
const lookEvery = 10 * time.Second

// certificate is a certificate that is read again when its files change.
type certificate struct {
	tlsSettings
	log     *slog.Logger
	current atomic.Pointer[tls.Certificate]
	seen    [2]state // of the files, when they were last read
}

// state tells whether a file has changed.
type state struct {
	modified time.Time
	size     int64
}

// load reads the certificate. It returns nil if there is none.
func (s tlsSettings) load(log *slog.Logger) (*certificate, error) {
	if s == (tlsSettings{}) {
		return nil, nil //nolint:nilnil // without the flags there is neither
	}
	if s.Subdomains && s.Cert == "" {
		return nil, errors.New("--tls-subdomains needs --tls-cert")
	}
	if s.Cert == "" || s.Key == "" {
		return nil, errors.New("--tls-cert and --tls-key need each other")
	}
	c := &certificate{tlsSettings: s, log: log}
	c.changed()
	if err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *certificate) read() error {
	cert, err := os.ReadFile(c.Cert)
	if err != nil {
		return fmt.Errorf("--tls-cert: %w", err)
	}
	key, err := readPrivate(c.Key)
	if err != nil {
		return fmt.Errorf("--tls-key: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	if until := pair.Leaf.NotAfter; time.Now().After(until) {
		c.log.Warn("the certificate has expired", slog.Time("not_after", until))
	}
	c.current.Store(&pair)
	return nil
}

// changed reports whether a file has changed since the last call.
func (c *certificate) changed() bool {
	var now [2]state
	for i, file := range []string{c.Cert, c.Key} {
		if info, err := os.Stat(file); err == nil { // a missing file is a change
			now[i] = state{info.ModTime(), info.Size()}
		}
	}
	was := c.seen
	c.seen = now
	return now != was
}

// watch reads the files again when they change, and on SIGHUP, until ctx ends. If they cannot be
// used, the certificate stays as it is.
func (c *certificate) watch(ctx context.Context) {
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	defer signal.Stop(again)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-again:
			c.changed()
		case <-look.C:
			if !c.changed() {
				continue
			}
		case <-ctx.Done():
			return
		}
		if err := c.read(); err != nil {
			c.log.Error("the certificate was not read again: the server keeps the one that it has", slog.Any("error", err))
			continue
		}
		c.log.Info("the certificate was read again", slog.Time("not_after", c.current.Load().Leaf.NotAfter))
	}
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		// Go also offers suites with CBC, which are not recommended. TLS 1.3 has none.
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// strict makes browsers use TLS only for this host, for a year, and for its subdomains if the flag
// says so.
func (s tlsSettings) strict(next http.Handler) http.Handler {
	policy := "max-age=31536000"
	if s.Subdomains {
		policy += "; includeSubDomains"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", policy)
		next.ServeHTTP(w, r)
	})
}
