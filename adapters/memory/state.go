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

// state is everything that the store holds. The rows in its trees are shared between copies: to change
// one, put a changed copy in its place.
type state struct {
	idempotencyTables
	tokenTables
	userTables
	sessionTables
	moderationTables
	profileTables
	messageTables
	reservationTables
	markTables
}

// copy gives a state that can be changed without a trace in this one, and this one without a trace in it.
func (s *state) copy() *state {
	return &state{
		idempotencyTables: s.idempotencyTables.copy(),
		tokenTables:       s.tokenTables.copy(),
		userTables:        s.userTables.copy(),
		sessionTables:     s.sessionTables.copy(),
		moderationTables:  s.moderationTables.copy(),
		profileTables:     s.profileTables.copy(),
		messageTables:     s.messageTables.copy(),
		reservationTables: s.reservationTables.copy(),
		markTables:        s.markTables.copy(),
	}
}

// tree is an ordered map. Its keys are put together by the functions below so that their bytes sort as
// what they were made of.
type tree[V any] struct{ m btree.Map[string, V] }

// index is a tree that only orders what stands in another; its keys end in an identifier.
type index = tree[struct{}]

// copy takes no time to speak of: nodes are shared until one of the two trees changes them.
func (t *tree[V]) copy() tree[V] { return tree[V]{*t.m.Copy()} }

func (t *tree[V]) get(key string) (V, bool) { return t.m.Get(key) }
func (t *tree[V]) put(key string, v V)      { t.m.Set(key, v) }
func (t *tree[V]) drop(key string)          { t.m.Delete(key) }
func (t *tree[V]) len() int                 { return t.m.Len() }

func (t *tree[V]) has(key string) bool {
	_, found := t.m.Get(key)
	return found
}

// ascend yields what has a key that begins with prefix and is above after, which may be "".
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

// descend is ascend backwards: below before, or from the last where it is "".
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

// beyond is more than what follows a prefix in any index: at most a time and two identifiers.
var beyond = strings.Repeat("\xff", 40)

// Parts of keys. All but text have one length; text, which cannot hold NUL, ends in one.

func idKey(id [16]byte) string       { return string(id[:]) }
func textKey(s string) string        { return s + "\x00" }
func timeKey(t time.Time) string     { return intKey(t.UnixMilli()) }
func momentKey(m page.Moment) string { return timeKey(m.At) + idKey(m.ID) }

func intKey(n int64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n)^1<<63) // #nosec G115 -- the sign is turned, so that bytes sort as numbers do
	return string(b[:])
}

// lastID is the identifier in which a key ends.
func lastID(key string) [16]byte { return [16]byte([]byte(key[len(key)-16:])) }

// newest pages backwards through the part of an index that a prefix names and time orders, and
// oldest forwards. Each item is what load makes of its identifier; where it says no, it is left out.
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

// What the tables refuse. These end the unit: a caller who can expect a duplicate is told in another way.
var (
	errTaken    = errors.New("is there already")
	errNoTarget = errors.New("refers to what is not there")
	errRule     = errors.New("breaks a rule of the store")
)

func taken(what string) error    { return fmt.Errorf("%s %w", what, errTaken) }
func noTarget(what string) error { return fmt.Errorf("%s %w", what, errNoTarget) }
func broken(rule string) error   { return fmt.Errorf("%w: %s", errRule, rule) }

func notFound(what string) error { return fmt.Errorf("%s: %w", what, fault.NotFound) }
