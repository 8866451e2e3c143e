package bench

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/programs"
)

const pause = 100 * time.Millisecond // how long a server does nothing when it is quiet

// Build builds the programs that take part, and returns their folder.
func Build(t *testing.T) string {
	t.Helper()
	return programs.Build(t, "examples/server", "adapters/internal/bench/floor")
}

// Run loads a store, measures, and returns the report. folder is that of Build. It fails the test
// if anything was refused, or if a store breaks a rule afterwards, the one to which the floor and
// pgbench wrote included.
func Run(t *testing.T, folder string, o Options) Report {
	t.Helper()
	must(t, o.check())
	w, err := newTown(o.Size, 2*slices.Max(o.Clients))
	must(t, err)
	server := programs.NewServer(t, folder)
	s := newStore(t, o.Store, server)
	if o.Apart {
		s.cores = newCores(t)
		s.cores.place(t, s.pid)
	}

	running := serve(t, server, s, o, false)
	begun := time.Now()
	talkers, err := load(w, strings.TrimPrefix(running.Base, "http://"), o.Log)
	must(t, err)
	report := newReport(o, s, w, time.Since(begun))
	must(t, newCicerone(cicerone, running, s, o).quiet(pause, 10*time.Minute)) // a copy has no events to deliver
	if !s.loses() {
		running.End(t)
		server.Sound(t, s.address)
		s.settle(t)
	}
	var copied contender
	if s.kind == "sqlite" {
		copied = newRaw(t, s, talkers)
	}
	b := &benchmark{Options: o, report: &report, talkers: talkers}
	switch {
	case o.Overload:
		running = serve(t, server, s, o, true)
		other := serve(t, server, s, o, false)
		defer other.End(t)
		b.contenders = []contender{newCicerone(cicerone, running, s, o), newCicerone(unlimited, other, s, o)}
	case s.floor:
		copied := s.clone(t)
		copied.settle(t)
		running = serve(t, server, s, o, false)
		b.contenders = append([]contender{newCicerone(cicerone, running, s, o)},
			newFloors(t, filepath.Join(folder, "floor"), copied, strings.TrimPrefix(running.Base, "http://"), talkers, o)...)
		defer func() {
			copied.recount(t, server)
			server.Sound(t, copied.address)
		}()
	default:
		if !s.loses() {
			running = serve(t, server, s, o, false)
		}
		b.contenders = []contender{newCicerone(cicerone, running, s, o)}
		if s.kind == "sqlite" {
			b.contenders = append(b.contenders, copied)
		}
	}
	must(t, b.contenders[0].quiet(pause, 10*time.Second))
	for _, name := range o.Scenarios {
		must(t, b.measure(scenarios[slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })]))
	}
	if s.loses() {
		must(t, sound(running))
	}
	running.End(t)
	if o.Profile {
		must(t, portable(o.profile(s.kind)))
	}
	if !s.loses() {
		server.Sound(t, s.address)
	}
	return report
}

// sound returns an error if the server finds a violation of a rule in its own store, to which the
// doctor has no access.
func sound(r *programs.Serving) error {
	c := &wire{address: strings.TrimPrefix(r.Base, "http://")}
	token, err := adminToken(c)
	var found struct{ Violations []any }
	if err == nil {
		err = call(c, http.MethodGet, "/v1/admin/ledger/verify", token, nil, http.StatusOK, &found)
	}
	if err == nil && len(found.Violations) > 0 {
		err = fmt.Errorf("the store breaks rules: %v", found.Violations)
	}
	return errors.Join(err, c.close())
}

// benchmark measures the contenders.
type benchmark struct {
	Options
	contenders []contender
	talkers    []*talker
	report     *Report
	keys       atomic.Int64
}

// measure measures a scenario: the closed loop with each number of clients, and then the open loop
// at rates that follow from it.
func (b *benchmark) measure(s scenario) error {
	best := 0.0
	for _, clients := range b.Clients {
		rows, err := b.turns(s, clients, 0)
		if err != nil {
			return fmt.Errorf("%s with %d clients: %w", s.name, clients, err)
		}
		for _, row := range rows {
			if row.Contender == cicerone || row.Contender == unlimited {
				best = max(best, row.PerSecond)
			}
		}
	}
	for _, part := range b.Loads {
		if _, err := b.turns(s, len(b.talkers), best*part); err != nil {
			return fmt.Errorf("%s at %.0f/s: %w", s.name, best*part, err)
		}
	}
	return nil
}

// turns lets the contenders take turns in a scenario, and adds a row for each to the report. A rate
// of 0 means the closed loop.
func (b *benchmark) turns(s scenario, clients int, rate float64) (rows []Row, err error) {
	var turning []*turn
	defer func() {
		for _, one := range turning {
			err = errors.Join(err, disconnect(one.clients))
		}
	}()
	for _, c := range b.contenders {
		if !c.has(s) || c.run != nil && rate > 0 {
			continue
		}
		one := &turn{contender: c}
		turning = append(turning, one)
		if c.connect != nil {
			if err := b.connect(one, s, clients); err != nil {
				return nil, err
			}
		}
	}
	for range b.Rounds {
		for _, one := range turning {
			runtime.GC() // the generator collects its garbage before the clock runs, not meanwhile
			if err := one.take(s, clients, rate, b.Options); err != nil {
				return nil, fmt.Errorf("%s: %w", one.name, err)
			}
			if err := one.quiet(min(b.Time, pause), 10*time.Second); err != nil {
				return nil, err
			}
		}
	}
	for _, one := range turning {
		row := one.row(s, clients, rate, b.Transport)
		if row.MemoryBytes, err = one.memory(); err != nil {
			return nil, err
		}
		fmt.Fprintln(b.Log, row)
		rows = append(rows, row)
	}
	compare(rows)
	b.report.Rows = append(b.report.Rows, rows...)
	return rows, nil
}

// connect makes the clients of a contender. Each talker belongs to one of them, so that no two
// write to one wallet.
func (b *benchmark) connect(one *turn, s scenario, clients int) error {
	for n := range clients {
		connection, err := one.connect()
		if err != nil {
			return err
		}
		c := &client{api: connection, key: func() string {
			return "bench-" + strconv.FormatInt(b.report.Began.UnixNano(), 36) + "-" + strconv.FormatInt(b.keys.Add(1), 10)
		}}
		one.clients = append(one.clients, c)
		for i := n; i < len(b.talkers); i += clients {
			c.talkers = append(c.talkers, b.talkers[i])
		}
		c.choose(n)
		if s.live {
			if err := c.open(); err != nil {
				return err
			}
		}
	}
	return nil
}

func disconnect(clients []*client) (err error) {
	for _, c := range clients {
		for _, s := range c.streams {
			err = errors.Join(err, s.close())
		}
		err = errors.Join(err, c.close())
	}
	return err
}

// turn has the results of a contender in one scenario.
type turn struct {
	contender
	clients []*client
	samples []sample
	rates   []float64
	used    usage
	count   float64 // operations
}

// take measures once.
func (one *turn) take(s scenario, clients int, rate float64, o Options) error {
	var got sample
	var err error
	switch {
	case one.run != nil:
		return one.takeAlone(s, clients, o)
	case rate > 0:
		got, err = open(one.clients, s.do, rate, o.Warmup, o.Time, o.Overload, one.meter)
	default:
		got, err = closed(one.clients, s.do, o.Warmup, o.Time, o.Overload, one.meter)
	}
	if err != nil {
		return err
	}
	one.samples = append(one.samples, got)
	one.rates = append(one.rates, got.perSecond())
	one.add(got.usage, float64(len(got.latencies)))
	return nil
}

// takeAlone measures a contender without a server, which measures itself.
func (one *turn) takeAlone(s scenario, clients int, o Options) error {
	before, err := one.meter()
	if err != nil {
		return err
	}
	perSecond, count, err := one.run(s, clients, o.Warmup, o.Time)
	after, err2 := one.meter()
	if err = cmp.Or(err, err2); err != nil {
		return err
	}
	used := after.since(before)
	used.generator = unknown // there is none, or it has ended
	one.rates = append(one.rates, perSecond)
	one.add(used, count)
	return nil
}

func (one *turn) add(u usage, operations float64) {
	if one.count == 0 {
		one.used = u
	} else {
		one.used = one.used.plus(u)
	}
	one.count += operations
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
