//go:build unix

package main

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// TestGRPCWithTLS checks that gRPC has the certificate of the server, and nothing without TLS.
func TestGRPCWithTLS(t *testing.T) {
	files := certificateFiles(t)
	writeCertificate(t, files, 1)
	cert, err := files.load(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	rpc := newRPC(listener, newApp(t), cert)
	t.Cleanup(rpc.close)
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(files.Cert)
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("read the certificate: %v", err)
	}
	for _, c := range []struct {
		credentials credentials.TransportCredentials
		want        codes.Code
	}{
		{credentials.NewTLS(&tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}), codes.OK},
		{credentials.NewTLS(&tls.Config{ServerName: "localhost", MinVersion: tls.VersionTLS12}), codes.Unavailable},
		{insecure.NewCredentials(), codes.Unavailable},
	} {
		conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(c.credentials))
		if err != nil {
			t.Fatal(err)
		}
		_, err = grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		if status.Code(err) != c.want {
			t.Errorf("%s: got %v, want %v", c.credentials.Info().SecurityProtocol, err, c.want)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}
