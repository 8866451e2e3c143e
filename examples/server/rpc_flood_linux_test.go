package main_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	authv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/auth/v1"
	policyv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/policy/v1"
)

// calls returns what a client of gRPC sends to begin calls of a method on a new connection, with
// metadata for each, and to send on each call so much of a message of 64 KiB, in frames of a size.
func calls(t *testing.T, n int, method string, metadata []hpack.HeaderField, size, frame int) string {
	t.Helper()
	var sent, block bytes.Buffer
	sent.WriteString(http2.ClientPreface)
	frames, headers := http2.NewFramer(&sent, nil), hpack.NewEncoder(&block)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(frames.WriteSettings())
	body := append([]byte{0, 0, 0, 0xff, 0xff}, make([]byte, size)...)[:size]
	for i := range n {
		block.Reset()
		for _, f := range append([]hpack.HeaderField{
			{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: method},
			{Name: ":authority", Value: "localhost"}, {Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
		}, metadata...) {
			must(headers.WriteField(f))
		}
		id := uint32(2*i + 1)
		must(frames.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true}))
		for rest := body; len(rest) > 0; {
			part := rest[:min(frame, len(rest))]
			must(frames.WriteData(id, false, part))
			rest = rest[len(part):]
		}
	}
	return sent.String()
}

// TestFloodsOfCalls checks that one address whose calls wait for the rest of their messages holds
// little memory of the server, is refused in time, and does not stop others.
func TestFloodsOfCalls(t *testing.T) {
	var many []hpack.HeaderField
	for i := range 200 {
		many = append(many, hpack.HeaderField{Name: fmt.Sprint("x-", i), Value: "1"})
	}
	soak := os.Getenv("CICERONE_SOAK") == "1"
	connections, megabytes := 40, 400 // see the README of grpcapi
	if soak {
		connections, megabytes = 400, 1500
	}
	for _, f := range []struct {
		name        string
		metadata    []hpack.HeaderField
		size, frame int // of what is sent of each message
	}{
		{"messages that are nearly whole", nil, 65_000, 16 << 10},
		{"frames that waste memory", nil, 65_000, 1025},
		{"frames of one byte", nil, 1000, 1},
		{"calls without a message", nil, 0, 0},
		{"much metadata", many, 0, 0},
	} {
		t.Run(f.name, func(t *testing.T) {
			if !soak {
				t.Parallel()
			}
			p := start(t, "--store", "memory", "--limit-anonymous", "0", "--grpc-addr", "localhost:0")
			ended := p.openCalls(t, connections, calls(t, callsEach, authv1.AuthService_LogIn_FullMethodName, f.metadata, f.size, f.frame))
			others := p.dial(t)
			for range 20 {
				if _, err := policyv1.NewPolicyServiceClient(others).Policy(t.Context(), &policyv1.PolicyRequest{}); err != nil {
					t.Errorf("another client: %v", err)
				}
				signedIn(t, others, "voyager@example.org")
			}
			counts := ended()
			peak := p.peak(t)
			t.Logf("%d calls of %d connections: %v; the server took at most %d MB", callsEach*connections, connections, counts, peak)
			if got := counts["body_share_used"] + counts["malformed"]; got != callsEach*connections || counts["body_share_used"] == 0 || counts["malformed"] == 0 {
				t.Errorf("got %v, want only calls for which there was no room, and calls that came too slowly", counts)
			}
			if peak > megabytes {
				t.Errorf("the server took %d MB of memory, want at most %d", peak, megabytes)
			}
		})
	}
}

// callsEach is how many calls a connection has, as many as the server allows.
const callsEach = 100

// dialFrom connects to the gRPC API from an address of this machine.
func (p *process) dialFrom(t *testing.T, ip net.IP) net.Conn {
	t.Helper()
	dialer := &net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: ip}}
	conn, err := dialer.DialContext(t.Context(), "tcp4", p.grpcAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(5 * patience))
	return conn
}

// openCalls opens connections of one address, and sends the text on each. The function that it
// returns waits until all calls have ended, and counts how.
func (p *process) openCalls(t *testing.T, n int, text string) (ended func() map[string]int) {
	t.Helper()
	var mu sync.Mutex
	var opening, reading sync.WaitGroup
	counts := map[string]int{}
	for range n {
		conn := p.dialFrom(t, net.IPv4(127, 0, 0, 2))
		opening.Go(func() { _, _ = io.Copy(conn, strings.NewReader(text)) }) // fails if the server has closed it
		reading.Go(func() {
			got := reasons(conn, callsEach)
			mu.Lock()
			defer mu.Unlock()
			for reason, n := range got {
				counts[reason] += n
			}
		})
	}
	opening.Wait()
	return func() map[string]int {
		reading.Wait()
		return counts
	}
}

// reasons reads the ends of n calls, and counts them by the reason in the details of their status.
func reasons(conn net.Conn, n int) map[string]int {
	counts := map[string]int{}
	frames := http2.NewFramer(io.Discard, conn)
	frames.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for n > 0 {
		frame, err := frames.ReadFrame()
		if err != nil {
			counts[err.Error()] += n
			return counts
		}
		headers, ok := frame.(*http2.MetaHeadersFrame)
		if !ok || !headers.StreamEnded() {
			continue
		}
		n--
		for _, f := range headers.RegularFields() {
			if f.Name != "grpc-status-details-bin" {
				continue
			}
			var s spb.Status
			b, err := base64.RawStdEncoding.DecodeString(f.Value)
			if err == nil {
				err = proto.Unmarshal(b, &s)
			}
			if err != nil {
				counts[err.Error()]++
			}
			for _, detail := range status.FromProto(&s).Details() {
				if info, ok := detail.(*errdetails.ErrorInfo); ok {
					counts[info.GetReason()]++
				}
			}
		}
	}
	return counts
}

// TestIdleConnectionsOfGRPC opens as many connections as the server allows, which do nothing. The
// next one is refused, and a client that has a connection is served.
func TestIdleConnectionsOfGRPC(t *testing.T) {
	n, megabytes := 1_000, 150
	if os.Getenv("CICERONE_SOAK") == "1" {
		n, megabytes = 10_000, 400
	}
	p := start(t, "--store", "memory", "--grpc-addr", "localhost:0", "--max-connections", strconv.Itoa(n))
	client := p.dial(t)
	signedIn(t, client, "voyager@example.org")
	begin := calls(t, 0, "", nil, 0, 0)
	open := func(i int) (net.Conn, error) {
		conn := p.dialFrom(t, net.IPv4(127, 0, 1, byte(1+i/400)))
		if _, err := io.WriteString(conn, begin); err != nil {
			return conn, err
		}
		_, err := http2.NewFramer(io.Discard, conn).ReadFrame() // the settings of the server
		return conn, err
	}
	var last net.Conn
	for i := range n - 1 {
		var err error
		if last, err = open(i); err != nil {
			t.Fatalf("connection %d: %v", i+2, err)
		}
	}
	if _, err := open(n); err == nil {
		t.Errorf("connection %d was not refused", n+1)
	}
	signedIn(t, client, "voyager@example.org")
	peak := p.peak(t)
	t.Logf("%d connections: the server took at most %d MB", n, peak)
	if peak > megabytes {
		t.Errorf("the server took %d MB of memory, want at most %d", peak, megabytes)
	}
	_ = last.Close()
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if _, err := open(n); err == nil {
			break
		}
		if time.Since(begun) > patience {
			t.Fatal("a connection is refused although another was closed")
		}
	}
}
