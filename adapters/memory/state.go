package memory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/tidwall/btree"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/page"
)

// state is everything that the store holds. Copies share the rows in its trees: to change a row,
// replace it by a changed copy.
type state struct {
	idempotencyTables
	tokenTables
	userTables
	sessionTables
	moderationTables
	profileTables
	messageTables
	reservationTables
	grantTables
	triesTables
	secondFactorTables
	eventTables
	notificationTables
	webhookTables
	markTables
}

// copy returns an independent copy of the state.
func (s *state) copy() *state {
	return &state{
		idempotencyTables:  s.idempotencyTables.copy(),
		tokenTables:        s.tokenTables.copy(),
		userTables:         s.userTables.copy(),
		sessionTables:      s.sessionTables.copy(),
		moderationTables:   s.moderationTables.copy(),
		profileTables:      s.profileTables.copy(),
		messageTables:      s.messageTables.copy(),
		reservationTables:  s.reservationTables.copy(),
		grantTables:        s.grantTables.copy(),
		triesTables:        s.triesTables.copy(),
		secondFactorTables: s.secondFactorTables.copy(),
		eventTables:        s.eventTables.copy(),
		notificationTables: s.notificationTables.copy(),
		webhookTables:      s.webhookTables.copy(),
		markTables:         s.markTables.copy(),
	}
}

// tree is an ordered map. The functions below encode its keys, so that their bytes sort like the
// values.
type tree[V any] struct{ m btree.Map[string, V] }

// index is a tree that only orders the rows of another tree. Its keys end in an identifier.
type index = tree[struct{}]

// copy is fast: nodes are shared until one of the two trees changes them.
func (t *tree[V]) copy() tree[V] { return tree[V]{*t.m.Copy()} }

func (t *tree[V]) get(key string) (V, bool) { return t.m.Get(key) }
func (t *tree[V]) put(key string, v V)      { t.m.Set(key, v) }
func (t *tree[V]) drop(key string)          { t.m.Delete(key) }
func (t *tree[V]) len() int                 { return t.m.Len() }

func (t *tree[V]) has(key string) bool {
	_, found := t.m.Get(key)
	return found
}

// ascend yields the values with keys that begin with prefix and are greater than after, which may
// be "".
func (t *tree[V]) ascend(prefix, after string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		t.m.Ascend(max(prefix, after), func(key string, v V) bool {
			if len(key) < len(prefix) || key[:len(prefix)] != prefix {
				return false
			}
			return key == after || yield(key, v)
		})
	}
}

// descend yields the values in descending order: those with keys less than before, or all if before
// is "".
func (t *tree[V]) descend(prefix, before string) iter.Seq2[string, V] {
	pivot := before
	if pivot == "" {
		pivot = prefix + beyond
	}
	return func(yield func(string, V) bool) {
		t.m.Descend(pivot, func(key string, v V) bool {
			if len(key) < len(prefix) || key[:len(prefix)] != prefix {
				return false
			}
			return key == before || yield(key, v)
		})
	}
}

// beyond is greater than any suffix of a key after a prefix: at most a time and two identifiers.
var beyond = strings.Repeat("\xff", 40)

// Parts of keys. All but text have a fixed length; text cannot contain NUL, and ends with one.

func idKey(id [16]byte) string       { return string(id[:]) }
func textKey(s string) string        { return s + "\x00" }
func timeKey(t time.Time) string     { return intKey(t.UnixMilli()) }
func momentKey(m page.Moment) string { return timeKey(m.At) + idKey(m.ID) }

func intKey(n int64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n)^1<<63) // #nosec G115 -- the sign bit is flipped, so that bytes sort like numbers
	return string(b[:])
}

// lastID returns the identifier at the end of a key.
func lastID(key string) [16]byte { return [16]byte([]byte(key[len(key)-16:])) }

// newest returns a page of the keys of an index with a prefix, in descending order of time, and
// oldest in ascending order. load returns the item of an identifier, or false to leave it out.
func newest[T any](ix *index, prefix string, after *page.Moment, limit int, load func(id [16]byte) (T, bool)) []T {
	return collect(ix.descend(prefix, place(prefix, after)), limit, load)
}

func oldest[T any](ix *index, prefix string, after *page.Moment, limit int, load func(id [16]byte) (T, bool)) []T {
	return collect(ix.ascend(prefix, place(prefix, after)), limit, load)
}

func place(prefix string, after *page.Moment) string {
	if after == nil {
		return ""
	}
	return prefix + momentKey(*after)
}

func collect[T any](keys iter.Seq2[string, struct{}], limit int, load func(id [16]byte) (T, bool)) []T {
	var items []T
	if limit <= 0 {
		return items
	}
	for key := range keys {
		if item, ok := load(lastID(key)); ok {
			items = append(items, item)
		}
		if len(items) == limit {
			break
		}
	}
	return items
}

// The errors for rows that break a rule. They end the unit: the methods that expect a duplicate
// report it in their result.
var (
	errTaken    = errors.New("exists already")
	errNoTarget = errors.New("does not exist")
	errRule     = errors.New("breaks a rule of the store")
)

func taken(what string) error    { return fmt.Errorf("%s %w", what, errTaken) }
func noTarget(what string) error { return fmt.Errorf("%s %w", what, errNoTarget) }
func broken(rule string) error   { return fmt.Errorf("%w: %s", errRule, rule) }

func notFound(what string) error { return fmt.Errorf("%s: %w", what, fault.NotFound) }
