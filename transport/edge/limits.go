package edge

import (
	"container/list"
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Limits bound how many requests are let in. The zero value limits nobody.
type Limits struct {
	Anonymous Rate // from one address, without signing in; all addresses of an IPv6 /64 count as one
	User      Rate // of one user
}

// Rate bounds requests.
type Rate struct {
	PerSecond float64 // in the long run; 0 for no limit
	Burst     int     // immediately one after the other; 0 for as many as come in a second
}

// DefaultLimits are enough for people and their programs, and stop floods.
func DefaultLimits() Limits {
	return Limits{
		Anonymous: Rate{PerSecond: 20, Burst: 200},
		User:      Rate{PerSecond: 50, Burst: 500},
	}
}

// ErrTooManyRequests refuses a request over a limit; its RetryAfter is the time until the next one
// may be let in.
var ErrTooManyRequests = fault.New(fault.TooManyRequests, "too_many_requests", "those were too many requests: slow down")

// network is what one client has: an address, or of IPv6 the /64 from which it can choose addresses.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	return netip.PrefixFrom(ip.WithZone(""), 64).Masked().String()
}

// limiter has a bucket of requests for each key.
type limiter struct {
	rate Rate

	mu     sync.Mutex
	byKey  map[string]*list.Element // of recent
	recent list.List                // of *keyedBucket, the last used first
}

type keyedBucket struct {
	key    string
	bucket *rate.Limiter
}

// maxBuckets bounds what a limiter remembers. When it is reached, the bucket that was used longest
// ago is dropped, and its key starts with a full one.
const maxBuckets = 10_000

// newLimiter returns nil for a rate without limit.
func newLimiter(r Rate) *limiter {
	if r.PerSecond <= 0 {
		return nil
	}
	if r.Burst <= 0 {
		r.Burst = int(math.Ceil(r.PerSecond))
	}
	return &limiter{rate: r, byKey: map[string]*list.Element{}}
}

// admit takes a request out of the bucket of the key. A nil limiter limits nothing.
func (l *limiter) admit(key string) error {
	if l == nil {
		return nil
	}
	bucket := l.bucket(key)
	if bucket.Allow() {
		return nil
	}
	refused := *ErrTooManyRequests
	missing := max(1-bucket.Tokens(), 0)
	refused.RetryAfter = max(time.Duration(missing/l.rate.PerSecond*float64(time.Second)), time.Millisecond)
	return &refused
}

func (l *limiter) bucket(key string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.byKey[key]; ok {
		l.recent.MoveToFront(known)
		return known.Value.(*keyedBucket).bucket
	}
	if l.recent.Len() >= maxBuckets {
		oldest := l.recent.Back()
		delete(l.byKey, l.recent.Remove(oldest).(*keyedBucket).key)
	}
	b := &keyedBucket{key, rate.NewLimiter(rate.Limit(l.rate.PerSecond), l.rate.Burst)}
	l.byKey[key] = l.recent.PushFront(b)
	return b.bucket
}
