package bench

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func nothing() (usage, error) { return usage{}, nil }

// TestOpenLoop checks that a pause of the server is in the latencies of all operations that had to
// wait for it, which a closed loop would not have begun.
func TestOpenLoop(t *testing.T) {
	const rate, span, pause = 1000, 400 * time.Millisecond, 200 * time.Millisecond
	var server sync.Mutex
	first := true
	answer := func(*client) error {
		server.Lock()
		defer server.Unlock()
		if first {
			first = false
			time.Sleep(pause)
		}
		return nil
	}
	got, err := open([]*client{{}, {}}, answer, rate, 0, span, false, nothing)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.latencies); n < rate*4/10*8/10 || n > rate*4/10*12/10 {
		t.Errorf("%d operations, want about %v", n, rate*span.Seconds())
	}
	late := 0
	for _, l := range got.latencies {
		if l >= pause/2 {
			late++
		}
	}
	if want := int(rate * (pause / 2).Seconds()); late < want*7/10 {
		t.Errorf("%d operations waited for half of the pause or longer, want about %d", late, want)
	}
}

// TestClosedLoop checks that a closed loop counts what ends in its time, and that the first
// operation counts if none does.
func TestClosedLoop(t *testing.T) {
	for _, each := range []time.Duration{5 * time.Millisecond, 80 * time.Millisecond} {
		slow := func(*client) error { time.Sleep(each); return nil }
		got, err := closed([]*client{{}, {}}, slow, 10*time.Millisecond, 50*time.Millisecond, false, nothing)
		if err != nil {
			t.Fatal(err)
		}
		most := 2 * (got.took.Seconds()/each.Seconds() + 1)
		if n := len(got.latencies); n < 1 || float64(n) > most || got.latencies[0] < each || !slices.IsSorted(got.latencies) {
			t.Errorf("operations of %v: got %v within %v", each, got.latencies, got.took)
		}
	}
}

// TestRefusals checks that a measurement with a refusal is an error, which has the first one, and
// that it ends when there are many.
func TestRefusals(t *testing.T) {
	once := refusal{status: 503, body: "busy"}
	for name, drive := range map[string]func(do func(*client) error) (sample, error){
		"closed": func(do func(*client) error) (sample, error) {
			return closed([]*client{{}}, do, 0, time.Millisecond, false, nothing)
		},
		"open": func(do func(*client) error) (sample, error) {
			return open([]*client{{}}, do, 1e5, 0, time.Millisecond, false, nothing)
		},
	} {
		for _, times := range []int{1, 1_000_000} {
			calls := 0
			_, err := drive(func(*client) error {
				if calls++; calls <= times {
					return once
				}
				time.Sleep(10 * time.Microsecond)
				return nil
			})
			if !errors.Is(err, once) || !strings.Contains(err.Error(), "operations failed") {
				t.Errorf("%s: %d refusals: %v", name, times, err)
			}
			if times > 1 && calls != maxRefused {
				t.Errorf("%s: %d calls were refused, want %d", name, calls, maxRefused)
			}
		}
	}
}

func TestQuantiles(t *testing.T) {
	s := sample{took: time.Second}
	for n := range 200 {
		s.latencies = append(s.latencies, time.Duration(n+1))
	}
	for q, want := range map[float64]time.Duration{0.5: 100, 0.95: 190, 0.99: 198, 1: 200, 0: 1} {
		if got := quantile(s.latencies, q); got != want {
			t.Errorf("quantile %v: %d, want %d", q, got, want)
		}
	}
	if got := s.perSecond(); got != 200 {
		t.Errorf("%v a second, want 200", got)
	}
}

// TestTown checks that a town is the same each time, and popular as by Zipf's law.
func TestTown(t *testing.T) {
	const talkers = 16
	w, err := newTown(Size{5000, 200, 20_000}, talkers)
	if err != nil {
		t.Fatal(err)
	}
	again, err := newTown(w.Size, talkers)
	if err != nil || !slices.Equal(w.talks, again.talks) {
		t.Error("the second town differs from the first")
	}
	sum, pairs, locals, likes := 0, map[[2]int]bool{}, map[int]bool{}, make([]int, w.Interests)
	for n, c := range w.talks {
		pair := [2]int{c.voyager, c.local}
		if sum += c.messages; c.messages < 2 || pairs[pair] || c.voyager == c.local {
			t.Errorf("talk %d is %+v", n, c)
		}
		pairs[pair] = true
		if n < talkers {
			if c.voyager != n || c.messages < talked || locals[c.local] {
				t.Errorf("talk %d of a talker is %+v", n, c)
			}
			locals[c.local] = true
		}
	}
	if sum != w.Messages {
		t.Errorf("%d messages, want %d", sum, w.Messages)
	}
	here := 0
	for n := range w.People {
		has := w.interests(n)
		if slices.Sort(has); len(slices.Compact(has)) != picked {
			t.Errorf("person %d has the interests %d", n, has)
		}
		for _, i := range has {
			likes[i]++
		}
		if w.country(n) == country {
			here++
		}
	}
	if likes[0] < 5*likes[100] || likes[199] == 0 {
		t.Errorf("the interests have %d people", likes)
	}
	if here != w.People/countries {
		t.Errorf("%d people live in %s", here, country)
	}
	if _, err := newTown(Size{5000, 200, 100}, talkers); err == nil {
		t.Error("a town with too few messages was planned")
	}
}

func TestOptions(t *testing.T) {
	for _, change := range []func(o *Options){
		func(o *Options) { o.Store = "mysql" },
		func(o *Options) { o.Store = "postgres:path" },
		func(o *Options) { o.Store, o.Single = "sqlite", true },
		func(o *Options) { o.Transport = "https" },
		func(o *Options) { o.Clients = nil },
		func(o *Options) { o.Clients = []int{8, 1} },
		func(o *Options) { o.Clients = []int{maxClients + 1} },
		func(o *Options) { o.Loads = []float64{0} },
		func(o *Options) { o.Scenarios = []string{"sleep"} },
		func(o *Options) { o.Rounds = 0 },
		func(o *Options) { o.Time = time.Hour },
		func(o *Options) { o.Warmup = -1 },
	} {
		o := DefaultOptions()
		if err := o.check(); err != nil {
			t.Fatal(err)
		}
		if change(&o); o.check() == nil {
			t.Errorf("accepted: %+v", o)
		}
	}
	var s Size
	if s.Set("1,2") == nil || s.Set("huge") == nil || s.Set("7,8,9") != nil || s != (Size{7, 8, 9}) {
		t.Errorf("the size is %+v", s)
	}
	if err := s.Set("full"); err != nil || s != (Size{200_000, 200, 1_000_000}) {
		t.Errorf("the full size is %+v, %v", s, err)
	}
}
