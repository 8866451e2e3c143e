package mongodb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
)

// ErrInUse is a store that others use, where Options.Exclusive wants it alone, or one that is used alone by another.
var ErrInUse = errors.New("the store is in use")

// How a store that is open says so. What is compared is compared by the server's clock, but for held.
const (
	beatEvery = 4 * time.Second
	heldFor   = 10 * time.Second // since the last beat was sent: after that it may be over, and a unit asks before it begins
	goneAfter = 15 * time.Second // without a beat
	beatTime  = 5 * time.Second  // for one command about all this
)

// presence is the document of servers that says that this store is open. There are two kinds: many share a store, or
// one has it alone. Whoever opens a store first says so, then removes those who are gone, and then looks who is left: of two
// who open it at once, at least one sees the other. Whose document was removed begins anew, as if the store were being opened.
type presence struct {
	store *Store
	id    primitive.Binary

	stop  context.CancelFunc // nil before it began
	ended chan struct{}      // closed when nothing beats any more
	nudge chan struct{}      // asks for a beat at once

	mu      sync.Mutex
	renewed time.Time // when the last beat that arrived was sent; zero since the store is another's
	next    *beat
}

// beat is one that was or is about to be sent.
type beat struct {
	done chan struct{} // closed when err is there
	err  error
}

func newBeat() *beat { return &beat{done: make(chan struct{})} }

// begin enters the store, and stays there until end.
func (p *presence) begin(ctx context.Context) error {
	p.id, p.renewed = binary(id.NewGenerator(nil).Next()), time.Now()
	p.ended, p.nudge, p.next = make(chan struct{}), make(chan struct{}, 1), newBeat()
	if err := p.enter(ctx); err != nil {
		return err
	}
	beating, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = stop
	go p.keep(beating)
	return nil
}

// end leaves the store. Where the server cannot be told, it notices.
func (p *presence) end() {
	if p.stop == nil {
		return
	}
	p.stop()
	<-p.ended
	p.leave(context.Background())
}

// keep sends beats until ctx ends.
func (p *presence) keep(ctx context.Context) {
	defer close(p.ended)
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-p.nudge:
		}
		sent := time.Now()
		err := p.renew(ctx)
		p.mu.Lock()
		switch {
		case err == nil:
			p.renewed = sent
		case errors.Is(err, ErrInUse):
			p.renewed = time.Time{}
		}
		p.next.err = err
		close(p.next.done)
		p.next = newBeat()
		p.mu.Unlock()
	}
}

// held makes sure, before a unit begins, that the store is still held. Where beats have not arrived for long, the process slept
// or the server was away, and another may have taken it. The error is uow.ErrUnreachable, because of ErrInUse or of what
// became of the beat.
func (p *presence) held(ctx context.Context) error {
	p.mu.Lock()
	age, next := sinceBoth(p.renewed), p.next
	p.mu.Unlock()
	if age < heldFor {
		return nil
	}
	select {
	case p.nudge <- struct{}{}:
	default: // one is asked for already
	}
	select {
	case <-next.done:
	case <-ctx.Done():
		return fmt.Errorf("mongodb: begin: %w", ctx.Err())
	}
	if next.err == nil {
		return nil
	}
	if errors.Is(next.err, uow.ErrUnreachable) {
		return fmt.Errorf("mongodb: begin: %w", next.err)
	}
	return fmt.Errorf("mongodb: begin: %w", uow.ErrUnreachable.Wrap(next.err))
}

// sinceBoth is how long ago a moment was: of the clock that stands still while a machine sleeps, and the one that does not, the
// one that says longer.
func sinceBoth(t time.Time) time.Duration {
	return max(time.Since(t), time.Now().Round(0).Sub(t.Round(0)))
}

// servers is where the documents are. They are read as the primary has them: what was not yet acknowledged counts, too.
func (p *presence) servers() *mongo.Collection {
	return p.store.db.Collection(string(serversIn), options.Collection().SetReadConcern(readconcern.Local()))
}

// ask runs one command on servers.
func (p *presence) ask(ctx context.Context, what string, command func(ctx context.Context) error) error {
	asking, cancel := context.WithTimeout(ctx, min(beatTime, p.store.options.CommandTimeout))
	defer cancel()
	if err := command(asking); err != nil {
		return fmt.Errorf("%s: %w", what, translate(ctx, err))
	}
	return nil
}

// renew sends a beat. Where the document was removed, this is a new beginning.
func (p *presence) renew(ctx context.Context) error {
	there := false
	err := p.ask(ctx, "say that the store is in use", func(ctx context.Context) error {
		done, err := p.servers().UpdateOne(ctx, d("_id", p.id), d("$currentDate", d("seen_at", true)))
		there = err == nil && done.MatchedCount > 0
		return err
	})
	if err == nil && !there {
		return p.enter(ctx)
	}
	return err
}

// occupant is a store that somebody has open.
type occupant struct {
	Host   string    `bson:"host"`
	Since  time.Time `bson:"since"`
	SeenAt time.Time `bson:"seen_at"`
}

// enter says that the store is in use, and looks whether it may be. The error is ErrInUse where it may not.
func (p *presence) enter(ctx context.Context) error {
	others, err := p.announce(ctx)
	if err == nil && len(others) > 0 {
		err = fmt.Errorf("%w (by %s, since %s)", ErrInUse, others[0].Host, others[0].Since.UTC().Format(time.DateTime))
	}
	if err != nil {
		p.leave(ctx)
	}
	return err
}

// announce says that the store is in use, and lists who does not go together with that.
func (p *presence) announce(ctx context.Context) (others []occupant, err error) {
	host, err := os.Hostname()
	if err != nil {
		host = "a host without a name"
	}
	servers, exclusive := p.servers(), p.store.options.Exclusive
	var own occupant
	err = p.ask(ctx, "say that the store is in use", func(ctx context.Context) error {
		return servers.FindOneAndUpdate(ctx, d("_id", p.id),
			d("$set", d("exclusive", exclusive, "host", host), "$currentDate", d("since", true, "seen_at", true)),
			options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Decode(&own)
	})
	if err != nil {
		return nil, err
	}
	err = p.ask(ctx, "forget who does not use the store any more", func(ctx context.Context) error {
		_, err := servers.DeleteMany(ctx, d("seen_at", d("$lt", date(own.SeenAt.Add(-goneAfter)))))
		return err
	})
	if err != nil {
		return nil, err
	}
	rivals := d("_id", d("$ne", p.id))
	if !exclusive {
		rivals = append(rivals, bson.E{Key: "exclusive", Value: true})
	}
	err = p.ask(ctx, "look who uses the store", func(ctx context.Context) error {
		cursor, err := servers.Find(ctx, rivals)
		if err == nil {
			err = cursor.All(ctx, &others)
		}
		return err
	})
	return others, err
}

// leave says that the store is not in use any more. Where that does not arrive, it counts as gone after goneAfter.
func (p *presence) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	_, _ = p.servers().DeleteOne(ctx, d("_id", p.id))
}
