package httpapi

import (
	"container/list"
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/ratelimit"
	"golang.org/x/time/rate"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Limits are how many requests are taken. The zero value is no limit.
type Limits struct {
	Anonymous Rate // from one address, by those who are not signed in
	User      Rate // of one user
}

// Rate bounds requests.
type Rate struct {
	PerSecond float64 // in the long run; 0 for no limit
	Burst     int     // at once; 0 for what comes in a second
}

// DefaultLimits lets people and their programs work, and stops floods.
func DefaultLimits() Limits {
	return Limits{
		Anonymous: Rate{PerSecond: 20, Burst: 200},
		User:      Rate{PerSecond: 50, Burst: 500},
	}
}

// ErrTooManyRequests is a caller over their limit; its RetryAfter says when the next request is taken.
var ErrTooManyRequests = fault.New(fault.TooManyRequests, "too_many_requests", "those were too many requests: slow down")

func (a *API) limitAddress(next endpoint.Endpoint) endpoint.Endpoint {
	return a.anonymous.limit(next, func(ctx context.Context) string {
		return network(a.clientAddress(kithttp.RequestFrom(ctx)))
	})
}

func (a *API) limitCaller(next endpoint.Endpoint) endpoint.Endpoint {
	return a.signedIn.limit(next, func(ctx context.Context) string {
		caller, _ := CallerFrom(ctx)
		return caller.UserID.String()
	})
}

// peerAddress is the address at the other end of the connection.
func peerAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// network is what one client has: an address, or of IPv6 the /64 that it can choose addresses from.
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
	recent list.List                // of *keyedBucket, last used first
}

type keyedBucket struct {
	key    string
	bucket *rate.Limiter
}

// maxBuckets bounds what a limiter remembers. Past it, who came longest ago is forgotten, and starts anew.
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

// limit holds an endpoint to the rate, by the key of each request. A nil limiter limits nothing.
func (l *limiter) limit(next endpoint.Endpoint, key func(context.Context) string) endpoint.Endpoint {
	if l == nil {
		return next
	}
	return func(ctx context.Context, request any) (any, error) {
		bucket := l.bucket(key(ctx))
		answer, err := ratelimit.NewErroringLimiter(bucket)(next)(ctx, request)
		if errors.Is(err, ratelimit.ErrLimited) {
			return nil, l.refusal(bucket)
		}
		return answer, err
	}
}

func (l *limiter) refusal(bucket *rate.Limiter) error {
	refused := *ErrTooManyRequests
	missing := max(1-bucket.Tokens(), 0)
	refused.RetryAfter = max(time.Duration(missing/l.rate.PerSecond*float64(time.Second)), time.Millisecond)
	return &refused
}
