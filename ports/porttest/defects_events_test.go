package porttest_test

import (
	"context"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/ports"
)

// eventDefects lists adapters that break one promise about events each.
var eventDefects = []defect{
	{name: "numbers the newest event first", plant: numbering(newestFirst{}),
		fails: []string{"events/events get positions in the order in which they were added",
			"events/an event that waits is numbered before many that were added later",
			"events/concurrent units, numberings and readers lose no event"}},
	{name: "counts positions from the events that are there", plant: numbering(forgetsHighest{}),
		fails: []string{"events/no position is given twice, also after all events are gone"}},
	{name: "reads the event at the position again", plant: ofEvents(func(r events.Repository) events.Repository { return readsAgain{r} }),
		fails: []string{"events/pages of events hold each once"}},
	{name: "loses the second event of a unit", plant: ofEvents(func(r events.Repository) events.Repository { return addsOne{r} }),
		fails: []string{"events/events get positions in the order in which they were added"}},
	{name: "loses the events of a unit after the hundredth", plant: ofEvents(func(r events.Repository) events.Repository { return addsFew{r} }),
		fails: []string{"events/the events of a large unit are numbered in parts"}},
	{name: "keeps the events of a unit to itself until its end", plant: ofEvents(func(r events.Repository) events.Repository { return &hidesAdded{Repository: r} }),
		fails: []string{"events/a unit sees the events that it has added"}},
	{name: "skips an event that is numbered late", plant: ofEvents(func(r events.Repository) events.Repository { return skipsLate{r} }),
		fails: []string{"events/an event that is committed late is not missed"}},
	{name: "trims beyond the position", plant: ofEvents(func(r events.Repository) events.Repository { return trimsMore{r} }),
		fails: []string{"events/events are trimmed up to a position, the lowest first"}},
	{name: "trims nothing if the first events are set aside", plant: ofEvents(func(r events.Repository) events.Repository { return trimsPage{r} }),
		fails: []string{"subscriptions/an event that is set aside is not trimmed"}},
	{name: "trims an event that is set aside", plant: handing(trimsAside),
		fails: []string{"subscriptions/an event that is set aside is not trimmed"}},
	{name: "gives a lease to everyone", plant: ofSubscriptions(func(s events.Subscriptions) events.Subscriptions { return leasesAll{s} }),
		fails: []string{"subscriptions/one process at a time has a lease", "subscriptions/of concurrent processes, one gets a lease"}},
	{name: "does not ask who has the lease", plant: ofSubscriptions(func(s events.Subscriptions) events.Subscriptions { return anyHolder{s} }),
		fails: []string{"subscriptions/only the holder of a lease moves a subscription"}},
	{name: "moves a subscription from any position", plant: ofSubscriptions(func(s events.Subscriptions) events.Subscriptions { return anyPosition{s} }),
		fails: []string{"subscriptions/a subscription moves from a position once",
			"subscriptions/only the holder of a lease moves a subscription"}},
	{name: "sets an event aside and stays", plant: ofSubscriptions(func(s events.Subscriptions) events.Subscriptions { return stays{s} }),
		fails: []string{"subscriptions/an event is set aside with the position"}},
	{name: "switches a subscription from any state", plant: ofSubscriptions(func(s events.Subscriptions) events.Subscriptions { return anyState{s} }),
		fails: []string{"subscriptions/a subscription is switched from a state once"}},
	{name: "begins a subscription that is active", plant: ofSubscriptions(func(s events.Subscriptions) events.Subscriptions { return beginsAgain{s} }),
		fails: []string{"subscriptions/a subscription that is not active begins at a position"}},
	{name: "retries an event twice", plant: ofSubscriptions(func(s events.Subscriptions) events.Subscriptions { return retriesAgain{s} }),
		fails: []string{"subscriptions/an event that is set aside is tried again once"}},
	{name: "subscribes a name twice", plant: ofSubscriptions(func(s events.Subscriptions) events.Subscriptions { return resubscribes{s} }),
		fails: []string{"subscriptions/a subscription is added once"}},
	{name: "drops the subscriptions with a prefix", plant: ofSubscriptions(func(s events.Subscriptions) events.Subscriptions { return dropsAll{s} }),
		fails: []string{"subscriptions/a subscription is dropped with what it has set aside"}},
}

func init() { defects = append(defects, eventDefects...) }

func ofEvents(replace func(events.Repository) events.Repository) plant {
	return handing(func(_ *memory.Store, b *broken) { b.events = replace(b.Tx.Events()) })
}

func ofSubscriptions(replace func(events.Subscriptions) events.Subscriptions) plant {
	return handing(func(_ *memory.Store, b *broken) { b.subscribers = replace(b.Tx.Subscriptions()) })
}

// numberer gives positions to events of the outbox.
type numberer interface {
	number(ctx context.Context, tx ports.Tx, limit int) (int, error)
}

// numbering returns a plant of stores that number events in another way.
func numbering(n numberer) plant {
	return handing(func(_ *memory.Store, b *broken) { b.events = numbers{b.Tx.Events(), b.Tx, n} })
}

type numbers struct {
	events.Repository
	tx ports.Tx
	n  numberer
}

func (r numbers) Number(ctx context.Context, limit int) (int, error) {
	return r.n.number(ctx, r.tx, limit)
}

// newestFirst empties the outbox, and adds what it took again, in the opposite order.
type newestFirst struct{}

func (newestFirst) number(ctx context.Context, tx ports.Tx, limit int) (int, error) {
	waiting, err := tx.Rows().Read(ctx, ports.Outbox, nil, 1000)
	if err != nil || len(waiting) == 0 || limit == 0 {
		return 0, err
	}
	if _, err := tx.Events().Number(ctx, 1000); err != nil {
		return 0, err
	}
	b, err := tx.Events().Backlog(ctx)
	if err != nil {
		return 0, err
	}
	taken, err := tx.Events().After(ctx, b.Highest-int64(len(waiting)), 1000)
	if err != nil {
		return 0, err
	}
	for _, e := range taken {
		if _, err := tx.Events().Trim(ctx, e.Position, 1); err != nil {
			return 0, err
		}
	}
	slices.Reverse(taken)
	for _, e := range taken {
		if err := tx.Events().Add(ctx, e.Event); err != nil {
			return 0, err
		}
	}
	return tx.Events().Number(ctx, limit)
}

// forgetsHighest gives positions above that of the last event that is there.
type forgetsHighest struct{}

func (forgetsHighest) number(ctx context.Context, tx ports.Tx, limit int) (int, error) {
	there, err := tx.Events().After(ctx, 0, 1000)
	if err != nil {
		return 0, err
	}
	waiting, err := tx.Rows().Read(ctx, ports.Outbox, nil, limit)
	if err != nil {
		return 0, err
	}
	last := int64(0)
	for _, e := range there {
		last = e.Position
	}
	for i, row := range waiting {
		numbered := append(ports.Row{last + int64(i) + 1}, row...)
		if err := tx.Rows().Write(ctx, ports.Events, []ports.Row{numbered}); err != nil {
			return 0, err
		}
	}
	return len(waiting), nil
}

type readsAgain struct{ events.Repository }

func (r readsAgain) After(ctx context.Context, position int64, limit int) ([]events.Numbered, error) {
	return r.Repository.After(ctx, max(position-1, 0), limit)
}

type addsOne struct{ events.Repository }

func (r addsOne) Add(ctx context.Context, all ...events.Event) error {
	return r.Repository.Add(ctx, all[:1]...)
}

// skipsLate shows a reader no event that is older than others with a lower position, as a store
// that orders events by a number that they get before the commit.
type skipsLate struct{ events.Repository }

func (r skipsLate) After(ctx context.Context, position int64, limit int) ([]events.Numbered, error) {
	before, err := r.Repository.After(ctx, 0, 10000)
	if err != nil {
		return nil, err
	}
	found, err := r.Repository.After(ctx, position, limit)
	return slices.DeleteFunc(found, func(e events.Numbered) bool {
		return slices.ContainsFunc(before, func(b events.Numbered) bool {
			return b.Position < e.Position && b.ID.Compare(e.ID) < 0 && b.Position > position-2
		})
	}), err
}

type trimsMore struct{ events.Repository }

func (r trimsMore) Trim(ctx context.Context, upTo int64, limit int) (int, error) {
	return r.Repository.Trim(ctx, upTo+1, limit)
}

// trimsPage trims only among the first events.
type trimsPage struct{ events.Repository }

func (r trimsPage) Trim(ctx context.Context, upTo int64, limit int) (int, error) {
	page, err := r.After(ctx, 0, limit)
	if err != nil || len(page) == 0 {
		return 0, err
	}
	return r.Repository.Trim(ctx, min(upTo, page[len(page)-1].Position), limit)
}

// trimsAside drops the events that were set aside before it trims.
func trimsAside(_ *memory.Store, b *broken) { b.events = dropsAside{b.Tx.Events(), b.Tx} }

type dropsAside struct {
	events.Repository
	tx ports.Tx
}

func (r dropsAside) Trim(ctx context.Context, upTo int64, limit int) (int, error) {
	if err := r.tx.Subscriptions().Drop(ctx, "mail"); err != nil {
		return 0, err
	}
	return r.Repository.Trim(ctx, upTo, limit)
}

type leasesAll struct{ events.Subscriptions }

func (s leasesAll) Lease(ctx context.Context, name, holder string, now, until time.Time) (events.Subscription, bool, error) {
	return s.Subscriptions.Lease(ctx, name, holder, now.Add(24*time.Hour), until)
}

type anyHolder struct{ events.Subscriptions }

func (s anyHolder) Advance(ctx context.Context, l events.Lease, to int64) (bool, error) {
	if there, err := s.Subscription(ctx, l.Name); err == nil {
		l.Holder = there.Holder
	}
	return s.Subscriptions.Advance(ctx, l, to)
}

type anyPosition struct{ events.Subscriptions }

func (s anyPosition) Advance(ctx context.Context, l events.Lease, to int64) (bool, error) {
	if there, err := s.Subscription(ctx, l.Name); err == nil {
		l.Position = there.Position
	}
	return s.Subscriptions.Advance(ctx, l, to)
}

type stays struct{ events.Subscriptions }

func (s stays) SetAside(ctx context.Context, l events.Lease, e events.SetAside) (bool, error) {
	done, err := s.Subscriptions.SetAside(ctx, l, e)
	if done {
		l.Position, e.Position = e.Position, l.Position
		return s.Advance(ctx, l, e.Position)
	}
	return done, err
}

type anyState struct{ events.Subscriptions }

func (s anyState) Switch(ctx context.Context, name string, from, to events.State, at time.Time) (bool, error) {
	if there, err := s.Subscription(ctx, name); err == nil {
		from = there.State
	}
	return s.Subscriptions.Switch(ctx, name, from, to, at)
}

type beginsAgain struct{ events.Subscriptions }

func (s beginsAgain) Begin(ctx context.Context, name string, position int64, at time.Time) (bool, error) {
	if _, err := s.Switch(ctx, name, events.Active, events.Off, at); err != nil {
		return false, err
	}
	return s.Subscriptions.Begin(ctx, name, position, at)
}

type retriesAgain struct{ events.Subscriptions }

func (s retriesAgain) Retry(ctx context.Context, place events.AsidePlace) (bool, error) {
	marked, err := s.Subscriptions.Retry(ctx, place)
	if marked || err != nil {
		return marked, err
	}
	there, err := s.Aside(ctx, events.AsideFilter{Subscriber: place.Subscriber}, nil, 100)
	return slices.ContainsFunc(there, func(e events.SetAside) bool { return e.Place() == place }), err
}

type resubscribes struct{ events.Subscriptions }

func (s resubscribes) Subscribe(ctx context.Context, sub events.Subscription) (bool, error) {
	if err := s.Drop(ctx, sub.Name); err != nil {
		return false, err
	}
	return s.Subscriptions.Subscribe(ctx, sub)
}

// dropsAll drops every subscription whose name begins with that of another.
type dropsAll struct{ events.Subscriptions }

func (s dropsAll) Drop(ctx context.Context, name string) error {
	if err := s.Subscriptions.Drop(ctx, name+"-2"); err != nil {
		return err
	}
	return s.Subscriptions.Drop(ctx, name)
}

type addsFew struct{ events.Repository }

func (r addsFew) Add(ctx context.Context, all ...events.Event) error {
	return r.Repository.Add(ctx, all[:min(len(all), 100)]...)
}

type hidesAdded struct {
	events.Repository
	added bool
}

func (r *hidesAdded) Add(ctx context.Context, all ...events.Event) error {
	r.added = true
	return r.Repository.Add(ctx, all...)
}

func (r *hidesAdded) Backlog(ctx context.Context) (events.Backlog, error) {
	if r.added {
		return events.Backlog{}, nil
	}
	return r.Repository.Backlog(ctx)
}
