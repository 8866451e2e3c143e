// Package servers gives tests a real PostgreSQL or MongoDB, found the same way by all of them:
//
//  1. the server whose address is in CICERONE_POSTGRES_DSN or CICERONE_MONGODB_URI; one that does not answer fails the test;
//  2. Docker, through testcontainers-go (PostgreSQL) and dockertest (MongoDB);
//  3. binaries on this machine (initdb and postgres, mongod), started on a free loopback port in a temporary folder, by an
//     unprivileged user where the tests are root's.
//
// [Postgres] and [Mongo] share one server among the tests of a process, each with a database of its own. [OwnPostgres] and
// [OwnMongo] start one for a single test, which may kill it; only binaries serve for that. Where nothing is found a test is
// skipped with one line that says what to install, or fails where CICERONE_REQUIRE, a list with commas, names it: postgres
// (PgBouncer included) or mongodb. [PgBouncer] and [NewProxy] stand before any of them.
//
// Nothing is left behind, however the tests end, SIGKILL included: each server is watched by a guard (see process.go), each
// container holds a leash of this process (see leash.go). So no TestMain is needed. Only a database on a server given by
// address stays where its test was killed; its name begins with cicerone_test_.
package servers
