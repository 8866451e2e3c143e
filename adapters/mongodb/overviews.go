package mongodb

import (
	"context"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
)

// overview is a conversation as stored in its document.
type overview struct {
	messaging.Overview
	unreadVoyager, unreadLocal int
	sentVoyager, sentLocal     int
}

func scanOverview(r *record) overview {
	o := overview{
		Overview:      messaging.Overview{Conversation: conversations.scan(r)},
		unreadVoyager: int(r.int("unread_voyager")), unreadLocal: int(r.int("unread_local")),
		sentVoyager: int(r.int("sent_voyager")), sentLocal: int(r.int("sent_local")),
	}
	if last, ok := r.within("last_message"); ok {
		m := messages.scan(last)
		o.LastMessage = &m
		r.fail("last_message", last.err)
	}
	return o
}

// overviewsFor converts conversations to the overviews of a participant.
func overviewsFor(ctx context.Context, t *txn, viewer id.User, found []overview) ([]messaging.Overview, error) {
	others := make([]id.User, len(found))
	for i, o := range found {
		others[i] = o.Conversation.Other(viewer)
	}
	people, err := seenBy(ctx, t, viewer, others...)
	if err != nil {
		return nil, err
	}
	overviews := make([]messaging.Overview, len(found))
	for i, o := range found {
		other := people[others[i]]
		overviews[i] = o.Overview
		overviews[i].Other, overviews[i].Closed = other.person(), !other.sight.Reachable()
		if !other.blocked {
			overviews[i].Unread = o.unreadBy(viewer)
		}
	}
	return overviews, nil
}

// unreadBy returns the number of messages that a participant has not read.
func (o overview) unreadBy(participant id.User) int {
	n := o.unreadLocal
	if participant == o.Conversation.VoyagerID {
		n = o.unreadVoyager
	}
	return min(n, messaging.MaxUnread)
}

// Unread reads only conversations with unread messages, so MaxUnread of them are enough.
func (repo messagingRepository) Unread(ctx context.Context, viewer id.User) (n int, err error) {
	err = repo.read(ctx, func(t *txn) error {
		return t.together(ctx, func() error {
			blocked, err := blockedBy(ctx, t, viewer)
			if err != nil {
				return err
			}
			found, err := list(ctx, t, scanOverview, query{
				in: conversationsIn, limit: messaging.MaxUnread,
				fields: d("voyager_id", 1, "local_id", 1, "created_at", 1, "unread_voyager", 1, "unread_local", 1),
				filter: d("$or", bson.A{
					d("voyager_id", uuid(viewer), "unread_voyager", d("$gt", int64(0)), "local_id", d("$nin", uuids(blocked))),
					d("local_id", uuid(viewer), "unread_local", d("$gt", int64(0)), "voyager_id", d("$nin", uuids(blocked))),
				}),
			})
			for _, o := range found {
				n += o.unreadBy(viewer)
			}
			n = min(n, messaging.MaxUnread)
			return err
		})
	})
	return n, err
}

func (repo messagingRepository) Overview(
	ctx context.Context, conversation id.Conversation, viewer id.User,
) (o messaging.Overview, err error) {
	err = repo.read(ctx, func(t *txn) error {
		return t.together(ctx, func() error {
			found, err := find(ctx, t, scanOverview, query{in: conversationsIn, filter: d("_id", uuid(conversation), "participants", uuid(viewer))})
			if err != nil {
				return orNotFound(err, "a conversation")
			}
			all, err := overviewsFor(ctx, t, viewer, []overview{found})
			if err == nil {
				o = all[0]
			}
			return err
		})
	})
	return o, err
}

func (repo messagingRepository) Overviews(
	ctx context.Context, viewer id.User, after *page.Moment, limit int,
) (all []messaging.Overview, err error) {
	err = repo.read(ctx, func(t *txn) error {
		return t.together(ctx, func() error {
			found, err := listPage(ctx, t, scanOverview, limit, query{
				in: conversationsIn, filter: append(d("participants", uuid(viewer)), past(after, "$lt", "activity_at", "_id")...),
				sort: d("activity_at", -1, "_id", -1),
			})
			if err == nil {
				all, err = overviewsFor(ctx, t, viewer, found)
			}
			return err
		})
	})
	return all, err
}
