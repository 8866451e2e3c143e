package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/readpref"
)

// MongoServer is a replica set with nodes that a test may start, kill and freeze.
type MongoServer struct {
	t     testing.TB
	Nodes []*MongoNode
}

// MongoNode is one mongod of a replica set. After Start it answers, but may not have rejoined its
// set yet.
type MongoNode struct{ local }

// OwnMongo starts a replica set of one or three nodes for this test, and ends it with the test.
func OwnMongo(t testing.TB, nodes int) *MongoServer {
	t.Helper()
	if binaries("mongod") == "" {
		missing(t, "mongodb", "no mongod, which this test needs: mongodb.com/docs/manual/installation")
	}
	s := &MongoServer{t: t}
	var addrs []string
	for range nodes {
		node, err := newMongoNode()
		if err != nil {
			t.Fatal(err)
		}
		node.t = t
		t.Cleanup(node.cleanUp)
		node.Start()
		s.Nodes = append(s.Nodes, node)
		addrs = append(addrs, node.Addr())
	}
	if err := initiate(addrs...); err != nil {
		t.Fatal(err)
	}
	return s
}

// URI returns the address of a database on the replica set.
func (s *MongoServer) URI(database string) string {
	s.t.Helper()
	var addrs []string
	for _, node := range s.Nodes {
		addrs = append(addrs, node.Addr())
	}
	uri, err := ofMongoDatabase(mongoURI(addrs...), database)
	if err != nil {
		s.t.Fatal(err)
	}
	return uri
}

// Primary returns the node that is currently the primary. It waits up to a minute for an election
// to end.
func (s *MongoServer) Primary() *MongoNode {
	s.t.Helper()
	var me string
	err := ask(s.URI("admin"), time.Minute, func(ctx context.Context, client *mongo.Client) error {
		if err := client.Ping(ctx, readpref.Primary()); err != nil {
			return err
		}
		h, err := sayHello(ctx, client) // the client sends commands to the primary
		me = h.Me
		return err
	})
	if err != nil {
		s.t.Fatalf("find the primary: %v", err)
	}
	for _, node := range s.Nodes {
		if node.Addr() == me {
			return node
		}
	}
	s.t.Fatalf("the primary %s is not one of the nodes", me)
	return nil
}

// AwaitWhole waits up to a minute until one node is the primary and the others are secondaries.
// Before that, a node that was restarted does not count for a majority.
func (s *MongoServer) AwaitWhole() {
	s.t.Helper()
	whole := func(ctx context.Context, client *mongo.Client) error {
		var status struct {
			Members []struct {
				Name  string `bson:"name"`
				State string `bson:"stateStr"`
			} `bson:"members"`
		}
		err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "replSetGetStatus", Value: 1}}).Decode(&status)
		primaries := 0
		for _, m := range status.Members {
			switch m.State {
			case "PRIMARY":
				primaries++
			case "SECONDARY":
			default:
				err = errors.Join(err, fmt.Errorf("%s is %s", m.Name, m.State))
			}
		}
		if err == nil && primaries != 1 {
			err = fmt.Errorf("%d nodes are primaries, want 1", primaries)
		}
		return err
	}
	for late := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		err := ask(s.URI("admin"), time.Minute, whole)
		if err == nil {
			return
		}
		if time.Now().After(late) {
			s.t.Fatalf("the replica set is not complete: %v", err)
		}
	}
}

// newMongoNode creates the folder of a node, and does not start it.
func newMongoNode() (*MongoNode, error) {
	h, err := newHome()
	if err != nil {
		return nil, err
	}
	n := &MongoNode{local{home: h}}
	data := filepath.Join(h.folder, "data")
	if err = os.Mkdir(data, 0o700); err == nil {
		err = h.give(data)
	}
	if err == nil {
		n.port, err = freePort()
	}
	if err != nil {
		return nil, errors.Join(err, h.remove())
	}
	n.launch = func() (*process, error) {
		return h.launch(filepath.Join(binaries("mongod"), "mongod"), mongodArguments(data, n.port), func(context.Context) error {
			return ask(directURI(n.Addr()), 5*time.Second, answers)
		})
	}
	return n, nil
}

func mongodArguments(data string, port int) []string {
	return []string{
		"--dbpath", data, "--port", strconv.Itoa(port), "--bind_ip", "127.0.0.1", "--nounixsocket",
		"--replSet", replicaSet, "--oplogSize", "128", "--wiredTigerCacheSizeGB", "0.25",
	}
}
