package mongodb

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

var _ ports.Storage = (*Store)(nil)

// Store is a database. It is safe for concurrent use; Open and New make one.
type Store struct {
	client  *mongo.Client
	db      *mongo.Database
	options Options
	turns   turns
	heads   heads
	gate    *uow.Gate
	sharded bool // behind mongos

	presence presence
}

func newStore(client *mongo.Client, o Options, letGo func() error) *Store {
	s := &Store{
		client: client,
		db: client.Database(o.Database, options.Database().SetReadConcern(readconcern.Majority()).
			SetWriteConcern(writeconcern.Majority()).SetReadPreference(readpref.Primary())),
		options: o,
		turns:   turns{all: map[turn]*line{}},
		heads:   heads{all: map[id.Conversation]messaging.Conversation{}},
	}
	s.presence.store = s
	s.gate = uow.NewGate("mongodb", func() error {
		s.presence.end()
		return letGo()
	})
	return s
}

func (s *Store) in(c collection) *mongo.Collection { return s.db.Collection(string(c)) }

// Run implements uow.Runner. Beside what fn returns, its errors are ctx.Err() (wrapped), the error of the
// repository that ended the unit, and those of package uow: ErrConflict, also where others of this process wrote
// the same document for longer than Options.QueueTime; ErrUnreachable, also after Close; ErrOutcomeUnknown, where the answer
// to a commit was lost, and did not come in Options.CommitTime. A unit is run once. Writes are sent together with the next
// question about their collection or with the commit: what breaks a rule may come to light there.
func (s *Store) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("mongodb: begin: %w", err)
	}
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if err := s.presence.held(ctx); err != nil {
		return err
	}
	t := &txn{
		store: s, mode: mode,
		active: map[id.User]bool{}, calendars: map[id.User]bool{}, reservations: map[id.Reservation]reservations.Reservation{},
	}
	if h := s.hosting(ctx); h != nil {
		return h.run(ctx, t, fn)
	}
	return t.run(ctx, fn)
}

// Ping asks the primary. Its error is uow.ErrRefused (wrapped) if the server does not accept the user or the password, and
// else uow.ErrUnreachable (wrapped): after Close, too, and if ctx has ended.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	t := &txn{store: s, mode: uow.Read}
	_, _, err := (marks{&unit{uow.NewUnit("mongodb", uow.Read), t}}).Marked(ctx, "")
	if err != nil {
		if !errors.Is(err, fault.Unavailable) {
			err = uow.ErrUnreachable.Wrap(err)
		}
		return fmt.Errorf("mongodb: ping: %w", err)
	}
	return nil
}

// Close lets the units under way end, and waits for them until ctx ends: then it returns ctx.Err() (wrapped), and the
// last of them disconnects the client, where Open made it. It may be called again.
func (s *Store) Close(ctx context.Context) error { return s.gate.Close(ctx) }
