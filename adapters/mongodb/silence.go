package mongodb

import (
	"errors"
	"time"

	"github.com/cicerone-go/cicerone/core/uow"
)

// While a shard is silent, a unit that has sent it a command waits for the response until the time
// of the command is over. Its other documents stay locked, on all shards, until the unit aborts or,
// if that does not arrive, until the server does. What other units wait for then is not worth the
// usual patience.

// noteSilence records that a command had no response.
func (t *txn) noteSilence() {
	if t.store.sharded {
		t.store.silent.Store(time.Now().UnixNano())
	}
}

// isSilent reports whether a shard was silent a short time ago.
func (s *Store) isSilent() bool {
	return s.sharded && time.Since(time.Unix(0, s.silent.Load())) < silence
}

// queueTime returns how long the unit waits in a queue.
func (t *txn) queueTime() time.Duration {
	if t.store.isSilent() {
		return max(0, min(t.store.options.QueueTime, patience-time.Since(t.began)))
	}
	return t.store.options.QueueTime
}

// hasten makes a conflict final if a shard is silent and all attempts of the unit have taken long.
func (t *txn) hasten(err error) error {
	if errors.Is(err, uow.ErrConflict) && t.store.isSilent() && time.Since(t.began) > patience {
		return uow.ErrUnreachable.Wrap(errors.New("while a shard is silent: " + err.Error())) // no longer a conflict
	}
	return err
}
