package live

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
)

// Types returns the types of events that streams tell, in ascending order.
func Types() []events.Type {
	return slices.Sorted(slices.Values([]events.Type{
		events.TypeConversationOpened, events.TypeMessageSent, events.TypeMessageRead,
		events.TypeReservationProposed, events.TypeReservationAccepted, events.TypeReservationDeclined,
		events.TypeReservationCancelled, events.TypeReservationExpired, events.TypeReservationCompleted,
		events.TypeReservationReminded, events.TypeWalletChanged,
	}))
}

// audience returns the users who are told an event: both participants, so that all clients of the user
// who acted get it, too. It returns no users for an event that streams do not tell.
func audience(d events.Data) []id.User {
	switch d := d.(type) {
	case events.ConversationOpened:
		return []id.User{d.LocalID, d.VoyagerID}
	case events.MessageSent:
		return []id.User{d.RecipientID, d.SenderID}
	case events.MessageRead:
		return []id.User{d.SenderID, d.ReaderID}
	case events.ReservationProposed:
		return []id.User{d.LocalID, d.VoyagerID}
	case events.ReservationAccepted:
		return []id.User{d.LocalID, d.VoyagerID}
	case events.ReservationDeclined:
		return []id.User{d.LocalID, d.VoyagerID}
	case events.ReservationCancelled:
		return []id.User{d.LocalID, d.VoyagerID}
	case events.ReservationExpired:
		return []id.User{d.LocalID, d.VoyagerID}
	case events.ReservationCompleted:
		return []id.User{d.LocalID, d.VoyagerID}
	case events.ReservationReminded:
		return []id.User{d.LocalID, d.VoyagerID}
	case events.WalletChanged:
		return []id.User{d.UserID}
	}
	return nil
}

// ended returns the user whose sessions an event may have ended.
func ended(d events.Data) (user id.User, may bool) {
	switch d := d.(type) {
	case events.UserErased:
		return d.UserID, true
	case events.UserSanctioned:
		return d.UserID, true
	case events.UserDeactivated:
		return d.UserID, true
	}
	return user, false
}

// pair is a viewer, and another who has written to them.
type pair struct{ viewer, writer id.User }

// asks returns what decides whether a viewer is told an event that concerns them. ok is false if they
// are told in any case: what they did themselves, and what their own lists show whoever did it.
func asks(viewer id.User, d events.Data) (p pair, ok bool) {
	sent, isMessage := d.(events.MessageSent)
	return pair{viewer, sent.SenderID}, isMessage && viewer == sent.RecipientID
}

// sights knows for pairs whether the viewer sees the messages of the writer: unless they have blocked
// them, as messages count as unread (messaging.Repository.Unread).
type sights map[pair]bool

// visible reports whether a viewer is told an event that concerns them. known is false if that was not
// looked up.
func (s sights) visible(viewer id.User, d events.Data) (visible, known bool) {
	p, ok := asks(viewer, d)
	if !ok {
		return true, true
	}
	visible, known = s[p]
	return visible, known
}

// pairsAtOnce is how many pairs are looked up at once.
const pairsAtOnce = 200

// look looks up pairs.
func (s sights) look(ctx context.Context, tx Tx, pairs map[pair]bool) error {
	for some := range slices.Chunk(slices.Collect(maps.Keys(pairs)), pairsAtOnce) {
		viewers, writers := make([]id.User, len(some)), make([]id.User, len(some))
		for i, p := range some {
			viewers[i], writers[i] = p.viewer, p.writer
			s[p] = true
		}
		blocks, err := tx.Moderation().BlocksBetween(ctx, viewers, writers)
		if err != nil {
			return fmt.Errorf("find blocks: %w", err)
		}
		for _, b := range blocks {
			s[pair{b.UserID, b.BlockedUserID}] = false
		}
	}
	return nil
}
