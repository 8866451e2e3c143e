package servers

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ory/dockertest/v3"
	dockerclient "github.com/ory/dockertest/v3/docker"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readpref"
)

const (
	replicaSet   = "cicerone"
	installMongo = "install mongod (mongodb.com/docs/manual/installation), %s, or set CICERONE_MONGODB_URI"
)

// Mongo returns the URI, mongodb://…/database, of a new database on a replica set. The database is
// dropped when the test ends.
func Mongo(t testing.TB) string {
	t.Helper()
	server := sharedMongo().require(t, "mongodb")
	name := "cicerone_test_" + hex.EncodeToString(randomBytes(8))
	uri, err := ofMongoDatabase(server, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := ask(uri, time.Minute, func(ctx context.Context, client *mongo.Client) error { return client.Database(name).Drop(ctx) })
		if err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return uri
}

// OfPrimary returns the URI of a replica set with its primary as the only host, so that a Proxy can
// be put in front of it. It returns the URI of a mongos unchanged.
func OfPrimary(t testing.TB, uri string) string {
	t.Helper()
	var primary hello
	err := ask(uri, time.Minute, func(ctx context.Context, client *mongo.Client) (err error) {
		primary, err = sayHello(ctx, client)
		return err
	})
	if err != nil {
		t.Fatalf("find the primary: %v", err)
	}
	if primary.Me == "" {
		return uri
	}
	return ofMongoHost(uri, primary.Me)
}

var sharedMongo = sync.OnceValue(func() found {
	if uri := os.Getenv("CICERONE_MONGODB_URI"); uri != "" {
		if err := ask(uri, 10*time.Second, isReplicated); err != nil {
			return found{err: fmt.Errorf("CICERONE_MONGODB_URI: %w", err)}
		}
		return found{address: uri}
	}
	uri, advice, failed := inDocker("MongoDB", dockerMongo)
	if uri != "" {
		return found{address: uri}
	}
	if binaries("mongod") == "" {
		return found{missing: "no MongoDB server: " + fmt.Sprintf(installMongo, advice), failed: failed}
	}
	node, err := newMongoNode()
	if err != nil {
		return found{err: err, failed: failed}
	}
	if err = node.start(); err == nil {
		err = initiate(node.Addr())
	}
	if err != nil {
		return found{err: errors.Join(err, node.home.remove()), failed: failed}
	}
	return found{address: mongoURI(node.Addr()), failed: failed, process: node.process}
})

// dockerMongo runs a replica set of one node in a container that ends with this process.
func dockerMongo(_ context.Context, e *engine) (uri string, err error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	// The port must be the same inside and outside, because clients connect to the members at the
	// addresses in the configuration of the set.
	number := strconv.Itoa(port)
	inside := dockerclient.Port(number + "/tcp")
	options := &dockertest.RunOptions{
		Repository:   "mongo",
		Tag:          "8.0",
		Entrypoint:   leashedEntrypoint(),
		Cmd:          []string{"mongod", "--replSet", replicaSet, "--bind_ip_all", "--port", number},
		ExposedPorts: []string{string(inside)},
		PortBindings: map[dockerclient.Port][]dockerclient.PortBinding{inside: {{HostIP: e.publishes(), HostPort: number}}},
	}
	if net.ParseIP(e.host) == nil && e.host != "localhost" {
		options.ExtraHosts = []string{e.host + ":127.0.0.1"} // the node finds itself by the name that clients use
	}
	container, err := e.pool.RunWithOptions(options, func(host *dockerclient.HostConfig) {
		host.AutoRemove = true
		host.PublishAllPorts = false // the image exposes another port
	})
	if err != nil {
		return "", err
	}
	addr := net.JoinHostPort(e.host, number)
	if err = holdLeash(e.pool.Client, container.Container.ID); err == nil {
		err = e.pool.Retry(func() error { return ask(directURI(addr), 5*time.Second, answers) })
	}
	if err == nil {
		err = initiate(addr)
	}
	if err != nil {
		return "", errors.Join(err, container.Close())
	}
	return mongoURI(addr), nil
}

// initiate makes running nodes a replica set, and waits for its first primary.
func initiate(addrs ...string) error {
	members := bson.A{}
	for n, addr := range addrs {
		members = append(members, bson.D{{Key: "_id", Value: n}, {Key: "host", Value: addr}})
	}
	command := bson.D{{Key: "replSetInitiate", Value: bson.D{{Key: "_id", Value: replicaSet}, {Key: "members", Value: members}}}}
	err := ask(directURI(addrs[0]), time.Minute, func(ctx context.Context, client *mongo.Client) error {
		return client.Database("admin").RunCommand(ctx, command).Err()
	})
	if err != nil {
		return fmt.Errorf("initiate the replica set: %w", err)
	}
	return ask(mongoURI(addrs...), time.Minute, func(ctx context.Context, client *mongo.Client) error {
		return client.Ping(ctx, readpref.Primary())
	})
}

// hello is the response of a node to isMaster. The command hello replaces it, but old versions lack
// that.
type hello struct {
	SetName string `bson:"setName"`
	Msg     string `bson:"msg"` // isdbgrid, of a mongos
	Me      string `bson:"me"`
}

func sayHello(ctx context.Context, client *mongo.Client) (h hello, err error) {
	err = client.Database("admin").RunCommand(ctx, bson.D{{Key: "isMaster", Value: 1}}).Decode(&h)
	return h, err
}

func answers(ctx context.Context, client *mongo.Client) error {
	_, err := sayHello(ctx, client)
	return err
}

func isReplicated(ctx context.Context, client *mongo.Client) error {
	h, err := sayHello(ctx, client)
	if err == nil && h.SetName == "" && h.Msg != "isdbgrid" {
		return errors.New("the server is a standalone and has no transactions: start it with --replSet and run rs.initiate()")
	}
	return err
}

// ask calls do with a new client. It limits the search for a server to the given time, unless the
// URI has another limit.
func ask(uri string, within time.Duration, do func(context.Context, *mongo.Client) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	client, err := mongo.Connect(ctx, options.Client().SetServerSelectionTimeout(within).ApplyURI(uri))
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, client), client.Disconnect(ctx))
}
