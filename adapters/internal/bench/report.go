package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is the result of a benchmark. Its JSON is a file.
type Report struct {
	Began     time.Time `json:"began"`
	System    string    `json:"system"` // operating system and architecture
	Go        string    `json:"go"`
	Processor string    `json:"processor,omitempty"`
	Cores     int       `json:"cores"`
	Apart     int       `json:"cores_of_servers,omitempty"` // if the generator has none of them
	Store     string    `json:"store"`
	Database  string    `json:"database,omitempty"` // its version
	Transport string    `json:"transport"`
	Size      Size      `json:"size"`
	Talks     int       `json:"conversations"`
	Loading   float64   `json:"loading_seconds"`
	Rounds    int       `json:"rounds"`
	Seconds   float64   `json:"seconds_each"`
	Rows      []Row     `json:"rows"`
}

// Row is what was measured of one contender in one scenario. Times are in microseconds.
type Row struct {
	Scenario  string    `json:"scenario"`
	Contender string    `json:"contender"`
	Transport string    `json:"transport"`
	Loop      string    `json:"loop"` // closed or open
	Clients   int       `json:"clients"`
	Offered   float64   `json:"offered_per_second,omitempty"` // the rate of an open loop
	PerSecond float64   `json:"per_second"`                   // the median of the rounds
	Rounds    []float64 `json:"rounds"`                       // of each round
	Count     int       `json:"operations"`                   // in all rounds

	// The medians of the rounds. pgbench does not tell its latencies.
	P50 *float64 `json:"p50,omitempty"`
	P95 *float64 `json:"p95,omitempty"`
	P99 *float64 `json:"p99,omitempty"`

	// What a server under overload refused: how many in a second, and their 99th percentile.
	Refused    float64  `json:"refused_per_second,omitempty"`
	RefusedP99 *float64 `json:"refused_p99,omitempty"`

	// CPU time of an operation, in all rounds. That of the generator is not part of the others.
	Server    *float64 `json:"cpu_server,omitempty"`
	DB        *float64 `json:"cpu_database,omitempty"`
	Generator *float64 `json:"cpu_generator,omitempty"`

	MemoryBytes int64 `json:"memory_bytes,omitempty"` // of the server, at the end

	// What Cicerone does, divided by what this contender does.
	Ratio    *float64 `json:"cicerone_throughput_ratio,omitempty"`
	CPURatio *float64 `json:"cicerone_cpu_ratio,omitempty"`
}

func newReport(o Options, s store, w *town, loading time.Duration) Report {
	database := s.version
	if o.Single {
		database += " without group commit"
	}
	apart := 0
	if o.Apart {
		apart = s.cores.count()
	}
	return Report{
		Began: time.Now().UTC(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Processor: processor(),
		Cores: runtime.NumCPU(), Apart: apart,
		Store: s.kind, Database: database, Transport: o.Transport, Size: o.Size, Talks: len(w.talks), Loading: loading.Seconds(),
		Rounds: o.Rounds, Seconds: o.Time.Seconds(),
	}
}

// processor returns the name of the processor, or "".
func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(b), "model name")
	line, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(strings.TrimLeft(line, "\t :"))
}

// row makes the row of a contender.
func (one *turn) row(s scenario, clients int, rate float64, transport string) Row {
	r := Row{
		Scenario: s.name, Contender: one.name, Transport: transport, Loop: "closed", Clients: clients, Offered: rate,
		PerSecond: median(one.rates), Rounds: one.rates, Count: int(one.count),
	}
	if one.name != cicerone {
		r.Transport = "http"
	}
	if one.run != nil {
		r.Transport = "sql"
	}
	if rate > 0 {
		r.Loop = "open"
	}
	if len(one.samples) > 0 {
		of := func(read func(sample) float64) float64 {
			var all []float64
			for _, s := range one.samples {
				all = append(all, read(s))
			}
			return median(all)
		}
		micro := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
		at := func(q float64) *float64 {
			return new(of(func(s sample) float64 { return micro(quantile(s.latencies, q)) }))
		}
		r.P50, r.P95, r.P99 = at(0.5), at(0.95), at(0.99)
		if r.Refused = of(func(s sample) float64 { return float64(len(s.busy)) / s.took.Seconds() }); r.Refused > 0 {
			r.RefusedP99 = new(of(func(s sample) float64 { return micro(quantile(s.busy, 0.99)) }))
		}
	}
	each := func(d time.Duration) *float64 {
		if d < 0 {
			return nil
		}
		return new(float64(d) / float64(time.Microsecond) / one.count)
	}
	r.Server, r.DB, r.Generator = each(one.used.server), each(one.used.database), each(one.used.generator)
	return r
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	half := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[half-1] + sorted[half]) / 2
	}
	return sorted[half]
}

// compare fills in the ratios of rows that were measured in turns, of which the first is
// Cicerone's.
func compare(rows []Row) {
	ours := rows[0]
	for i := range rows[1:] {
		r := &rows[i+1]
		if r.Loop == "closed" { // the throughput of an open loop is what was offered
			r.Ratio = new(ours.PerSecond / r.PerSecond)
		}
		if mine, theirs := ours.cpu(), r.cpu(); mine > 0 && theirs > 0 {
			r.CPURatio = new(mine / theirs)
		}
	}
}

// cpu returns the CPU time of an operation, of server and database, or 0 if one of them is not known.
// pgbench has no server.
func (r Row) cpu() float64 {
	switch {
	case r.DB == nil, r.Server == nil && r.Transport != "sql":
		return 0
	case r.Server == nil:
		return *r.DB
	}
	return *r.Server + *r.DB
}

// String returns a line for the log.
func (r Row) String() string {
	at := fmt.Sprintf("%d clients", r.Clients)
	if r.Offered > 0 {
		at = fmt.Sprintf("at %.0f/s", r.Offered)
	}
	return fmt.Sprintf("%-15s %-10s %-10s %9.1f/s", r.Scenario, at, r.Contender, r.PerSecond)
}

// Write writes the table for people.
func (r Report) Write(out io.Writer) error {
	fmt.Fprintf(out, "%s %s, %s, %d cores (%s)\n", r.System, r.Go, r.Began.Format(time.DateTime), r.Cores, r.Processor)
	if r.Apart > 0 {
		fmt.Fprintf(out, "servers and database have %d of the cores, the generator has the others\n", r.Apart)
	}
	fmt.Fprintf(out, "store %s %s, %s, %d people, %d messages in %d conversations, loaded in %.1f s; %d rounds of %v s\n",
		r.Store, r.Database, r.Transport, r.Size.People, r.Size.Messages, r.Talks, r.Loading, r.Rounds, r.Seconds)
	fmt.Fprintln(out, "latencies in ms; CPU in µs an operation; × is what Cicerone does, divided by what the line does")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nscenario\tclients\t\t/s\t×\tp50\tp95\tp99\trefused /s\tp99\tCPU server\tdatabase\t×\tMB\t")
	for _, row := range r.Rows {
		clients := fmt.Sprint(row.Clients)
		if row.Loop == "open" {
			clients = fmt.Sprintf("%.0f/s", row.Offered)
		}
		cells := []string{
			row.Scenario, clients, row.Contender, figure(&row.PerSecond, 1), figure(row.Ratio, 1),
			figure(row.P50, 1000), figure(row.P95, 1000), figure(row.P99, 1000), figure(&row.Refused, 1), figure(row.RefusedP99, 1000),
			figure(row.Server, 1), figure(row.DB, 1), figure(row.CPURatio, 1), figure(new(float64(row.MemoryBytes)), 1<<20),
		}
		fmt.Fprintln(w, strings.Join(cells, "\t")+"\t")
	}
	return w.Flush()
}

// figure returns a number in a unit with three digits, or – if it is not known.
func figure(n *float64, unit float64) string {
	switch {
	case n == nil || *n == 0:
		return "–"
	case *n/unit >= 100:
		return fmt.Sprintf("%.0f", *n/unit)
	case *n/unit >= 10:
		return fmt.Sprintf("%.1f", *n/unit)
	}
	return fmt.Sprintf("%.2f", *n/unit)
}

// Save writes the JSON and the plot into a folder.
func (r Report) Save(folder string) error {
	err := os.MkdirAll(folder, 0o750)
	if err != nil {
		return err
	}
	encoded, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, r.name("json")), append(encoded, '\n'), 0o600); err != nil {
		return err
	}
	plot, err := os.Create(filepath.Join(folder, r.name("svg")))
	if err != nil {
		return err
	}
	return errors.Join(r.plot(plot), plot.Close())
}

// name returns the name of a file of the report.
func (r Report) name(extension string) string { return fileName(r.Store, r.Transport, extension) }

// fileName returns the name of a file about a kind of store and a transport.
func fileName(store, transport, extension string) string {
	return "bench-" + store + "-" + transport + "." + extension
}
