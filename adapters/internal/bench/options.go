package bench

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options say what is measured.
type Options struct {
	Store     string        // memory, sqlite, sqlite:PATH, postgres or mongodb
	Single    bool          // each send and move has a transaction of its own; for postgres and mongodb
	Transport string        // http or grpc
	Size      Size          // of the data
	Clients   []int         // the numbers of clients of the closed loop, ascending
	Loads     []float64     // the rates of the open loop, as parts of what the server can do
	Scenarios []string      // their names
	Rounds    int           // how often the contenders take turns
	Time      time.Duration // of one measurement
	Warmup    time.Duration // before it
	Overload  bool          // whether the server with and without admission is compared, and may refuse
	Apart     bool          // the generator has half of the cores, and the servers and the database the others
	Index     bool          // the server answers searches for people from memory
	Cost      int           // of hashing a password
	Folder    string        // where the JSON and the SVG are written
	Profile   bool          // a CPU profile of the measured server is written there, too
	Log       io.Writer     // tells what is done
}

// maxTime bounds a measurement, which keeps every latency.
const maxTime = 10 * time.Minute

// maxClients bounds the clients, each of which has talkers of its own.
const maxClients = 256

// DefaultOptions returns the options of a benchmark of a few minutes.
func DefaultOptions() Options {
	return Options{
		Store: "postgres", Transport: "http", Size: sizes["moderate"], Clients: []int{1, 8, 32}, Loads: []float64{0.5, 0.8},
		Scenarios: Scenarios(), Rounds: 3, Time: time.Second, Warmup: 200 * time.Millisecond, Cost: 4, Log: io.Discard,
	}
}

// Define defines a flag for each option.
func (o *Options) Define(flags *flag.FlagSet) {
	flags.StringVar(&o.Store, "store", o.Store, "`store` of the server: memory, sqlite, sqlite:PATH, postgres or mongodb")
	flags.BoolVar(&o.Single, "no-group-commit", o.Single, "let no messages share a commit of PostgreSQL or MongoDB")
	flags.StringVar(&o.Transport, "transport", o.Transport, "`protocol` of the clients: http or grpc")
	flags.Var(&o.Size, "size", "size of the data: tiny, moderate, full, or `PEOPLE,INTERESTS,MESSAGES`")
	flags.Func("clients", "`numbers` of concurrent clients, like 1,8,32", func(s string) (err error) {
		o.Clients, err = numbers(s, strconv.Atoi)
		return err
	})
	const loads = "`rates` of the open loop, as parts of what the server did with the closed one, like 0.5,0.8; 0 for none"
	flags.Func("loads", loads, func(s string) (err error) {
		o.Loads, err = numbers(s, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
		o.Loads = slices.DeleteFunc(o.Loads, func(load float64) bool { return load == 0 })
		return err
	})
	flags.Func("scenarios", "`names` of what is measured, of "+strings.Join(Scenarios(), ", "), func(s string) error {
		o.Scenarios = strings.Split(s, ",")
		return nil
	})
	flags.IntVar(&o.Rounds, "rounds", o.Rounds, "`number` of rounds, in each of which the contenders take turns")
	flags.DurationVar(&o.Time, "time", o.Time, "`duration` of a measurement")
	flags.DurationVar(&o.Warmup, "warmup", o.Warmup, "`duration` of the warm-up before it")
	flags.BoolVar(&o.Overload, "overload", o.Overload, "compare the server with and without admission, with -loads above 1, on a database; it may refuse requests")
	flags.BoolVar(&o.Apart, "apart", o.Apart, "give half of the cores to the generator, and the others to the servers and the database")
	flags.BoolVar(&o.Index, "match-index", o.Index, "let the server answer searches for people from memory, on any store")
	flags.IntVar(&o.Cost, "bcrypt-cost", o.Cost, "`cost` of hashing a password, 4 to 31")
	flags.StringVar(&o.Folder, "out", o.Folder, "`folder` for the JSON and the SVG")
	flags.BoolVar(&o.Profile, "profile", o.Profile, "write a CPU profile of the measured server there, too, for go tool pprof")
}

// profile returns the name of the file of the profile of a server on a kind of store.
func (o Options) profile(store string) string {
	return filepath.Join(o.Folder, fileName(store, o.Transport, "pprof"))
}

// numbers parses numbers that are separated by commas.
func numbers[N any](s string, parse func(string) (N, error)) (all []N, err error) {
	for part := range strings.SplitSeq(s, ",") {
		n, err := parse(part)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

// check returns an error if an option is out of its range.
func (o Options) check() error {
	kind, path, _ := strings.Cut(o.Store, ":")
	var errs []error
	fail := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fail(!slices.Contains([]string{"memory", "sqlite", "postgres", "mongodb"}, kind) || path != "" && kind != "sqlite",
		"-store is %q, want memory, sqlite, sqlite:PATH, postgres or mongodb", o.Store)
	fail(o.Single && kind != "postgres" && kind != "mongodb", "-no-group-commit is for -store postgres or mongodb")
	fail(o.Overload && (kind == "memory" || kind == "sqlite"), "-overload needs a store that two servers can open")
	fail(o.Transport != "http" && o.Transport != "grpc", "-transport is %q, want http or grpc", o.Transport)
	fail(len(o.Clients) == 0 || !slices.IsSorted(o.Clients) || o.Clients[0] < 1 || o.Clients[len(o.Clients)-1] > maxClients,
		"-clients are %d, want ascending numbers from 1 to %d", o.Clients, maxClients)
	for _, load := range o.Loads {
		fail(!(load > 0 && load <= 10), "-loads has %v, want at most 10", load)
	}
	for _, name := range o.Scenarios {
		fail(!slices.Contains(Scenarios(), name), "-scenarios has %q, want some of %s", name, strings.Join(Scenarios(), ", "))
	}
	fail(o.Rounds < 1 || o.Rounds > 100, "-rounds is %d, want 1 to 100", o.Rounds)
	fail(o.Time < 10*time.Millisecond || o.Time > maxTime, "-time is %v, want 10ms to %v", o.Time, maxTime)
	fail(o.Warmup < 0 || o.Warmup > maxTime, "-warmup is %v, want at most %v", o.Warmup, maxTime)
	fail(o.Profile && o.Folder == "", "-profile needs -out")
	fail(o.Profile && o.Overload, "-profile is of one server, and -overload measures two")
	return errors.Join(errs...)
}
