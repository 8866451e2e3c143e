package bench

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// sample is the result of one measurement.
type sample struct {
	latencies []time.Duration // in ascending order
	took      time.Duration
	usage     usage // of CPU, meanwhile
}

// perSecond returns the throughput.
func (s sample) perSecond() float64 { return float64(len(s.latencies)) / s.took.Seconds() }

// quantile returns the latency that a part q of all operations did not exceed.
func (s sample) quantile(q float64) time.Duration {
	if len(s.latencies) == 0 {
		return 0
	}
	return s.latencies[max(int(math.Ceil(q*float64(len(s.latencies))))-1, 0)]
}

// tally is the result of one client. Its latencies are bounded by the time of the measurement.
type tally struct {
	latencies []time.Duration
	refused   int
	err       error // the first refusal
}

// maxRefused is how many refusals of a client end its measurement.
const maxRefused = 10

// refuse counts an error, and reports whether the client has to stop.
func (y *tally) refuse(err error) bool {
	y.refused++
	y.err = cmp.Or(y.err, err)
	return y.refused >= maxRefused
}

// gather joins the results of all clients. A measurement with refusals is an error: it would have
// measured how fast the server refuses.
func gather(tallies []tally, took time.Duration, u usage) (sample, error) {
	s := sample{took: took, usage: u}
	refused := 0
	var first error
	for _, y := range tallies {
		s.latencies = append(s.latencies, y.latencies...)
		refused += y.refused
		first = cmp.Or(first, y.err)
	}
	if refused > 0 {
		return s, fmt.Errorf("%d of %d operations failed, the first with: %w", refused, refused+len(s.latencies), first)
	}
	if len(s.latencies) == 0 {
		return s, errors.New("no operation ended while the clock ran")
	}
	slices.Sort(s.latencies)
	return s, nil
}

// The phases of a closed loop.
const (
	warming int32 = iota
	measuring
	ended
)

// meter returns the CPU time that was used up to now.
type meter func() (usage, error)

// closed lets each client do one operation after the other. It measures those that end within the
// given time after the warm-up, or the first ones after that time, if they take longer.
func closed(clients []*client, do func(*client) error, warmup, span time.Duration, used meter) (sample, error) {
	var phase, done, gone atomic.Int32 // operations that were measured, and clients that were refused too often
	tallies := make([]tally, len(clients))
	var all sync.WaitGroup
	for n, c := range clients {
		all.Go(func() {
			for y := &tallies[n]; phase.Load() != ended; {
				begun := time.Now()
				err := do(c)
				if err != nil && y.refuse(err) {
					gone.Add(1)
					return
				}
				if err == nil && phase.Load() == measuring {
					y.latencies = append(y.latencies, time.Since(begun))
					done.Add(1)
				}
			}
		})
	}
	time.Sleep(warmup)
	before, err := used()
	begun := time.Now()
	phase.Store(measuring)
	for time.Sleep(span); done.Load() == 0 && int(gone.Load()) < len(clients) && time.Since(begun) < patience; {
		time.Sleep(time.Millisecond)
	}
	phase.Store(ended)
	took := time.Since(begun)
	after, err2 := used()
	all.Wait()
	if err := errors.Join(err, err2); err != nil {
		return sample{}, err
	}
	return gather(tallies, took, after.since(before))
}

// open starts operations at the moments of a Poisson process with a rate per second, whether or not
// the earlier ones have ended. An operation begins when a client is free, but its latency counts
// from its moment, so that the wait behind slow operations is measured, too. It measures those
// whose moment lies within the given time after the warm-up.
func open(
	clients []*client, do func(*client) error, rate float64, warmup, span time.Duration, used meter,
) (sample, error) {
	moments := schedule(rate, warmup, span)
	var next atomic.Int64
	tallies := make([]tally, len(clients))
	begun := time.Now()
	var all sync.WaitGroup
	for n, c := range clients {
		all.Go(func() {
			for y := &tallies[n]; ; {
				i := int(next.Add(1)) - 1
				if i >= len(moments) {
					return
				}
				at := begun.Add(moments[i])
				time.Sleep(time.Until(at))
				err := do(c)
				if err != nil && y.refuse(err) {
					return
				}
				if err == nil && moments[i] >= warmup {
					y.latencies = append(y.latencies, time.Since(at))
				}
			}
		})
	}
	time.Sleep(warmup)
	before, err := used()
	all.Wait()
	took := time.Since(begun) - warmup
	after, err2 := used()
	if err := errors.Join(err, err2); err != nil {
		return sample{}, err
	}
	return gather(tallies, max(took, span), after.since(before))
}

// schedule returns the moments of a Poisson process, with at least one after the warm-up.
func schedule(rate float64, warmup, span time.Duration) (moments []time.Duration) {
	r := random(4, 0)
	for at := 0.0; ; {
		at += r.ExpFloat64() / rate
		moment := time.Duration(at * float64(time.Second))
		if moment >= warmup+span && len(moments) > 0 && moments[len(moments)-1] >= warmup {
			return moments
		}
		moments = append(moments, moment)
	}
}
