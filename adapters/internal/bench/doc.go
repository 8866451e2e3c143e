// Package bench measures the example server as its clients see it: over HTTP or gRPC, with a
// database and data of a given size, beside the least that a server can do (the program in the
// folder floor) and beside pgbench. README.md says what is measured, and how to read it. It runs as
// a test, TestBenchmark, because the servers that it needs are those of the tests: in a tiny size
// with all tests, and with make bench-http in a size that measures something.
package bench
