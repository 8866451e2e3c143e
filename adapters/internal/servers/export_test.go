package servers

import (
	"testing"
	"time"
)

// NothingHere simulates a machine without any server.
func NothingHere() {
	folders = nil
	NoDocker()
}

// NoBinaries simulates a machine on which no server is installed.
func NoBinaries() { folders = nil }

// NoDocker simulates a machine without Docker.
func NoDocker() {
	docker = func() (*engine, error) { return nil, nil }
}

// Hurry shortens the time that Docker has to answer and to start a server.
func Hurry() {
	answersWithin, startsWithin = 2*time.Second, 4*time.Second
}

// NeedBinaries skips or fails a test if PostgreSQL or PgBouncer is not installed.
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
