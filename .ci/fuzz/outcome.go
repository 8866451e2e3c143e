package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// grace is how much longer than its time a target may take, to start and to end.
const grace = 2 * time.Minute

// outcome is the result of fuzzing one target.
type outcome struct {
	target
	tried       int // inputs, including those of the corpus
	interesting int // new ones among them
	corpus      int // inputs that are known now
	output      []byte
	err         error
}

// runAll runs the targets, some at the same time, and prints the outcome of each. They leave the
// inputs that they find in a folder. runAll returns how many targets failed.
func runAll(ctx context.Context, targets []target, s settings, found string, out io.Writer) (failed int) {
	queue, done := make(chan target), make(chan outcome)
	var workers sync.WaitGroup
	for range s.jobs {
		workers.Go(func() {
			for t := range queue {
				done <- t.run(ctx, s.duration, filepath.Join(found, filepath.FromSlash(t.path)))
			}
		})
	}
	go func() {
		for _, t := range targets {
			queue <- t
		}
		close(queue)
		workers.Wait()
		close(done)
	}()
	for o := range done {
		if o.err != nil {
			failed++
			fmt.Fprintf(out, "FAIL %s: %v\n%s", o.target, o.err, o.output)
			continue
		}
		fmt.Fprintf(out, "%9d inputs tried, %4d new and interesting, %4d known: %s\n", o.tried, o.interesting, o.corpus, o.target)
	}
	return failed
}

// run fuzzes the target with one worker. The error of the outcome is nil if the target ran without a
// failure.
func (t target) run(ctx context.Context, duration time.Duration, found string) outcome {
	ctx, cancel := context.WithTimeout(ctx, duration+grace)
	defer cancel()
	c := exec.CommandContext(ctx, t.binary, // #nosec G204 -- a test binary that go has built
		"-test.run=^$", "-test.fuzz=^"+t.name+"$", "-test.fuzztime="+duration.String(), "-test.fuzzminimizetime=1s",
		"-test.fuzzcachedir="+found, "-test.parallel=1")
	c.Dir = t.dir // where testdata is
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 10 * time.Second
	o := outcome{target: t}
	if o.output, o.err = c.CombinedOutput(); o.err == nil || late.Match(o.output) && ctx.Err() == nil {
		o.err = o.read()
	}
	return o
}

// late matches the output of a target that ended at its time, but failed because package testing
// saw that the time was over a moment before its context for the workers had ended.
var late = regexp.MustCompile(`\n--- FAIL: Fuzz\w+ \([0-9.]+s\)\n    context deadline exceeded\nFAIL\n$`)

// statistics matches the line that package testing prints every three seconds, and at the end.
var statistics = regexp.MustCompile(`(?m)^fuzz: elapsed: \w+, execs: (\d+) .*new interesting: (\d+) \(total: (\d+)\)$`)

// read reads the last statistics. It returns an error if the target has tried no more than its
// corpus.
func (o *outcome) read() error {
	all := statistics.FindAllSubmatch(bytes.TrimSpace(o.output), -1)
	if all == nil {
		return errors.New("it did not run, or had no time for more than its corpus")
	}
	for i, n := range []*int{&o.tried, &o.interesting, &o.corpus} {
		var err error
		if *n, err = strconv.Atoi(string(all[len(all)-1][i+1])); err != nil {
			return fmt.Errorf("read the statistics: %w", err)
		}
	}
	return nil
}
