package mongofake_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
)

// start starts a fake that prints nothing. It stops when the test ends.
func start(t testing.TB) *mongofake.Server {
	t.Helper()
	server, err := mongofake.New(mongofake.Config{Printf: func(string, ...any) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// raw is a connection without a driver, which sends commands unchanged.
type raw struct {
	conn net.Conn
	read *bufio.Reader
}

func dial(t testing.TB, address string) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &raw{conn, bufio.NewReader(conn)}
}

// send sends a command as OP_MSG and waits for its reply.
func (r *raw) send(command bson.D) (bson.D, error) {
	body, err := bson.Marshal(command)
	if err != nil {
		return nil, err
	}
	p := make([]byte, 21, 21+len(body))
	binary.LittleEndian.PutUint32(p[0:], uint32(21+len(body)))
	binary.LittleEndian.PutUint32(p[12:], 2013)
	if _, err := r.conn.Write(append(p, body...)); err != nil {
		return nil, err
	}
	var header [21]byte
	if _, err := io.ReadFull(r.read, header[:]); err != nil {
		return nil, err
	}
	body = make([]byte, binary.LittleEndian.Uint32(header[0:])-21)
	if _, err := io.ReadFull(r.read, body); err != nil {
		return nil, err
	}
	var reply bson.D
	if err := bson.Unmarshal(body, &reply); err != nil {
		return nil, fmt.Errorf("decode reply: %w", err)
	}
	return reply, nil
}

func get(d bson.D, key string) any {
	for _, e := range d {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}
