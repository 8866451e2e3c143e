package bench_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/bench"
)

// options has the flags after -args, as make bench-http gives them.
var options = bench.DefaultOptions()

func TestMain(m *testing.M) {
	options.Define(flag.CommandLine)
	flag.Parse()
	os.Exit(m.Run())
}

// TestBenchmark runs the benchmark that the flags describe, and prints its report. Without flags it
// runs benchmarks of a tiny size, which measure nothing, and checks their reports.
func TestBenchmark(t *testing.T) {
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || !strings.HasPrefix(f.Name, "test.") })
	if asked {
		options.Log = os.Stdout
		report := bench.Run(t, bench.Build(t), options)
		must(t, report.Write(os.Stdout))
		if options.Folder != "" {
			must(t, report.Save(options.Folder))
		}
		return
	}
	folder := bench.Build(t)
	for _, run := range []struct {
		store, transport string
		clients          []int
	}{
		{"memory", "grpc", []int{1, 2}},
		{"sqlite", "http", []int{2}},
		{"postgres", "http", []int{2}}, // pgbench takes a second for each number
	} {
		t.Run(run.store, func(t *testing.T) {
			o := bench.DefaultOptions()
			must(t, o.Size.Set("tiny"))
			o.Store, o.Transport, o.Folder, o.Log = run.store, run.transport, t.TempDir(), io.Discard
			o.Clients, o.Loads, o.Rounds = run.clients, []float64{0.5}, 1
			o.Time, o.Warmup, o.Profile, o.Index = 20*time.Millisecond, 5*time.Millisecond, true, true
			check(t, bench.Run(t, folder, o), o)
		})
	}
}

// check fails the test unless the table, the JSON and the SVG have each scenario.
func check(t *testing.T, r bench.Report, o bench.Options) {
	t.Helper()
	var table bytes.Buffer
	must(t, r.Write(&table))
	must(t, r.Save(o.Folder))
	base := filepath.Join(o.Folder, "bench-"+o.Store+"-"+o.Transport)
	encoded, err := os.ReadFile(base + ".json")
	must(t, err)
	var read bench.Report
	must(t, json.Unmarshal(encoded, &read))
	if profile, err := os.Stat(base + ".pprof"); err != nil || profile.Size() == 0 {
		t.Errorf("there is no profile: %v", err)
	}
	plot, err := os.ReadFile(base + ".svg")
	must(t, err)
	lines := 0
	for d := xml.NewDecoder(bytes.NewReader(plot)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "polyline" {
			lines++
		}
	}
	if want := len(bench.Scenarios()); lines < want {
		t.Errorf("the plot has %d lines, want %d:\n%s", lines, want, plot)
	}
	for _, name := range bench.Scenarios() {
		if !strings.Contains(table.String(), name) {
			t.Errorf("the table has no %s:\n%s", name, &table)
		}
		for _, loop := range []string{"closed", "open"} {
			i := slices.IndexFunc(read.Rows, func(r bench.Row) bool { return r.Scenario == name && r.Loop == loop })
			if i < 0 || read.Rows[i].PerSecond <= 0 || read.Rows[i].Contender != "Cicerone" ||
				read.Rows[i].P99 == nil || *read.Rows[i].P99 <= 0 {
				t.Errorf("the JSON has no %s in a loop that is %s:\n%s", name, loop, encoded)
			}
		}
	}
	compared := func(with string) bool {
		return slices.ContainsFunc(read.Rows, func(r bench.Row) bool { return r.Contender == with && r.Ratio != nil && *r.Ratio > 0 })
	}
	if raw := compared("raw insert"); raw != (o.Store == "sqlite") {
		t.Errorf("there are raw inserts: %t", raw)
	}
	if floor := compared("floor"); floor != (o.Store == "postgres" && !strings.HasPrefix(read.Database, "PostgreSQL 13")) {
		t.Errorf("there is a floor: %t", floor)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
