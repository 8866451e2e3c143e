package histories

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// lanes is the number of commands that can run concurrently on one store.
const lanes = 4

// lane has the services on one store, for one command at a time. Its identifiers consist of the
// step, the lane and a counter. When a unit of work is retried, it gets the same identifiers again,
// so that both stores see the same ones although they may retry different units.
type lane struct {
	*community.Community
	ids *numbers
}

func newLane(storage ports.Storage, clock *community.Clock) *lane {
	ids := &numbers{}
	return &lane{community.New(rewinding{storage, ids}, clock, ids, uow.Policy{MaxTime: time.Minute}), ids}
}

// numbers is an id.Source for one goroutine.
type numbers struct {
	step, lane uint32
	next, kept uint32 // counters; kept is the value of next after the last unit of work that succeeded
}

func (n *numbers) begin(step, lane uint32) { *n = numbers{step: step, lane: lane} }

// Next implements id.Source. The step comes first, so that identifiers increase.
func (n *numbers) Next() (u [16]byte) {
	n.next++
	binary.BigEndian.PutUint32(u[2:], n.step)
	u[6], u[8] = 0x70, 0x80 // version 7, and the variant of RFC 9562
	binary.BigEndian.PutUint16(u[10:], uint16(n.lane))
	binary.BigEndian.PutUint32(u[12:], n.next)
	return u
}

// rewinding is a store that resets the identifiers after a unit of work has failed.
type rewinding struct {
	ports.Storage
	ids *numbers
}

func (r rewinding) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	r.ids.next = r.ids.kept
	err := r.Storage.Run(ctx, mode, fn)
	if err == nil {
		r.ids.kept = r.ids.next
	}
	return err
}
