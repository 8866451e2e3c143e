package kitgrpc_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/cicerone-go/cicerone/core/fault"
	adminv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/admin/v1"
	matchingv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/matching/v1"
	"github.com/cicerone-go/cicerone/transport/kitgrpc"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// budget counts what is charged for connections.
type budget struct{ room, charged, most atomic.Int64 }

var errFull = fault.New(fault.Unavailable, "full", "no room")

func (b *budget) hold(net.Addr) (charge func(int) error, release func()) {
	var mine int64
	return func(n int) error {
		if b.charged.Load()+int64(n) > b.room.Load() {
			return errFull
		}
		mine += int64(n)
		b.most.Store(max(b.most.Load(), b.charged.Add(int64(n))))
		return nil
	}, func() { b.charged.Add(-mine) }
}

// waits begins a call that waits: its message has arrived, but not the end of its messages.
func waits(t *testing.T, conn *grpc.ClientConn) (ended <-chan error) {
	t.Helper()
	stream := open(t, conn, "changeInterest")
	if err := stream.SendMsg(&adminv1.ChangeInterestRequest{Id: "7", Name: proto.String(strings.Repeat("x", 40_000))}); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err) // after io.EOF, RecvMsg has the reason
	}
	answer := make(chan error, 1)
	go func() { answer <- stream.RecvMsg(&matchingv1.Interest{}) }()
	return answer
}

// TestHold checks that what a connection holds for calls that wait is charged and given back, and that
// the calls are refused if there is no room.
func TestHold(t *testing.T) {
	var b budget
	b.room.Store(1 << 20)
	conn, _ := serve(t, changeInterest, echo, kitgrpc.Options{Hold: b.hold, Bodies: kithttp.Bodies{MinRate: 1, Over: 300 * time.Millisecond}}, nil)
	var all []<-chan error
	for range 5 {
		all = append(all, waits(t, conn))
	}
	wait(t, "the calls are charged", func() bool { return b.charged.Load() >= 5*40_000 })
	for _, ended := range all {
		if err := kitgrpc.FaultOf(t.Context(), <-ended); !errors.Is(err, fault.Malformed) {
			t.Errorf("a call that waits ended with %v", err)
		}
	}
	wait(t, "all is given back", func() bool { return b.charged.Load() == 0 })

	b.room.Store(64 << 10)
	b.most.Store(0)
	all = nil
	for range 5 {
		all = append(all, waits(t, conn))
	}
	refused := 0
	for _, ended := range all {
		switch err := kitgrpc.FaultOf(t.Context(), <-ended); {
		case errors.Is(err, errFull):
			refused++
		case !errors.Is(err, fault.Malformed): // it came when the others had been refused
			t.Errorf("a call without room ended with %v, want %v", err, errFull)
		}
	}
	if refused < 2 {
		t.Errorf("%d calls were refused, with room for one", refused)
	}
	wait(t, "all is given back", func() bool { return b.charged.Load() == 0 })
	for range 50 {
		if _, err := kitgrpc.Call[change, interest](t.Context(), conn, method("changeInterest"), change{ID: "7"}); err != nil {
			t.Fatalf("the connection serves no more: %v", err)
		}
	}
	if most := b.most.Load(); most > b.room.Load() {
		t.Errorf("charged %d, with room for %d", most, b.room.Load())
	}
}

func wait(t *testing.T, what string, until func() bool) {
	t.Helper()
	for begun := time.Now(); !until(); time.Sleep(time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatalf("%s: not so", what)
		}
	}
}

// TestClosedConnectionHoldsNothing closes a connection with a call whose message has not arrived in full.
func TestClosedConnectionHoldsNothing(t *testing.T) {
	var b budget
	b.room.Store(1 << 20)
	s := kitgrpc.NewServer(kitgrpc.Options{Hold: b.hold})
	routes := kithttp.NewServer()
	kithttp.Handle(routes, changeInterest, echo)
	s.Add(method("changeInterest").MethodDescriptor, routes.Operations()[0])
	server := grpc.NewServer(s.ServerOptions()...)
	s.Register(server)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(s.Listener(listener)) }() // it ends with the test
	t.Cleanup(server.Stop)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var sent, block bytes.Buffer
	sent.WriteString(http2.ClientPreface)
	frames, headers := http2.NewFramer(&sent, nil), hpack.NewEncoder(&block)
	for _, f := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", kitgrpc.MethodName(method("changeInterest"))}, {":authority", "a"},
		{"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		if err := headers.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			t.Fatal(err)
		}
	}
	err = errors.Join(frames.WriteSettings(), frames.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}))
	for range 4 {
		err = errors.Join(err, frames.WriteData(1, false, append([]byte{0, 0, 0, 0xff, 0xff}, make([]byte, 12_000)...)))
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(conn, &sent); err != nil {
		t.Fatal(err)
	}
	wait(t, "the call is charged", func() bool { return b.charged.Load() >= 4*12_000 })
	_ = conn.Close()
	wait(t, "all is given back", func() bool { return b.charged.Load() == 0 })
}
