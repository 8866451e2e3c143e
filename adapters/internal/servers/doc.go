// Package servers provides tests with a real PostgreSQL or MongoDB server. It looks for one in this
// order:
//
//  1. the server at the address in CICERONE_POSTGRES_DSN or CICERONE_MONGODB_URI; if it does not
//     answer, the test fails;
//  2. Docker, through testcontainers-go (PostgreSQL) and dockertest (MongoDB);
//  3. binaries on this machine (initdb and postgres, mongod), started on a free loopback port in a
//     temporary folder, as an unprivileged user if the tests run as root.
//
// The tests of a process share one server through [Postgres] and [Mongo], each with its own
// database. [OwnPostgres] and [OwnMongo] start a server for a single test, which may kill it; they
// need binaries. If there is no server, the test is skipped with one line that names what to
// install. It fails instead if CICERONE_REQUIRE, a list separated by commas, contains postgres (for
// PostgreSQL and PgBouncer) or mongodb. [PgBouncer] and [NewProxy] can be put in front of any
// server.
//
// Servers and folders are removed when the test process ends, also after SIGKILL: a guard watches
// each server (see process.go), and each container holds a leash of this process (see leash.go).
// Therefore no TestMain is needed. Only a database on a server given by address remains if its test
// was killed. Its name begins with cicerone_test_.
package servers
