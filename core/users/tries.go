package users

import (
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/text"
)

// Tries is a count of tries: of passwords, or of requests for a reset, for an address, from a
// network, or for an address from a network that it knows. Its hashes are HMACs under TryKey.
type Tries struct {
	Hash      SecretHash
	Subject   SecretHash // of the address, or of the network if the count is of no address: see DropTries
	Count     int64      // of those that were admitted, less those that were given back
	LastAt    time.Time  // of the latest one that was admitted; zero if there was none
	Told      bool       // the owner was told of them
	ExpiresAt time.Time  // from then on, the count is worth nothing
}

// TryKey is the name of the key with which a store hashes Tries.
const TryKey = "tries"

// limit says how many tries are admitted. The first free ones need no pause, each further one a pause
// after the one before, from first to longest. A count without a try within the window is forgotten.
type limit struct {
	free                   int
	first, longest, window time.Duration
}

const firstPause = time.Second

// guesses is the limit of wrong passwords.
func (p Policy) guesses() limit { return limit{p.MaxWrong, firstPause, p.MaxPause, p.CountWindow} }

// resets returns a limit of resets, of which none is admitted beyond the free ones.
func (p Policy) resets(free int) limit {
	return limit{free, p.CountWindow, p.CountWindow, p.CountWindow}
}

// admit counts a try now, or returns how long it has to wait.
func (l limit) admit(t *Tries, now time.Time) (wait time.Duration) {
	if !now.Before(t.LastAt.Add(l.window)) {
		t.Count, t.Told = 0, false
	}
	if over := t.Count - int64(l.free); over >= 0 {
		pause := l.pause(over)
		if wait = t.LastAt.Add(pause).Sub(now); wait > 0 {
			return min(wait, pause) // the clock of another server may be ahead
		}
	}
	t.Count++
	t.LastAt = now
	if ends := now.Add(l.window); ends.After(t.ExpiresAt) {
		t.ExpiresAt = ends
	}
	return 0
}

// pause returns the pause before a try of which over others were admitted beyond the free ones.
func (l limit) pause(over int64) time.Duration {
	pause := min(l.first, l.longest)
	for ; over > 0 && pause < l.longest; over-- {
		pause = min(2*pause, l.longest)
	}
	return pause
}

// The kinds of counts.
const (
	kindAddress  = "address" // the subject of the counts of an address
	kindPassword = "password"
	kindReset    = "reset"
)

// hashTries returns the HMAC of a kind of count with its address and its network, either of which may
// be absent.
func hashTries(key []byte, kind string, address text.Folded, network string) SecretHash {
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{kind, address.String(), network} {
		mac.Write([]byte(part))
		mac.Write([]byte{0})
	}
	return SecretHash(mac.Sum(nil))
}

// subjectOf returns the subject of all counts of an address.
func subjectOf(key []byte, address text.Folded) SecretHash {
	return hashTries(key, kindAddress, address, "")
}

// names are the counts of one kind that a try may belong to.
type names struct {
	address Tries
	network Tries // zero if the network is not known
	both    Tries // of an address that knows the network; zero likewise
}

func namesOf(key []byte, kind, email, network string) names {
	address := text.FoldAddress(email)
	named := func(subject SecretHash, address text.Folded, network string) Tries {
		return Tries{Hash: hashTries(key, kind, address, network), Subject: subject}
	}
	n := names{address: named(subjectOf(key, address), address, "")}
	if network != "" {
		n.network = named(hashTries(key, kind, text.Folded{}, network), text.Folded{}, network)
		n.both = named(n.address.Subject, address, network)
	}
	return n
}

// hashes returns the hashes of counts that are not zero.
func hashes(counts ...Tries) (all []SecretHash) {
	for _, t := range counts {
		if t.Hash != (SecretHash{}) {
			all = append(all, t.Hash)
		}
	}
	return all
}

// in returns the stored count with the hash of t, or t if there is none.
func (t Tries) in(stored []Tries) (found Tries, exists bool) {
	i := slices.IndexFunc(stored, func(s Tries) bool { return s.Hash == t.Hash })
	if i < 0 {
		return t, false
	}
	return stored[i], true
}
