package servers

import (
	"testing"
	"time"
)

// NothingHere makes this process one on a machine without any server.
func NothingHere() {
	folders = nil
	NoDocker()
}

// NoBinaries makes this process one on a machine where no server is installed.
func NoBinaries() { folders = nil }

// NoDocker makes this process one on a machine without Docker.
func NoDocker() {
	docker = func() (*engine, error) { return nil, nil }
}

// Hurry shortens the time that Docker has to answer and to start a server.
func Hurry() {
	answersWithin, startsWithin = 2*time.Second, 4*time.Second
}

// NeedBinaries is for tests whose children need PostgreSQL and PgBouncer.
func NeedBinaries(t testing.TB) {
	t.Helper()
	needPostgresBinaries(t)
	needPgBouncer(t)
}

var (
	OfMongoDatabase = ofMongoDatabase
	OfMongoHost     = ofMongoHost
)

// The scripts that run in a container.
const (
	Leashed = leashed
	Hold    = hold
)
