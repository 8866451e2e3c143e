package histories

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/ports"
)

// history is one sequence of commands on two stores.
type history struct {
	*rapid.T
	ctx    context.Context
	cancel context.CancelFunc
	clock  *community.Clock
	sides  []*side // the reference first
	known  known
	number uint32 // of the current step

	commands, refused int // for the counts of Compare
}

// side is one of the two stores.
type side struct {
	name    string
	storage ports.Storage
	lanes   [lanes]*lane
}

func begin(r *rapid.T, reference, store Open) *history {
	h := &history{T: r, clock: community.NewClock()}
	h.ctx, h.cancel = context.WithTimeout(context.Background(), 5*time.Minute)
	for _, o := range []struct {
		name string
		open Open
	}{{"reference", reference}, {"store", store}} {
		storage, err := o.open()
		if err != nil {
			r.Fatalf("open the %s: %v", o.name, err)
		}
		s := &side{name: o.name, storage: storage}
		for i := range s.lanes {
			s.lanes[i] = newLane(storage, h.clock)
		}
		h.sides = append(h.sides, s)
	}
	h.populate()
	return h
}

func (h *history) end() {
	h.cancel()
	for _, s := range h.sides {
		if err := s.storage.Close(context.Background()); err != nil {
			h.Errorf("close the %s: %v", s.name, err)
		}
	}
}

// command is one call of a service. The answers of both stores are compared. learn records the
// parts of the answer that later commands need.
type command struct {
	name  string
	do    func(ctx context.Context, c *lane) (any, error)
	learn func(answer any)
}

// answer is the result of a command.
type answer struct {
	value any
	shown string // the value or the error, in a form that can be compared
	err   error
}

func (h *history) ask(s *side, n uint32, as uint32, c command) answer {
	l := s.lanes[n]
	l.ids.begin(h.number, as)
	value, err := c.do(h.ctx, l)
	return answer{value: value, shown: show(value, err), err: err}
}

// show returns an answer as text: the value, or the fault with its code and fields if it has them.
func show(value any, err error) string {
	if err != nil {
		if e, ok := errors.AsType[*fault.Error](err); ok {
			return fmt.Sprintf("%s %s %v", e.Kind, e.Code, e.Fields)
		}
		return string(fault.KindOf(err))
	}
	b, err := json.Marshal(value)
	if err != nil {
		return "cannot be shown: " + err.Error()
	}
	return strings.NewReplacer("[]", "null", "{}", "null").Replace(string(b)) // empty lists and maps may be nil
}

// run runs one command on both stores.
func (h *history) run(c command) answer {
	h.number++
	h.Logf("%d: %s", h.number, c.name)
	want, got := h.ask(h.sides[0], 0, 0, c), h.ask(h.sides[1], 0, 0, c)
	h.judge(c, want, got)
	return want
}

// together runs commands concurrently on each store. Their results must not depend on their order.
// If repeated is true, the commands are one command repeated with one idempotency key. All of them
// then generate the same identifiers, so that it does not matter which is first.
func (h *history) together(commands []command, repeated bool) {
	h.number++
	answers := make([][]answer, len(h.sides))
	for i, s := range h.sides {
		answers[i] = make([]answer, len(commands))
		var all sync.WaitGroup
		for n, c := range commands {
			as := uint32(n)
			if repeated {
				as = 0
			}
			all.Go(func() { answers[i][n] = h.ask(s, uint32(n), as, c) })
		}
		all.Wait()
	}
	for n, c := range commands {
		h.Logf("%d, concurrently: %s", h.number, c.name)
		h.judge(c, answers[0][n], answers[1][n])
	}
}

func (h *history) judge(c command, want, got answer) {
	h.commands++
	if want.shown != got.shown {
		h.Fatalf("%s:\nthe reference returned %s\nthe store returned     %s\n(%v; %v)",
			c.name, want.shown, got.shown, want.err, got.err)
	}
	if want.err != nil {
		h.refused++
	} else if c.learn != nil {
		c.learn(want.value)
	}
}

// compareRows compares all rows of the two stores.
func (h *history) compareRows() {
	want, got := h.dump(h.sides[0]), h.dump(h.sides[1])
	for _, table := range ports.Tables {
		w, g := want[table.Name], got[table.Name]
		for i := range max(len(w), len(g)) {
			if i >= len(w) || i >= len(g) || w[i] != g[i] {
				h.Fatalf("%s differs at row %d:\nthe reference has %s\nthe store has     %s", table.Name, i, at(w, i), at(g, i))
			}
		}
	}
}

func at(rows []string, i int) string {
	if i >= len(rows) {
		return "no such row"
	}
	return rows[i]
}

// audit checks that both stores follow the rules of core/README.md.
func (h *history) audit() {
	for _, s := range h.sides {
		v, err := s.lanes[0].Auditor.Audit(h.ctx)
		if err != nil {
			h.Fatalf("audit the %s: %v", s.name, err)
		}
		for _, broken := range v.Violations {
			h.Errorf("the %s breaks %s at %q: %s", s.name, broken.Rule, broken.Subject, broken.Detail)
		}
	}
}
