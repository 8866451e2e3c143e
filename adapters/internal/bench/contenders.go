package bench

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/programs"
	"github.com/cicerone-go/cicerone/transport/edge"
)

// usage is the CPU time of the processes that take part. A time below 0 is not known.
type usage struct{ server, database, generator time.Duration }

const unknown time.Duration = -1

// since returns the usage between two moments.
func (u usage) since(before usage) usage {
	return usage{less(u.server, before.server), less(u.database, before.database), less(u.generator, before.generator)}
}

func less(after, before time.Duration) time.Duration {
	if after < 0 || before < 0 {
		return unknown
	}
	return after - before
}

// plus returns the usage in both of two times.
func (u usage) plus(more usage) usage {
	return usage{sum(u.server, more.server), sum(u.database, more.database), sum(u.generator, more.generator)}
}

func sum(a, b time.Duration) time.Duration {
	if a < 0 || b < 0 {
		return unknown
	}
	return a + b
}

// contender is a server, or a program without one, that does the operations of the scenarios.
type contender struct {
	name     string
	connect  func() (api, error) // nil without a server
	pid      int                 // 0 without a server
	database int                 // the first process of the database, or 0
	has      func(s scenario) bool
	run      func(s scenario, clients int, warmup, span time.Duration) (perSecond, count float64, err error) // without a server
}

// The names of the contenders.
const (
	cicerone  = "Cicerone"
	theFloor  = "floor"
	bareFloor = "bare floor"
	pgbench   = "pgbench"
	rawInsert = "raw insert"
	unlimited = "no admission"
)

// meter returns the CPU time that was used up to now.
func (c contender) meter() (u usage, err error) {
	read := func(of func(int) (time.Duration, error), pid int) time.Duration {
		if pid == 0 {
			return unknown
		}
		used, failed := of(pid)
		if errors.Is(failed, errors.ErrUnsupported) {
			return unknown
		}
		err = errors.Join(err, failed)
		return used
	}
	return usage{read(cpuOf, c.pid), read(familyCPU, c.database), read(cpuOf, os.Getpid())}, err
}

// memory returns the memory of the server in bytes, or 0 if it is not known.
func (c contender) memory() (int64, error) {
	if c.pid == 0 {
		return 0, nil
	}
	used, err := memoryOf(c.pid)
	if errors.Is(err, errors.ErrUnsupported) {
		return 0, nil
	}
	return used, err
}

// quiet returns when the server and its database have finished what they do after they have
// answered, like delivering events, so that the next contender has the machine for itself. look is
// how long a pause must be, and most how long it waits.
func (c contender) quiet(look, most time.Duration) error {
	const calm = 10 * time.Millisecond // the clock of the kernel does not show less
	before, err := c.meter()
	for begun := time.Now(); err == nil && time.Since(begun) < most; {
		time.Sleep(look)
		now, failed := c.meter()
		used := now.since(before)
		if err = errors.Join(err, failed); err != nil || max(used.server, 0)+max(used.database, 0) <= calm {
			return err
		}
		before = now
	}
	return nil
}

// accessKey signs access tokens. The floor verifies them with it.
var accessKey = strings.Repeat("a2V5", 11)

// serve starts the example server without what bounds a client. If it admits, it refuses requests
// under overload.
func serve(t *testing.T, server programs.Server, s store, o Options, admits bool) (r *programs.Serving) {
	t.Helper()
	args := []string{
		"--store", s.served(o).address, "--demo", "--grpc-addr", "localhost:0", "--log-level", "error", "--mail", "log",
		"--access-key", accessKey, "--access-lifetime", "24h", "--bcrypt-cost", strconv.Itoa(o.Cost),
		"--signup-bonus", "1000000000", // nobody runs out of tokens
		"--limit-user", "0", "--limit-anonymous", "0", "--at-once-hashing", "0", "--at-once-search", "0",
		"--trusted-proxies", "127.0.0.1,::1", "--max-connections-per-address", "0", "--max-opened", "1000000",
		"--max-proposed", "1000000", "--max-pending", "1000000", "--max-unanswered", "1000", "--max-unanswered-proposals", "1000000",
	}
	if admits {
		a := edge.DefaultAdmission(s.cores.count())
		args = append(args, "--admit-most", strconv.Itoa(a.Most), "--admit-least", strconv.Itoa(a.Least))
	}
	if o.Index {
		args = append(args, "--match-index", "on")
	}
	if o.Profile { // of the last server that is started, which is the measured one
		must(t, os.MkdirAll(o.Folder, 0o750))
		args = append(args, "--cpu-profile", o.profile(s.kind))
	}
	s.cores.starting(t, func() { r = server.Serve(t, args...) })
	return r
}

// newCicerone returns the example server as a contender.
func newCicerone(name string, r *programs.Serving, s store, o Options) contender {
	return contender{
		name: name, pid: r.PID(), database: s.pid, has: func(scenario) bool { return true },
		connect: func() (api, error) {
			if o.Transport == "grpc" {
				return newGRPC(strings.TrimPrefix(r.GRPC, "grpc://"))
			}
			return newHTTP(strings.TrimPrefix(r.Base, "http://"), ""), nil
		},
	}
}

// newFloors starts the floor on a copy of the store of a server, and returns it, the bare floor and
// pgbench, if that is installed. It fails the test unless the floor answers like that server.
func newFloors(t *testing.T, program string, s store, ours string, talkers []*talker, o Options) []contender {
	t.Helper()
	var r *programs.Serving
	s.cores.starting(t, func() { r = programs.Serve(t, nil, program, "-store", s.address, "-access-key", accessKey) })
	s.writeTalkers(t, talkers)
	address := strings.TrimPrefix(r.Base, "http://")
	must(t, agree(ours, address, talkers[0]))
	floor := contender{
		name: theFloor, pid: r.PID(), database: s.pid, has: func(s scenario) bool { return s.floor },
		connect: func() (api, error) { return newHTTP(address, ""), nil },
	}
	bare := floor
	bare.name, bare.has = bareFloor, func(s scenario) bool { return s.bare }
	bare.connect = func() (api, error) { return newHTTP(address, "/bare"), nil }
	all := []contender{floor, bare}
	b, err := newPgbench(t.TempDir(), s, len(talkers))
	if err != nil {
		fmt.Fprintf(o.Log, "without pgbench: %v\n", err)
		return all
	}
	return append(all, contender{name: pgbench, database: s.pid, has: func(s scenario) bool { return s.sql != "" }, run: b.run})
}
