package bench

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// sample is the result of one measurement.
type sample struct {
	latencies []time.Duration // in ascending order
	busy      []time.Duration // of the requests that a server under overload refused, in ascending order
	took      time.Duration
	usage     usage // of CPU, meanwhile
}

// perSecond returns the throughput.
func (s sample) perSecond() float64 { return float64(len(s.latencies)) / s.took.Seconds() }

// quantile returns the latency that a part q of all operations did not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}

// tally is the result of one client. Its latencies are bounded by the time of the measurement.
type tally struct {
	latencies []time.Duration
	busy      []time.Duration
	refused   int
	err       error // the first refusal
}

// note counts an operation that ended, after a time, with an error or nil, and reports whether the
// client has to stop. A server may be busy if that is measured.
func (y *tally) note(took, answered time.Duration, err error, measured, mayBeBusy bool) (stop bool) {
	switch {
	case mayBeBusy && isBusy(err):
		if measured {
			y.busy = append(y.busy, answered)
		}
	case err != nil:
		return y.refuse(err)
	case measured:
		y.latencies = append(y.latencies, took)
	}
	return false
}

// isBusy reports whether an error is the answer of a server under overload.
func isBusy(err error) bool {
	if r, ok := errors.AsType[refusal](err); ok {
		return r.status == http.StatusServiceUnavailable && strings.Contains(r.body, `"code":"busy"`)
	}
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetReason() == "busy" {
			return true
		}
	}
	return false
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
		s.busy = append(s.busy, y.busy...)
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
	slices.Sort(s.busy)
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
// A server may be busy if that is measured, too.
func closed(
	clients []*client, do func(*client) error, warmup, span time.Duration, mayBeBusy bool, used meter,
) (sample, error) {
	var phase, done, gone atomic.Int32 // operations that were measured, and clients that were refused too often
	tallies := make([]tally, len(clients))
	var all sync.WaitGroup
	for n, c := range clients {
		all.Go(func() {
			for y := &tallies[n]; phase.Load() != ended; {
				begun := time.Now()
				err := do(c)
				took, measured := time.Since(begun), phase.Load() == measuring
				if y.note(took, took, err, measured, mayBeBusy) {
					gone.Add(1)
					return
				}
				if err == nil && measured {
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
	clients []*client, do func(*client) error, rate float64, warmup, span time.Duration, mayBeBusy bool, used meter,
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
				sent := time.Now()
				err := do(c)
				if y.note(time.Since(at), time.Since(sent), err, moments[i] >= warmup, mayBeBusy) {
					return
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
