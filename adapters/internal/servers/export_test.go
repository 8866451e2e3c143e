package servers

import "testing"

// NothingHere makes this process one on a machine without any server.
func NothingHere() {
	folders = nil
	docker = func() string { return "" }
}

// NoBinaries makes this process one on a machine where no server is installed.
func NoBinaries() { folders = nil }

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
