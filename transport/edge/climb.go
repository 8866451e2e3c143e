package edge

import (
	"math"
	"time"
)

// climb finds how many requests must run, whatever they take, so that most are served. Requests that
// share a commit are cheaper in company: if fewer of them run, each takes more of the database, and
// fewer are served, although each takes less time. And on a machine that others use, a request
// mostly waits for a core. How long requests take tells neither.
//
// It tries two limits in turn and compares what is served: whether the higher one serves more, by
// more than climbPays of the part by which it is higher. When an overload begins, the two are the
// ends of what is allowed. After each comparison the higher one is lowered, or else the lower one
// raised, by a third of the way between them. When they are close, both are raised or lowered: by a
// little each time, as one comparison tells little (stochastic approximation).
type climb struct {
	limit   float64 // the lower of the two
	part    float64 // the higher one, divided by it
	moves   int     // comparisons since the two are close
	high    bool    // the higher one is tried
	began   time.Time
	settles bool  // the limit has changed, and what is served does not yet follow from it
	low     trial // of the lower limit
	now     trial
}

// trial is what was served during the trial of a limit.
type trial struct {
	ended  int     // requests
	work   float64 // of those, in seconds that they take without load
	limits float64 // that were in force, times the seconds in which they were
	took   float64 // seconds
}

const (
	climbPart    = 1.25 // of the lower limit is the higher one in the end
	climbPays    = 0.15 // of the part by which the limit is higher: what must be served more
	climbStep    = 0.2  // how far the limits move first if twice the limit serves twice as much
	climbLast    = 0.05 // how far in the end
	climbFew     = 50   // requests in a trial, at least; the closer the limits are, the more it takes
	climbMany    = 400
	climbTrial   = 100 * time.Millisecond
	climbLongest = 5 * time.Second // if a trial has fewer requests then, it tells nothing
)

// begin begins with the ends of what is allowed.
func (c *climb) begin(now time.Time, least, most float64) {
	c.limit, c.part, c.moves = least, max(most/least, climbPart), 0
	c.try(now, false)
}

// ended tells that a request was served that takes so many seconds without load.
func (c *climb) ended(usual float64) {
	c.now.ended++
	c.now.work += usual
}

// least returns the limit that is tried now, which is 1 to most. limit was in force for some
// seconds, until now.
func (c *climb) least(now time.Time, seconds, limit, least, most float64) float64 {
	c.now.limits += limit * seconds
	c.now.took += seconds
	enough := min(max(100/square(math.Log(c.part)), climbFew), climbMany)
	switch tried := now.Sub(c.began); {
	case tried >= climbLongest:
		c.try(now, false)
	case c.settles:
		c.settles, c.began, c.now = false, now, trial{}
	case tried < climbTrial || float64(c.now.ended) < enough:
	case c.high:
		c.compare()
		c.try(now, false)
	default:
		c.low = c.now
		c.try(now, true)
	}
	c.limit = min(max(c.limit, least), most)
	if c.high {
		return min(c.limit*c.part, most)
	}
	return c.limit
}

func square(x float64) float64 { return x * x }

// try begins a trial of one of the limits.
func (c *climb) try(now time.Time, high bool) {
	c.began, c.high, c.settles, c.now = now, high, true, trial{}
}

// compare moves the limits after both were tried. More requests than they may have run, if these
// took no longer than they may.
func (c *climb) compare() {
	low, high := c.low.limits/c.low.took, c.now.limits/c.now.took
	gain := 1.0
	if part := high / low; part > 1.1 && c.low.work > 0 {
		served := (c.now.work / c.now.took) / (c.low.work / c.low.took)
		gain = min(max(math.Log(served)/math.Log(part), -1), 1)
	}
	if c.part == climbPart {
		c.moves++
		c.limit = low * math.Exp(max(climbStep/float64(c.moves), climbLast)*(gain-climbPays))
		return
	}
	third := math.Cbrt(c.part)
	if gain > climbPays {
		c.limit *= third
	}
	c.part = max(c.part/third, climbPart)
}
