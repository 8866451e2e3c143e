package mongodb

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

var _ ports.Storage = (*Store)(nil)

// Store is a store in a database. It is safe for concurrent use. Open and New make one.
type Store struct {
	client  *mongo.Client
	db      *mongo.Database
	options Options
	turns   turns
	gate    *uow.Gate
	groups  *groups      // nil unless sends share commits
	sharded bool         // behind mongos
	wire    int          // the server's wire version
	silent  atomic.Int64 // when a command last had no response, in Unix nanoseconds; only behind mongos

	heads          *cache[id.Conversation, messaging.Conversation]
	correspondents *cache[matching.Correspondent, struct{}]

	presence presence
}

func newStore(client *mongo.Client, o Options, release func() error) *Store {
	s := &Store{
		client: client,
		db: client.Database(o.Database, options.Database().SetReadConcern(readconcern.Majority()).
			SetWriteConcern(writeconcern.Majority()).SetReadPreference(readpref.Primary())),
		options: o,
		turns:   turns{all: map[turn]*line{}},
		heads:   newCache[id.Conversation, messaging.Conversation](), correspondents: newCache[matching.Correspondent, struct{}](),
	}
	s.presence.store = s
	s.gate = uow.NewGate("mongodb", func() error {
		s.presence.end()
		return release()
	})
	if !o.NoGroupCommit {
		s.groups = uow.NewGroups(s.gate, undoTime, s.sendTogether)
	}
	return s
}

func (s *Store) in(c collection) *mongo.Collection { return s.db.Collection(string(c)) }

// Run implements uow.Runner. Apart from the error of fn, it returns ctx.Err() (wrapped), the error
// of the repository that ended the unit, or one of package uow: ErrConflict, also if other units of
// this process wrote the same document for longer than Options.QueueTime; ErrUnreachable, also
// after Close; ErrOutcomeUnknown if no response to a commit came within Options.CommitTime. Run
// runs a unit once. Behind mongos, while a shard is silent, a conflict is ErrUnreachable if all
// attempts of the unit have taken long. Writes are sent together with the next query of their
// collection or with the commit, which may therefore return the error of a write that breaks a
// rule.
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
	t := newTxn(s, mode, uow.Began(ctx))
	if h := s.hosting(ctx); h != nil {
		return h.run(ctx, t, fn)
	}
	return t.hasten(t.run(ctx, fn))
}

func newTxn(s *Store, mode uow.Mode, began time.Time) *txn {
	return &txn{
		store: s, mode: mode, began: began, own: documents{}, read: documents{},
		active: map[id.User]bool{}, calendars: map[id.User]bool{}, reservations: map[id.Reservation]reservations.Reservation{},
	}
}

// Ping sends a command to the primary. It returns uow.ErrRefused (wrapped) if the server rejects
// the user or the password, and otherwise uow.ErrUnreachable (wrapped): also after Close and if ctx
// has ended.
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

// Close waits for running units until ctx ends, and disconnects the client if Open made it. If ctx
// ends first, Close returns ctx.Err() (wrapped), and the last unit disconnects the client. Close
// may be called again.
func (s *Store) Close(ctx context.Context) error { return s.gate.Close(ctx) }
