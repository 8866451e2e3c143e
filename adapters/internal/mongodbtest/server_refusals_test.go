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
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// refusal is a command that is refused, and what it says then.
type refusal struct {
	command, address string
	want             []string
}

func refused(t *testing.T, p programs.Server, cases map[string]refusal) {
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			args := []string{tt.command, "--store", tt.address}
			if tt.command == "serve" {
				args = append(args, "--addr", "localhost:0", "--log-level", "debug")
			}
			got := p.Run(t, args...)
			if got.Code != 1 || !strings.HasPrefix(got.Stderr, "server: --store") {
				t.Errorf("%v", got)
			}
			for _, want := range tt.want {
				if !strings.Contains(got.Stderr, want) {
					t.Errorf("%q does not say %q", got.Stderr, want)
				}
			}
			discreet(t, tt.address, got.String())
		})
	}
}

func refusals(t *testing.T, p programs.Server, s target) {
	newer, bare := s.fresh(t), s.fresh(t)
	_, err := s.client(t).Database(newer.Database).Collection("schema_versions").InsertOne(t.Context(), bson.M{"_id": int64(99999), "applied_at": time.Now()})
	must(t, err)
	must(t, s.client(t).Database(bare.Database).Collection("wallets").Drop(t.Context()))
	empty, misspelt := s.address(t), mustParse(t, s.address(t))
	misspelt.RawQuery += "&replicSet=rs0"
	refused(t, p, map[string]refusal{
		"no collections":            {"serve", empty, []string{databaseOf(empty), "server migrate"}},
		"no collections to look at": {"doctor", empty, []string{databaseOf(empty), "server migrate"}},
		"a collection is missing":   {"serve", s.addressOf(t, bare.Database), []string{"wallets", "server migrate"}},
		"newer":                     {"serve", s.addressOf(t, newer.Database), []string{"newer version", "99999"}},
		"a migration of newer":      {"migrate", s.addressOf(t, newer.Database), []string{"newer version", "99999"}},
		"no such parameter":         {"serve", misspelt.String(), []string{"no parameter replicset"}},
	})
}

// Servers that cannot keep a store. They are the fake in disguise.
func TestServerOnAnUnfitDeployment(t *testing.T) {
	p := programs.NewServer(t, programs.Build(t, "server"))
	fake := startFake(t)
	alone := disguised(t, fake, "setName", "setNamX")
	old := disguised(t, fake, "maxWireVersion\x00\x08", "maxWireVersion\x00\x07")
	address := func(host, parameters string) string { return "mongodb://ada:tiger@" + host + "/a?" + parameters }
	for _, command := range []string{"serve", "migrate", "doctor"} {
		refused(t, p, map[string]refusal{
			command + " on one that stands alone":       {command, "mongodb://" + alone + "/a", []string{"stands alone", "--replSet rs0", "rs.initiate()"}},
			command + " where no replica set was begun": {command, "mongodb://" + alone + "/a?replicaSet=rs0&serverSelectionTimeoutMS=300", []string{"cannot be reached", "rs.initiate()"}},
			command + " on one that is too old":         {command, "mongodb://" + old + "/a?directConnection=true", []string{"older than MongoDB 4.2"}},
			command + " where nobody is":                {command, address("127.0.0.1:1", "serverSelectionTimeoutMS=300"), []string{"cannot be reached"}},
		})
	}
}

func TestServerWithAWrongPassword(t *testing.T) {
	p := programs.NewServer(t, programs.Build(t, "server"))
	fake := startFake(t)
	fake.Inject(mongofake.Fault{Command: "saslStart", Times: -1, Error: &mongofake.Error{Code: 18, Message: "Authentication failed."}})
	u := mustParse(t, fake.URI())
	u.User, u.Path = url.UserPassword("ada", "open sesame"), "/a"
	u.RawQuery += "&serverSelectionTimeoutMS=500"
	for _, command := range []string{"serve", "migrate", "doctor"} {
		refused(t, p, map[string]refusal{command: {command, u.String(), []string{"does not let this user in", "authSource"}}})
	}
}

func TestServerWithTooFewRights(t *testing.T) {
	p := programs.NewServer(t, programs.Build(t, "server"))
	fake := startFake(t)
	s := onFake(fake)
	address := s.addressOf(t, s.fresh(t).Database)
	fake.Inject(mongofake.Fault{Command: "find", Times: -1, Error: &mongofake.Error{Code: 13, Message: "not authorized"}})
	for _, command := range []string{"serve", "migrate", "doctor"} {
		refused(t, p, map[string]refusal{command: {command, address, []string{"readWrite and dbAdmin"}}})
	}
}

// A database that is away is answered with 503, and nothing of it has to be told to the server.
func TestServerWhoseDatabaseComesBack(t *testing.T) {
	p := programs.NewServer(t, programs.Build(t, "server"))
	fake := startFake(t)
	s := onFake(fake)
	u := mustParse(t, s.addressOf(t, s.fresh(t).Database))
	u.RawQuery += "&serverSelectionTimeoutMS=300"
	r := p.Serve(t, "--store", u.String())
	c := client(t, r)
	must(t, c.Ready(t.Context()))
	fake.Stop()
	if err := c.Ready(t.Context()); err == nil {
		t.Error("it says that it is ready without a database")
	}
	ada := httpapi.SignUp{Name: "Ada", Email: "ada@example.net", Password: "long enough"}
	if _, err := c.SignUp(t.Context(), ada, ""); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("without a database: %v", err)
	}
	must(t, fake.Start())
	soon(t, time.Minute, func() error { return c.Ready(t.Context()) })
	if _, err := c.SignUp(t.Context(), ada, ""); err != nil {
		t.Errorf("after the database came back: %v", err)
	}
	if !strings.Contains(r.Logged(), "cannot be reached") {
		t.Error("nothing was logged of it")
	}
}

// disguised is an address at which a fake's answers have some bytes changed for as many others.
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

// pass passes on what comes, until one of both hangs up.
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

// A copy that was interrupted is no store for a server, until the same command has gone on with it.
func TestServerGoesOnWithACopy(t *testing.T) {
	p := programs.NewServer(t, programs.Build(t, "server"))
	fake := startFake(t)
	from, to := "sqlite:"+filepath.Join(t.TempDir(), "from.db"), onFake(fake).address(t)
	p.Serve(t, "--store", from).Kill(t)
	mend := fake.Inject(mongofake.Fault{
		Command: "insert", Match: func(c mongofake.Command) bool { return c.Collection == "wallets" },
		Times: -1, Error: &mongofake.Error{Code: 2, Message: "the disk is on fire"},
	})
	if err := tryCopy(t, p, from, to); err == nil || !strings.Contains(err.Error(), "the disk is on fire") {
		t.Fatalf("the copy was not interrupted: %v", err)
	}
	mend()
	refused(t, p, map[string]refusal{
		"serve":  {"serve", to, []string{"was not finished", "server copy"}},
		"doctor": {"doctor", to, []string{"was not finished", "server copy"}},
	})
	copied(t, p, from, to)
	must(t, client(t, p.Serve(t, "--store", to)).Ready(t.Context()))
}
