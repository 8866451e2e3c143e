package edge

import (
	"container/list"
	"math"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Limits are the limits of requests. The zero value sets no limits.
type Limits struct {
	Anonymous Rate // of one address, for requests that are not signed in; an IPv6 /64 counts as one address
	User      Rate // of one user
	Admission Admission
	Exports   ExportLimits
	Streams   StreamLimits
	Lanes     Lanes
	Bodies    BodyLimits
}

// ExportLimits are the limits of exports, which take long and hold memory while they run.
type ExportLimits struct {
	PerUser int // exports of one user that run at the same time; 0 means no limit
	AtOnce  int // exports that run at the same time; 0 means no limit

	// A client that reads fewer than MinRate bytes per second, over the time Over in which the
	// server waits for it, is cut off. If one of the two is 0, a client may take any time.
	MinRate int64
	Over    time.Duration
}

// StreamLimits are the limits of streams of events.
type StreamLimits struct {
	PerUser int // streams of one user that are open; 0 means no limit
	AtOnce  int // streams that are open; 0 means no limit

	// Longest is how long a stream lasts at most, and at least half as long. Then its client connects
	// again, so that the streams spread over the servers that there are. 0 means no limit.
	Longest time.Duration

	// WriteTime is how long a client may take to receive what the server sends, before it is cut off. 0
	// means any time.
	WriteTime time.Duration
}

// Rate is a limit of the number of requests.
type Rate struct {
	PerSecond float64 // the average rate; 0 means no limit
	Burst     int     // the number of requests without a pause; 0 means as many as in one second
}

// DefaultLimits returns limits that are high enough for people and their programs, and stop floods. Its
// Admission is off: it is [DefaultAdmission] with a Most of 0.
func DefaultLimits() Limits {
	admission := DefaultAdmission(runtime.GOMAXPROCS(0))
	admission.Most = 0
	return Limits{
		Anonymous: Rate{PerSecond: 20, Burst: 200},
		User:      Rate{PerSecond: 50, Burst: 500},
		Admission: admission,
		Exports:   ExportLimits{PerUser: 1, AtOnce: 4, MinRate: 50_000, Over: time.Minute},
		Streams:   StreamLimits{PerUser: 5, AtOnce: 5000, Longest: time.Hour, WriteTime: 10 * time.Second},
		Lanes:     DefaultLanes(runtime.GOMAXPROCS(0)),
		Bodies:    BodyLimits{Total: 64 << 20, Reserve: 32 << 20, PerCaller: 16 << 20, MinRate: 16_000, Over: 10 * time.Second},
	}
}

// ErrTooManyRequests is returned for a request over a limit. Its RetryAfter is the time until the
// next request can be admitted.
var ErrTooManyRequests = fault.New(fault.TooManyRequests, "too_many_requests", "too many requests: slow down")

// network returns the key under which an address is limited: an IPv4 address in its usual form, or
// the /64 network of an IPv6 address, in which a client can choose its address.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = normal(ip); ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}

// limiter has a bucket of requests for each key.
type limiter[K comparable] struct {
	rate Rate

	mu     sync.Mutex
	byKey  map[K]*list.Element // the elements of recent
	recent list.List           // of *keyedBucket[K], the most recently used first
}

type keyedBucket[K comparable] struct {
	key    K
	bucket *rate.Limiter
}

// maxBuckets is the greatest number of buckets of a limiter. When it is reached, the least recently
// used bucket is dropped, and its key starts with a full bucket.
const maxBuckets = 10_000

// newLimiter returns nil if the rate has no limit.
func newLimiter[K comparable](r Rate) *limiter[K] {
	if r.PerSecond <= 0 {
		return nil
	}
	if r.Burst <= 0 {
		r.Burst = int(math.Ceil(r.PerSecond))
	}
	return &limiter[K]{rate: r, byKey: map[K]*list.Element{}}
}

// admit takes one request from the bucket of the key, or returns ErrTooManyRequests if the bucket
// is empty. A nil limiter admits everything.
func (l *limiter[K]) admit(key K) error {
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

func (l *limiter[K]) bucket(key K) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.byKey[key]; ok {
		l.recent.MoveToFront(known)
		return known.Value.(*keyedBucket[K]).bucket
	}
	if l.recent.Len() >= maxBuckets {
		oldest := l.recent.Back()
		delete(l.byKey, l.recent.Remove(oldest).(*keyedBucket[K]).key)
	}
	b := &keyedBucket[K]{key, rate.NewLimiter(rate.Limit(l.rate.PerSecond), l.rate.Burst)}
	l.byKey[key] = l.recent.PushFront(b)
	return b.bucket
}
