package mongodb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/core/events"
)

var _ events.Notifier = (*Store)(nil)

// awaitTime is how long the server waits for changes before it answers that there are none. The
// driver then asks again.
const awaitTime = 10 * time.Second

// unwatchable are the codes with which a server refuses every change stream: it is not a member of a
// replica set, it does not know them, it has no majority read concern, or the user may not use them.
var unwatchable = []int32{40573, 40324, 148, 13}

// Notify implements events.Notifier. It does nothing: Watch sees each commit.
func (s *Store) Notify(context.Context) error { return nil }

// Watch implements events.Notifier, with a change stream on the outbox, whose changes are events that
// were committed and events that were numbered. After a failure of the
// connection or an election the stream resumes where it was. Watch returns events.ErrNoWatch
// (wrapped) if the server refuses change streams.
func (s *Store) Watch(ctx context.Context, woken func()) error {
	err := s.gate.Run(ctx, func(ctx context.Context) error { return s.follow(ctx, woken) })
	return fmt.Errorf("mongodb: follow the changes: %w", err)
}

func (s *Store) follow(ctx context.Context, woken func()) error {
	stream, err := s.db.Collection(string(outboxIn)).Watch(ctx, mongo.Pipeline{}, options.ChangeStream().SetMaxAwaitTime(awaitTime))
	if refused, ok := errors.AsType[mongo.CommandError](err); ok && slices.Contains(unwatchable, refused.Code) {
		return fmt.Errorf("%w: %w", events.ErrNoWatch, err)
	}
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
		defer cancel()
		_ = stream.Close(ctx) // the server closes it, too, after a while
	}()
	woken()
	for stream.Next(ctx) {
		if stream.RemainingBatchLength() == 0 { // once for a batch
			woken()
		}
	}
	return stream.Err()
}
