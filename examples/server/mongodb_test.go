package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	adapter "github.com/cicerone-go/cicerone/adapters/mongodb"
)

// Tests that need a server are in adapters/internal/mongodbtest.

func TestMongoDBAddresses(t *testing.T) {
	for address, want := range map[string]mongoDBAddress{
		"mongodb://ada:tiger@db.example.org/mine": {
			uri: "mongodb://ada:tiger@db.example.org/mine", shown: "mongodb://db.example.org:27017/mine",
		},
		"mongodb://localhost": {uri: "mongodb://localhost", shown: "mongodb://localhost:27017/cicerone"},
		"mongodb://Two:2,one/a?replicaSet=rs0&commandTimeoutMS=500": {
			uri: "mongodb://Two:2,one/a?replicaSet=rs0", shown: "mongodb://one:27017,two:2/a", options: adapter.Options{CommandTimeout: 500 * time.Millisecond},
		},
		"mongodb://[::1]/a?committimeoutms=2000;queueTimeoutMS=1": {
			uri: "mongodb://[::1]/a", shown: "mongodb://[::1]:27017/a",
			options: adapter.Options{CommitTime: 2 * time.Second, QueueTime: time.Millisecond},
		},
		"mongodb://db/a?groupCommit=false": {uri: "mongodb://db/a", shown: "mongodb://db:27017/a", options: adapter.Options{NoGroupCommit: true}},
		"mongodb://db/a?groupcommit=true":  {uri: "mongodb://db/a", shown: "mongodb://db:27017/a"},
		"mongodb://ada:ti%3Fger@%2Ftmp%2Fmongodb.sock/a?authSource=admin": {
			uri: "mongodb://ada:ti%3Fger@%2Ftmp%2Fmongodb.sock/a?authSource=admin", shown: "mongodb://%2Ftmp%2Fmongodb.sock/a",
		},
		"mongodb+srv://ada:tiger@Cluster.example.org/a?srvMaxHosts=3&tls=true&queueTimeoutMS=50": { // the test asks no DNS
			uri: "mongodb+srv://ada:tiger@Cluster.example.org/a?srvMaxHosts=3&tls=true", shown: "mongodb+srv://cluster.example.org/a",
			options: adapter.Options{QueueTime: 50 * time.Millisecond},
		},
	} {
		if got, err := readMongoDB(address); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", address, got, err, want)
		}
		if p, err := findStore("--store", address); err != nil || p.name != "mongodb" || p.String() != want.shown || p.demo {
			t.Errorf("%s is the store %+v, %v", address, p, err)
		}
	}
}

func TestInvalidMongoDBAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"mongodb":                                     "mongodb://USER:PASSWORD@HOST/DATABASE",
		"mongodb:db":                                  "mongodb://USER:PASSWORD@HOST/DATABASE",
		"mongodb+srv":                                 "mongodb://USER:PASSWORD@HOST/DATABASE",
		"mongodb+srv://":                              "mongodb://USER:PASSWORD@HOST",
		"mongodb://":                                  "mongodb://USER:PASSWORD@HOST",
		"mongodb://db?replicaSet=rs0":                 "the / before the ?",
		"mongodb://db/a?replicSet=rs0":                "unknown parameter replicset",
		"mongodb+srv://db/a?replicSet=rs0":            "unknown parameter replicset",
		"mongodb://db/a?commandTimeoutMS=soon":        "commandTimeoutMS: must be a number of milliseconds",
		"mongodb://db/a?queueTimeoutMS=0":             "queueTimeoutMS: must be a number of milliseconds",
		"mongodb://ada:tiger@db/a?commitTimeoutMS=-5": "commitTimeoutMS: must be a number of milliseconds",
		"mongodb://db/a?groupCommit=perhaps":          "groupCommit: must be true or false",
		"mongodb://ada:tiger@db/a?maxPoolSize=plenty": "maxPoolSize",
		"mongodb://ada:tiger@db/a?tlsCertificateKeyFilePassword=tiger&retryReads=yes": "retryReads",
		"mongodb://ada:ti/tiger@db/a":                     "%2F",
		"mongodb://ada:ti@tiger@db/a":                     "%40",
		"mongodb://ada:tiger%@db/a":                       "%25",
		"mongodb://ada:tiger/a":                           "USER:PASSWORD@HOST",
		"mongodb://ada:ti:ger@db/a?x=tiger":               "%3A",
		"mongodb://ada:ti@g/?x=tiger@db/a?retryReads=yes": "%3F",
	} {
		p, err := findStore("--store", address)
		if err == nil || !strings.HasPrefix(err.Error(), "--store: ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "tiger") {
			t.Errorf("%s: %v, %v, want an error that contains %q and no password", address, p, err, want)
		}
	}
}

func TestSameMongoDBStore(t *testing.T) {
	one, err := findStore("--from", "mongodb://ada:tiger@one,two:27018/?replicaSet=rs0")
	if err != nil {
		t.Fatal(err)
	}
	for address, same := range map[string]bool{
		"mongodb://two:27018,one:27017/cicerone": true,
		"mongodb://two,one/cicerone":             false,
		"mongodb://one,two:27018/other":          false,
		"mongodb+srv://one/cicerone":             false,
		"sqlite:a":                               false,
	} {
		if other, err := findStore("--to", address); err != nil || one.same(other) != same {
			t.Errorf("%s is the same store as %s: %v (error %v)", other, one, !same, err)
		}
	}
}
