package mongodbtest

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/internal/programs"
)

func refusals(t *testing.T, p programs.Server, s target) {
	newer, bare := s.fresh(t), s.fresh(t)
	versions := s.client(t).Database(newer.Database).Collection("schema_versions")
	_, err := versions.InsertOne(t.Context(), bson.M{"_id": int64(99999), "applied_at": time.Now()})
	must(t, err)
	must(t, s.client(t).Database(bare.Database).Collection("wallets").Drop(t.Context()))
	empty, misspelt := s.address(t), mustParse(t, s.address(t))
	misspelt.RawQuery += "&replicSet=rs0"
	p.Refuses(t, map[string]programs.Refusal{
		"no collections":            programs.Refused("serve", empty, databaseOf(empty), "server migrate"),
		"no collections for doctor": programs.Refused("doctor", empty, databaseOf(empty), "server migrate"),
		"a missing collection":      programs.Refused("serve", s.addressOf(t, bare.Database), "wallets", "server migrate"),
		"newer":                     programs.Refused("serve", s.addressOf(t, newer.Database), "newer version", "99999"),
		"newer for migrate":         programs.Refused("migrate", s.addressOf(t, newer.Database), "newer version", "99999"),
		"an unknown parameter":      programs.Refused("serve", misspelt.String(), "unknown parameter replicset"),
	})
}

// A deployment without transactions is refused. A proxy in front of the fake changes what it reports.
func onUnfitDeployment(t *testing.T, p programs.Server) {
	fake := startFake(t)
	alone := disguised(t, fake, "setName", "setNamX")
	old := disguised(t, fake, "maxWireVersion\x00\x08", "maxWireVersion\x00\x07")
	address := func(host, parameters string) string { return "mongodb://ada:tiger@" + host + "/a?" + parameters }
	for _, command := range []string{"serve", "migrate", "doctor"} {
		p.Refuses(t, map[string]programs.Refusal{
			command + " on a standalone server": programs.Refused(command, "mongodb://"+alone+"/a",
				"stands alone", "--replSet rs0", "rs.initiate()"),
			command + " on a replica set that was not initiated": programs.Refused(command,
				"mongodb://"+alone+"/a?replicaSet=rs0&serverSelectionTimeoutMS=300", "cannot be reached", "rs.initiate()"),
			command + " on an old server": programs.Refused(command, "mongodb://"+old+"/a?directConnection=true",
				"older than MongoDB 4.2"),
			command + " without a server": programs.Refused(command, address("127.0.0.1:1", "serverSelectionTimeoutMS=300"),
				"cannot be reached"),
		})
	}
}

func withWrongPassword(t *testing.T, p programs.Server) {
	fake := startFake(t)
	failed := &mongofake.Error{Code: 18, Message: "Authentication failed."}
	fake.Inject(mongofake.Fault{Command: "saslStart", Times: -1, Error: failed})
	u := mustParse(t, fake.URI())
	u.User, u.Path = url.UserPassword("ada", "open sesame"), "/a"
	u.RawQuery += "&serverSelectionTimeoutMS=500"
	for _, command := range []string{"serve", "migrate", "doctor"} {
		p.Refuses(t, map[string]programs.Refusal{
			command: programs.Refused(command, u.String(), "refuses this user", "authSource"),
		})
	}
}

func withTooFewRights(t *testing.T, p programs.Server) {
	fake := startFake(t)
	s := onFake(fake)
	address := s.addressOf(t, s.fresh(t).Database)
	refused := &mongofake.Error{Code: 13, Message: "not authorized"}
	fake.Inject(mongofake.Fault{Command: "find", Times: -1, Error: refused})
	for _, command := range []string{"serve", "migrate", "doctor"} {
		p.Refuses(t, map[string]programs.Refusal{command: programs.Refused(command, address, "readWrite and dbAdmin")})
	}
}

func afterOutage(t *testing.T, p programs.Server) {
	fake := startFake(t)
	s := onFake(fake)
	u := mustParse(t, s.addressOf(t, s.fresh(t).Database))
	u.RawQuery += "&serverSelectionTimeoutMS=300"
	p.ComesBack(t, u.String(), fake.Stop, func() { must(t, fake.Start()) })
}

// disguised starts a proxy in front of a fake, and returns its address. In the replies the proxy replaces from
// by to, which has the same length.
func disguised(t *testing.T, fake *mongofake.Server, from, to string) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", fake.Address())
			if err != nil {
				_ = in.Close()
				continue
			}
			work.Go(func() { pass(out, in, nil, nil) })
			work.Go(func() { pass(in, out, []byte(from), []byte(to)) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		work.Wait()
	})
	return listener.Addr().String()
}

// pass copies bytes until either connection is closed.
func pass(to io.WriteCloser, from io.ReadCloser, before, after []byte) {
	defer func() { _ = to.Close() }()
	defer func() { _ = from.Close() }()
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		sent := buffer[:n]
		if before != nil {
			sent = bytes.ReplaceAll(sent, before, after)
		}
		if _, failed := to.Write(sent); err != nil || failed != nil {
			return
		}
	}
}

// Servers refuse a store with an interrupted copy until a repeated copy has completed it.
func resumesCopy(t *testing.T, p programs.Server) {
	fake := startFake(t)
	from, to := "sqlite:"+filepath.Join(t.TempDir(), "from.db"), onFake(fake).address(t)
	p.Serve(t, "--store", from).Kill(t)
	repair := fake.Inject(mongofake.Fault{
		Command: "insert", Match: func(c mongofake.Command) bool { return c.Collection == "wallets" },
		Times: -1, Error: &mongofake.Error{Code: 2, Message: "the disk is on fire"},
	})
	if err := p.Copy(t, from, to); err == nil || !strings.Contains(err.Error(), "the disk is on fire") {
		t.Fatalf("Copy = %v, want the injected error", err)
	}
	repair()
	p.Refuses(t, map[string]programs.Refusal{
		"serve":  programs.Refused("serve", to, "was not finished", "server copy"),
		"doctor": programs.Refused("doctor", to, "was not finished", "server copy"),
	})
	copied(t, p, from, to)
	readyAndEnded(t, p.Serve(t, "--store", to))
}
