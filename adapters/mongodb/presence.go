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

// ErrInUse is returned if another process has the store open, and one of the two opened it
// exclusively.
var ErrInUse = errors.New("the store is in use")

// The times of an open store's beats. The server's clock decides, except for heldFor.
const (
	beatEvery = 4 * time.Second
	heldFor   = 10 * time.Second // since the last beat was sent; after that a unit checks the store before it begins
	goneAfter = 15 * time.Second // without a beat
	beatTime  = 5 * time.Second  // limit of one command of the presence
)

// presence is the document in servers that marks this store as open. Either many processes share a
// store, or one has it exclusively. A process that opens a store first inserts its document, then
// removes expired ones, and then reads the rest: of two that open it concurrently, at least one
// sees the other. If its document was removed, a process enters again, as in Open.
type presence struct {
	store *Store
	id    primitive.Binary

	stop  context.CancelFunc // nil before begin
	ended chan struct{}      // closed when beats have stopped
	nudge chan struct{}      // asks for an immediate beat

	mu      sync.Mutex
	renewed time.Time // when the last beat that arrived was sent; zero once another process has the store
	next    *beat
}

// beat is the result of a beat.
type beat struct {
	done chan struct{} // closed when err is set
	err  error
}

func newBeat() *beat { return &beat{done: make(chan struct{})} }

// begin enters the store and sends beats until end.
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

// end leaves the store. If the server cannot be reached, the document expires.
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

// held checks, before a unit begins, that this process still has the store open. If no beat has
// arrived for long, the process was suspended or the server was unreachable, and another process
// may have taken the store. The error is uow.ErrUnreachable, which wraps ErrInUse or the error of
// the beat.
func (p *presence) held(ctx context.Context) error {
	p.mu.Lock()
	age, next := sinceBoth(p.renewed), p.next
	p.mu.Unlock()
	if age < heldFor {
		return nil
	}
	select {
	case p.nudge <- struct{}{}:
	default: // a beat was requested already
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

// sinceBoth returns the time since t, by the monotonic clock, which may stop while a machine
// sleeps, or by the wall clock, whichever is longer.
func sinceBoth(t time.Time) time.Duration {
	return max(time.Since(t), time.Now().Round(0).Sub(t.Round(0)))
}

// servers is the collection of the documents. They are read from the primary, so that
// unacknowledged writes count, too.
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

// renew sends a beat. If the document was removed, it enters again.
func (p *presence) renew(ctx context.Context) error {
	there := false
	err := p.ask(ctx, "note that the store is in use", func(ctx context.Context) error {
		done, err := p.servers().UpdateOne(ctx, d("_id", p.id), d("$currentDate", d("seen_at", true)))
		there = err == nil && done.MatchedCount > 0
		return err
	})
	if err == nil && !there {
		return p.enter(ctx)
	}
	return err
}

// occupant is an open store of another process.
type occupant struct {
	Host   string    `bson:"host"`
	Since  time.Time `bson:"since"`
	SeenAt time.Time `bson:"seen_at"`
}

// enter marks the store as in use, or returns ErrInUse if that conflicts with others.
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

// announce marks the store as in use, and returns the conflicting occupants.
func (p *presence) announce(ctx context.Context) (others []occupant, err error) {
	host, err := os.Hostname()
	if err != nil {
		host = "a host without a name"
	}
	servers, exclusive := p.servers(), p.store.options.Exclusive
	var own occupant
	err = p.ask(ctx, "note that the store is in use", func(ctx context.Context) error {
		return servers.FindOneAndUpdate(ctx, d("_id", p.id),
			d("$set", d("exclusive", exclusive, "host", host), "$currentDate", d("since", true, "seen_at", true)),
			options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Decode(&own)
	})
	if err != nil {
		return nil, err
	}
	err = p.ask(ctx, "remove the servers that no longer use the store", func(ctx context.Context) error {
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
	err = p.ask(ctx, "read which servers use the store", func(ctx context.Context) error {
		cursor, err := servers.Find(ctx, rivals)
		if err == nil {
			err = cursor.All(ctx, &others)
		}
		return err
	})
	return others, err
}

// leave removes the document. If that fails, it expires after goneAfter.
func (p *presence) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	_, _ = p.servers().DeleteOne(ctx, d("_id", p.id))
}
