package workload

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/ports"
)

// childJob is the environment variable that makes a test program a child. Its value is the child's
// job.
const childJob = "CICERONE_TEST_CHILD"

// Job is the work of a child process. Each of its clients continues after its last acknowledged
// command.
type Job struct {
	Store string // its address
	Admin id.User
	Pairs []community.Pair // one for each client; if it is empty, the child only opens the store
	Next  []int            // the number of each client's next command
}

// Opened is an open store with the services over it. Their units of work write the diary.
type Opened struct {
	*community.Community
	Storage ports.Storage
	Diary   Diary
}

// Main runs the test program as a child if a test has started it as one, and otherwise runs the
// tests. It is called by TestMain, and open opens the store of a job.
func Main(run func() int, open func(ctx context.Context, store string) (Opened, error)) {
	job := os.Getenv(childJob)
	if job == "" {
		os.Exit(run())
	}
	if err := runChild(job, open); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runChild(encoded string, open func(ctx context.Context, store string) (Opened, error)) error {
	var j Job
	if err := json.Unmarshal([]byte(encoded), &j); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	ctx := context.Background()
	o, err := open(ctx, j.Store)
	if err != nil {
		return err
	}
	if len(j.Pairs) == 0 {
		return o.Storage.Close(ctx)
	}
	failed := make(chan error, len(j.Pairs))
	defer Deliver(o.Storage, 10*time.Millisecond, tell, func(err error) { fmt.Fprintln(os.Stderr, err) })() // the parent misses its events
	var all sync.WaitGroup
	for n := range j.Pairs {
		all.Go(func() {
			failed <- live(ctx, &Client{Community: o.Community, Admin: j.Admin, Pair: j.Pairs[n], Number: n}, j.Next[n])
		})
	}
	return <-failed // only an error ends a client
}

// live runs commands, and writes a line after each to acknowledge it.
func live(ctx context.Context, c *Client, first int) error {
	for n := first; ; n++ {
		if err := c.Command(ctx, n); err != nil {
			return fmt.Errorf("client %d, command %d: %w", c.Number, n, err)
		}
		if _, err := fmt.Fprintf(os.Stdout, "%d %d\n", c.Number, n); err != nil {
			return err
		}
	}
}

// told begins the lines that tell an event.
const told = "event "

// tell handles an event: it writes a line.
func tell(_ context.Context, e events.Event) error {
	line, err := json.Marshal(written{e, events.Encode(e.Data)})
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(append([]byte(told), append(line, '\n')...)) // one write, because clients write concurrently
	return err
}

// written is an event in a line.
type written struct {
	events.Event
	Data string // hides that of the Event
}

// heard returns the event of a line, and reports whether the line has an event.
func heard(line []byte) (e events.Event, found bool, err error) {
	rest, found := bytes.CutPrefix(line, []byte(told))
	if !found {
		return e, false, nil
	}
	var w written
	if err := json.Unmarshal(rest, &w); err != nil {
		return e, true, fmt.Errorf("read an event: %w", err)
	}
	e = w.Event
	e.Data = events.Decode(w.Type, w.Version, w.Data)
	return e, true, nil
}
