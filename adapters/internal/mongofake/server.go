package mongofake

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// Config configures a Server. The zero value is a server on a free loopback port.
type Config struct {
	// Address to listen on, "host:port". Empty means a free port of 127.0.0.1.
	Address string
	// Printf prints each request for a feature that the fake lacks. Nil prints to standard error.
	Printf func(format string, args ...any)
	// TransactionLifetime is how long a transaction may stay open before it is aborted. Zero means
	// MongoDB's default, one minute.
	TransactionLifetime time.Duration
	// ShardKeys makes the server a mongos of a sharded cluster. It has the field of the shard key
	// of each sharded collection, by the collection's name. Nil means a replica set of one node.
	ShardKeys map[string]string
	// SnapshotReads makes the mongos one of MongoDB 5.0, as far as reads of a snapshot outside of a
	// transaction are concerned. The server then keeps all versions of its documents.
	SnapshotReads bool
}

// Server is a running fake. All its methods may be used from several goroutines.
type Server struct {
	config Config
	store  *store
	mongos *mongos // nil for a replica set
	faults faults

	mu       sync.Mutex
	address  string
	listener net.Listener
	conns    map[net.Conn]struct{}
	refuse   bool
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// New makes a server with no data and starts it. It returns an error if it cannot listen on the address.
func New(config Config) (*Server, error) {
	if config.Address == "" {
		config.Address = "127.0.0.1:0"
	}
	if config.Printf == nil {
		config.Printf = func(format string, args ...any) { fmt.Fprintf(os.Stderr, "mongofake: "+format+"\n", args...) }
	}
	if config.TransactionLifetime == 0 {
		config.TransactionLifetime = time.Minute
	}
	return start(config, newStore())
}

func start(config Config, data *store) (*Server, error) {
	s := &Server{config: config, address: config.Address, store: data}
	if config.ShardKeys != nil {
		s.routed()
	}
	if err := s.Start(); err != nil {
		return nil, err
	}
	return s, nil
}

// Start listens again after Stop, on the same port and with the same data. It does nothing if the
// server is running, and returns an error if another process has taken the port meanwhile.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.address)
	if err != nil {
		cancel()
		return fmt.Errorf("start mongofake: %w", err)
	}
	s.listener, s.cancel = listener, cancel
	s.address = listener.Addr().String()
	s.conns = map[net.Conn]struct{}{}
	s.running.Go(func() { s.accept(ctx, listener) })
	return nil
}

// Stop closes every connection and aborts every open transaction, as a stopped server does, keeps the
// data, and waits until all goroutines of the server have ended. It may be called again. Start undoes it.
func (s *Server) Stop() {
	s.mu.Lock()
	if s.listener == nil {
		s.mu.Unlock()
		return
	}
	_ = s.listener.Close() // its only error is that it was closed
	s.listener = nil
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.cancel() // after the connections, so that no command answers that it was interrupted
	s.mu.Unlock()
	s.running.Wait()
	s.store.forgetWork()
}

// Refuse makes the server close every new connection immediately (true), or accept new connections
// again (false). It does not affect open connections.
func (s *Server) Refuse(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = on
}

// Address returns the address on which the server listens, "host:port". Stop and Start do not change it.
func (s *Server) Address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address
}

// URI returns the connection string for a driver.
func (s *Server) URI() string {
	if s.mongos != nil {
		return "mongodb://" + s.Address() + "/?"
	}
	return "mongodb://" + s.Address() + "/?replicaSet=" + setName
}

func (s *Server) accept(ctx context.Context, listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.config.Printf("accept: %v", err)
			}
			return
		}
		if !s.take(ctx, conn) {
			_ = conn.Close()
		}
	}
}

// take starts to serve a new connection. It reports false if the connection must be refused.
func (s *Server) take(ctx context.Context, conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse || s.listener == nil {
		return false
	}
	s.conns[conn] = struct{}{}
	s.running.Go(func() {
		s.serve(ctx, conn)
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	})
	return true
}

// serve answers the requests of one connection in turn. A separate goroutine reads ahead, so that a
// waiting command is cancelled when its client closes the connection.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	requests := make(chan *message)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer func() { _ = conn.Close() }()
	defer cancel()
	reading.Go(func() {
		defer cancel()
		for {
			m, err := readMessage(conn)
			if err != nil {
				if errors.Is(err, errMalformed) {
					s.config.Printf("%v", err)
				}
				return
			}
			select {
			case requests <- m:
			case <-ctx.Done():
				return
			}
		}
	})
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-requests:
			if !s.respond(ctx, conn, m) {
				return
			}
		}
	}
}

// respond runs one command and reports whether the connection stays open.
func (s *Server) respond(ctx context.Context, conn net.Conn, m *message) bool {
	c := newCommand(m)
	fault := s.faults.receive(c)
	if fault.Late {
		ctx = context.WithoutCancel(ctx)
	}
	if fault.Delay > 0 {
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return false
		}
	}
	if fault.Cut == BeforeEffect {
		return false
	}
	var reply = fault.reply()
	if reply == nil || fault.TakesEffect {
		ran := s.run(ctx, c)
		if reply == nil {
			reply = ran
		}
	}
	if fault.Cut == AfterEffect {
		return false
	}
	if m.silent {
		return true
	}
	p, err := m.answer(reply)
	if err != nil {
		s.config.Printf("%s: %v", c.name, err)
		return false
	}
	_, err = conn.Write(p)
	return err == nil
}
