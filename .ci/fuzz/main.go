// Command fuzz runs every fuzz target of the module in the current folder, each for the same time
// and in one worker, and prints how many inputs each has tried and how many of them were new and
// interesting. With -keep, the targets go on from the inputs that they and `go test -fuzz` have
// found before, and these are kept. Otherwise they begin with those of the source.
//
//	fuzz -time 10s -jobs 2
//
// It exits with status 1 if a target failed, and if one that stands in the source did not run.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	duration := flag.Duration("time", 10*time.Second, "how long each target runs")
	jobs := flag.Int("jobs", runtime.GOMAXPROCS(0), "how many targets run at the same time")
	keep := flag.Bool("keep", false, "go on from the inputs that were found before, and keep the new ones")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, ".", settings{*duration, *jobs, *keep}, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

// settings say how the targets run.
type settings struct {
	duration time.Duration // of each target
	jobs     int           // how many run at the same time
	keep     bool          // whether the inputs that are found are kept
}

// run runs every target of the module in the folder.
func run(ctx context.Context, module string, s settings, out io.Writer) error {
	if s.duration <= 0 || s.jobs < 1 {
		return fmt.Errorf("a time of %v and %d jobs: both must be positive", s.duration, s.jobs)
	}
	packages, err := find(ctx, module)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "fuzz-")
	if err != nil {
		return fmt.Errorf("make a folder for the test binaries: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	found := filepath.Join(scratch, "found")
	if s.keep {
		cache, err := output(ctx, module, "go", "env", "GOCACHE")
		if err != nil {
			return err
		}
		found = filepath.Join(strings.TrimSpace(string(cache)), "fuzz") // as go test -fuzz does
	}
	var targets []target
	for _, p := range packages {
		built, err := p.build(ctx, scratch)
		if err != nil {
			return err
		}
		targets = append(targets, built...)
	}
	if failed := runAll(ctx, targets, s, found, out); failed > 0 {
		return fmt.Errorf("%d of %d targets failed", failed, len(targets))
	}
	return ctx.Err()
}
