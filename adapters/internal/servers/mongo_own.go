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

// MongoServer is a replica set whose nodes one test may start, kill and freeze.
type MongoServer struct {
	t     testing.TB
	Nodes []*MongoNode
}

// MongoNode is one mongod of a replica set. When it has started it answers, but may not have joined its set again yet.
type MongoNode struct{ local }

// OwnMongo starts a replica set of one or three nodes for this test alone, which ends with it.
func OwnMongo(t testing.TB, nodes int) *MongoServer {
	t.Helper()
	if binaries("mongod") == "" {
		missing(t, "mongodb", "no mongod, which a test with a server of its own needs: mongodb.com/docs/manual/installation")
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

// URI is the address of a database on the replica set.
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

// Primary is the node that is the primary now. It waits up to a minute for the end of an election.
func (s *MongoServer) Primary() *MongoNode {
	s.t.Helper()
	var me string
	err := ask(s.URI("admin"), time.Minute, func(ctx context.Context, client *mongo.Client) error {
		if err := client.Ping(ctx, readpref.Primary()); err != nil {
			return err
		}
		h, err := sayHello(ctx, client) // asked of the primary, as every command is
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
	s.t.Fatalf("the primary, %s, is none of the nodes", me)
	return nil
}

// AwaitWhole waits until one node is the primary and the others are secondaries, up to a minute: before that, one that comes
// back does not count for a majority.
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
			err = fmt.Errorf("%d nodes are the primary", primaries)
		}
		return err
	}
	for late := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		err := ask(s.URI("admin"), time.Minute, whole)
		if err == nil {
			return
		}
		if time.Now().After(late) {
			s.t.Fatalf("the replica set is not whole: %v", err)
		}
	}
}

// newMongoNode makes the folder of a node that does not run yet.
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
