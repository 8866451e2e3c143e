package edge

import (
	"math"
	"time"
)

// tuner finds the number of requests that may run at once, from how long they take. A lane calls
// its methods one at a time.
//
// It is the gradient of Netflix's concurrency-limits (github.com/Netflix/concurrency-limits, class
// GradientLimit): the limit is multiplied by what a request may take and divided by what it takes
// now. What it takes without load is measured for each operation, so that another mix of operations
// is no change, while few requests run; under a load that does not end, the limit is lowered for
// that for some milliseconds. As in CoDel (RFC 8289), there is overload only if the queue has not
// drained for an interval: a burst that passes is none. An overload is over when few requests were
// refused in a while, and the queue has drained. That it is empty at a moment is not enough: requests
// that end together, like messages that share a commit, leave it empty although others are on their
// way in, and so do clients that pause. That some are refused does not keep the overload up: its
// shorter queue refuses some of any burst. A longer pause ends it, too.
//
// failsafe-go's adaptivelimiter, which is kept well, does not fit. It moves its limit by
// one or so each second, compares all operations with one average, which the overload itself moves,
// and has a queue of its own, in which callers do not take turns.
type tuner struct {
	Admission
	quiet int // so many requests are no load

	limit   float64
	least   map[string]*average // how long operations take without load, in seconds
	seen    time.Time           // when a request without load was last seen
	calm    time.Time           // when no more than quiet were running
	drained time.Time           // the last time that nobody waited
	busy    time.Time           // the last time that more than quiet were running, or somebody waited
	over    bool                // there is overload
	since   time.Time           // when it began, or when it was last decided whether it goes on
	begun   int                 // requests that began to run since then
	refused int                 // requests that were refused since then
	probed  time.Time           // when the last probe began
	before  float64             // the limit before a probe that runs; 0 if none runs
	cut     time.Time           // when the limit was lowered; requests that began before tell nothing

	// Since the window began:
	began     time.Time
	most      int     // that ran
	samples   int     // of requests that ended
	took, may float64 // of those, in seconds, and what they may take
}

type average struct {
	value float64
	count int
}

const (
	tunerWindow   = 20 * time.Millisecond
	tunerSamples  = 32                     // the least in a window
	tunerInterval = 500 * time.Millisecond // in which the queue does not drain, before that is an overload
	tunerOver     = time.Second            // how often it is decided whether an overload goes on
	tunerRefused  = 8                      // it goes on if more than one of so many requests were refused
	tunerIdle     = 250 * time.Millisecond // without load, which ends it, too
	tunerProbe    = 5 * time.Second        // the most that it has not seen a request without load
	tunerRetry    = time.Second            // between probes if it has never seen one
	tunerProbed   = 32                     // the samples of a probe
	tunerProbing  = 250 * time.Millisecond // the longest probe
	tunerMemory   = 128                    // requests that an average remembers
	tunerOld      = 8                      // of those, when a probe begins
	tunerDecay    = 0.75                   // of what a window tells, in the next one
	tunerGrowth   = 1.25                   // the most in a window under load
)

func newTuner(a Admission) *tuner {
	return &tuner{Admission: a, quiet: max(1, a.Least/4), limit: float64(a.Most), least: map[string]*average{}}
}

// ended tells that a request of an operation was served, after it ran for a time. among is how many
// ran when it began. How many ran later must not matter: long requests are seldom alone.
func (t *tuner) ended(operation string, began time.Time, took time.Duration, among int) {
	usual := t.least[operation]
	seconds := took.Seconds()
	if among <= t.quiet {
		if usual == nil {
			usual = &average{}
			t.least[operation] = usual
		}
		usual.count = min(usual.count+1, tunerMemory)
		usual.value += (seconds - usual.value) / float64(usual.count)
		t.seen = began.Add(took)
	}
	if began.Before(t.cut) {
		return
	}
	t.samples++
	if usual != nil {
		t.took += seconds
		t.may += usual.value * t.slowdown(operation)
	}
}

// tune returns how many requests may run, and how many may wait, now that so many do.
func (t *tuner) tune(now time.Time, running, waiting int) (atOnce, queue int) {
	if waiting == 0 {
		t.drained = now
	}
	if t.over {
		if now.Sub(t.since) >= tunerOver {
			t.over = t.refused*tunerRefused > t.refused+t.begun || now.Sub(t.drained) >= tunerInterval
			t.since, t.refused, t.begun = now, 0, 0
		}
		t.over = t.over && now.Sub(t.busy) < tunerIdle
		if !t.over && t.before == 0 {
			t.next(now)
		}
	} else if now.Sub(t.drained) >= tunerInterval {
		t.over = true
		t.since, t.refused, t.begun = now, 0, 0
	}
	if running > t.quiet || waiting > 0 {
		t.busy = now
	}
	if t.before > 0 && (t.samples >= tunerProbed || now.Sub(t.began) >= tunerProbing) {
		t.limit, t.before = t.before, 0
		if t.over { // without overload the limit rises below, for the time of the probe
			t.next(now)
		}
	}
	if running <= t.quiet && t.before == 0 {
		t.calm = now
	}
	t.most = max(t.most, running)
	passed := now.Sub(t.began)
	switch {
	case t.before > 0 || passed < tunerWindow: // the probe or the window goes on
	case !t.over && !t.calm.Before(t.began):
		t.limit = min(t.limit*math.Exp2(passed.Seconds()/tunerWindow.Seconds()), float64(t.Most))
		t.next(now)
	case !t.over && now.Sub(t.calm) < tunerInterval || t.samples < tunerSamples: // so does the window
	case now.Sub(t.probed) >= tunerRetry && (t.may == 0 || now.Sub(t.calm) >= tunerProbe && now.Sub(t.seen) >= tunerProbe):
		t.before, t.limit = t.limit, float64(t.quiet)
		t.probed, t.cut = now, now
		for _, usual := range t.least {
			usual.count = min(usual.count, tunerOld)
		}
		t.next(now)
	default:
		t.slope(now)
		t.next(now)
	}
	atOnce = max(int(t.limit), 1)
	if !t.over {
		return atOnce, t.Queue
	}
	return atOnce, min(max((atOnce+1)/2, int(t.before)), t.Queue)
}

// slope sets the limit at the end of a window under load.
func (t *tuner) slope(now time.Time) {
	if t.may == 0 {
		return
	}
	switch gradient := t.may / t.took; {
	case gradient < 1:
		t.limit = max(min(t.limit, float64(t.most))*max(gradient, 0.1), float64(t.Least))
		if gradient < 0.5 {
			t.cut, t.took, t.may = now, 0, 0
		}
	case float64(t.most) >= math.Floor(t.limit):
		t.limit = min(t.limit*min(gradient, tunerGrowth), float64(t.Most))
	}
}

// next begins a window.
func (t *tuner) next(now time.Time) {
	t.began, t.most, t.samples = now, 0, 0
	t.took, t.may = t.took*tunerDecay, t.may*tunerDecay
}
