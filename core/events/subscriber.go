package events

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Subscriber handles events in the host program. Of all processes that run a relay with a
// subscriber of one name over one store, one at a time handles its events.
type Subscriber struct {
	// Name identifies the subscriber in the store, and stays the same across versions of the
	// program. It has 1 to MaxName characters of a-z, 0-9, ".", "_" and "-".
	Name string

	// Types are the types of events that the subscriber handles; none means all of them.
	Types []Type

	// FromOldest makes a new subscriber begin with the oldest event that remains, as
	// Policy.FromOldest does for all.
	FromOldest bool

	// Handle handles an event. The relay calls it for one event after another, in the order of their
	// positions, at least once for each: again if it returns an error or panics, and also if the
	// process ends before the relay has stored that it succeeded. A later event waits until Handle
	// succeeds or the event is set aside. Unless TryFor is set, an event is not set aside for errors
	// of the kind fault.Unavailable, which say that Handle may succeed later. ctx ends after
	// Policy.HandleTime, and Handle returns soon after that. One of Handle and Prepare is set.
	Handle func(ctx context.Context, e Event) error

	// Prepare takes the place of Handle for a subscriber that reads what many events need at once. It
	// is called with the events that come next, 1 to Policy.Batch, in the order of their positions,
	// and returns a function that handles each of them as Handle would. The relay calls this function
	// for the events in their order. If one fails, it drops the function, and before the next attempt
	// it calls Prepare again, for that event and those after it. An event that is tried again after it
	// was set aside is prepared alone. What Prepare reads was stored after all of the events, but may
	// lack what handling them changes. Prepare itself changes nothing.
	//
	// If Prepare returns an error or panics, it is called for the first event alone, and only if that
	// fails, too, has the event failed. An error of the kind fault.Unavailable is one of the first event
	// immediately. The context ends after Policy.HandleTime.
	Prepare func(ctx context.Context, batch []Event) (handle func(ctx context.Context, e Event) error, err error)

	// TryFor keeps an event that is not so old yet from being set aside after Policy.MaxTries
	// attempts: it is tried until it is, and then set aside after every error. It is for a subscriber
	// that gives up on another server that is down for so long. It is not negative; 0 means that
	// MaxTries alone counts, except for errors of the kind fault.Unavailable.
	TryFor time.Duration

	// joined is called in place of Handle, for the events that were deferred for the subscriber, in
	// the unit of work that stores that it has handled them. It is nil unless Later has set it.
	joined func(ctx context.Context, tx RelayTx, e Event) error
}

// Source returns subscribers that are known only while the program runs, such as those that an admin
// adds. The same units of work add and drop their subscriptions, because the relay does neither. A
// Source is asked every second, and is safe for concurrent use. A name that it has dropped is not
// used again.
type Source func(ctx context.Context) ([]Subscriber, error)

// MaxSourced is the maximum number of subscribers of a Source.
const MaxSourced = 1000

// wants returns the event that the subscriber has to handle for e, and reports whether there is one.
func (s Subscriber) wants(e Event) (Event, bool) {
	d, deferred := e.Data.(Deferred)
	if s.joined != nil {
		return d.event(), deferred && d.Subscriber == s.Name
	}
	return e, e.Type != TypeDeferred && (len(s.Types) == 0 || slices.Contains(s.Types, e.Type))
}

// CheckSubscribers adds an error to f for each subscriber that has no valid name, the name of
// another one, an unknown type or no function.
func CheckSubscribers(f *fault.Fields, subscribers []Subscriber) {
	named := map[string]bool{}
	for i, s := range subscribers {
		handles := s.Handle != nil || s.Prepare != nil || s.joined != nil
		check(f, fmt.Sprintf("Subscribers[%d]", i), s.Name, s.Types, handles, named)
		f.Check(s.Handle == nil || s.Prepare == nil, fmt.Sprintf("Subscribers[%d].Prepare", i), "must be nil beside Handle")
		f.Check(s.TryFor >= 0, fmt.Sprintf("Subscribers[%d].TryFor", i), "must not be negative")
	}
}

// check checks one subscriber, and adds its name to named.
func check(f *fault.Fields, field, name string, types []Type, handles bool, named map[string]bool) {
	f.Check(ValidName(name), field+".Name", fmt.Sprintf(`must have 1 to %d characters of a-z, 0-9, ".", "_" and "-"`, MaxName))
	f.Check(!named[name], field+".Name", "must not be the name of another subscriber")
	named[name] = true
	for _, t := range types {
		f.Check(t.Valid(), field+".Types", "must be types of events")
	}
	f.Check(handles, field+".Handle", "must not be nil")
}

// ValidName reports whether a subscriber may have a name.
func ValidName(name string) bool {
	return name != "" && len(name) <= MaxName && !strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789._-", r)
	})
}
