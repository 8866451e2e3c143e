package porttest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/ports"
)

// opensAlways reports every conversation as new.
type opensAlways struct{ messaging.Repository }

func (r opensAlways) OpenConversation(
	ctx context.Context, c messaging.Conversation,
) (messaging.Conversation, bool, error) {
	there, _, err := r.Repository.OpenConversation(ctx, c)
	return there, true, err
}

// newUncounted returns a store that does not count conversations that were opened a moment ago, as

// oldest counts from the oldest conversation.
type oldest struct{ messaging.Repository }

func (r oldest) NthOpened(ctx context.Context, voyager id.User, n int) (time.Time, error) {
	var all []time.Time
	for {
		at, err := r.Repository.NthOpened(ctx, voyager, len(all)+1)
		if errors.Is(err, fault.NotFound) {
			break
		}
		if err != nil {
			return at, err
		}
		all = append(all, at)
	}
	if n > len(all) {
		return time.Time{}, fault.NotFound
	}
	return all[len(all)-n], nil
}

// unordered orders messages by time only. Messages of the same time come in reverse order.
type unordered struct{ messaging.Repository }

func (r unordered) History(
	ctx context.Context, c id.Conversation, reader id.User, after *page.Moment, limit int,
) (messaging.Access, []messaging.Message, error) {
	access, list, err := r.Repository.History(ctx, c, reader, after, limit)
	slices.Reverse(list)
	slices.SortStableFunc(list, func(a, b messaging.Message) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return access, list, err
}

// open lets everybody read the messages of a conversation.
type open struct{ messaging.Repository }

func (r open) History(
	ctx context.Context, c id.Conversation, reader id.User, after *page.Moment, limit int,
) (messaging.Access, []messaging.Message, error) {
	standing, err := r.Standing(ctx, c)
	if err != nil {
		return messaging.Access{}, nil, err
	}
	if !standing.Conversation.Has(reader) {
		reader = standing.Conversation.VoyagerID
	}
	return r.Repository.History(ctx, c, reader, after, limit)
}

// mutual takes a reader for inactive if the other is.
type mutual struct{ messaging.Repository }

func (r mutual) History(
	ctx context.Context, c id.Conversation, reader id.User, after *page.Moment, limit int,
) (messaging.Access, []messaging.Message, error) {
	access, list, err := r.Repository.History(ctx, c, reader, after, limit)
	if err != nil {
		return access, list, err
	}
	standing, err := r.Standing(ctx, c)
	access.Active = standing.VoyagerActive && standing.LocalActive
	return access, list, err
}

// timeless returns a zero time of the latest message.
type timeless struct{ messaging.Repository }

func (r timeless) HoldConversation(
	ctx context.Context, conversation id.Conversation, sender id.User, limit int,
) (messaging.Held, error) {
	held, err := r.Repository.HoldConversation(ctx, conversation, sender, limit)
	held.Latest = time.Time{}
	return held, err
}

// newBehind returns a store whose units see the standing of a conversation that the first of them

// readsAll marks the reader's own messages, too.
type readsAll struct{ messaging.Repository }

func (r readsAll) MarkRead(ctx context.Context, c id.Conversation, reader id.User, upTo page.Moment) (int, error) {
	standing, err := r.Standing(ctx, c)
	if err != nil {
		return 0, err
	}
	n, err := r.Repository.MarkRead(ctx, c, reader, upTo)
	if err != nil {
		return 0, err
	}
	_, err = r.Repository.MarkRead(ctx, c, standing.Conversation.Other(reader), upTo)
	return n, err
}

// recleans reports that it has replaced every image that exists.
type recleans struct{ messaging.Repository }

func (r recleans) CleanAttachment(ctx context.Context, message id.Message, a messaging.Attachment) (bool, error) {
	replaced, err := r.Repository.CleanAttachment(ctx, message, a)
	if err != nil || replaced {
		return replaced, err
	}
	_, err = r.Attachment(ctx, message)
	return err == nil, nil
}

// newSharing returns a store that reads each image once, and returns the same bytes again.
func newSharing(s *memory.Store) ports.Storage {
	shared := &sync.Map{}
	return handing(func(_ *memory.Store, b *broken) { b.messaging = shares{b.Tx.Messaging(), shared} })(s)
}

type shares struct {
	messaging.Repository
	shared *sync.Map
}

func (r shares) Attachment(ctx context.Context, message id.Message) (messaging.Attachment, error) {
	a, err := r.Repository.Attachment(ctx, message)
	if err != nil {
		return a, err
	}
	kept, _ := r.shared.LoadOrStore(message, a)
	return kept.(messaging.Attachment), nil
}

// unread drops a field of messages when it lists.
type unread struct{ messaging.Repository }

func (r unread) History(
	ctx context.Context, conversation id.Conversation, reader id.User, after *page.Moment, limit int,
) (messaging.Access, []messaging.Message, error) {
	access, messages, err := r.Repository.History(ctx, conversation, reader, after, limit)
	for i := range messages {
		messages[i].Read = false
	}
	return access, messages, err
}

// newUnlisted returns a store in which a message that was written as a row does not become the
// latest message of its conversation.
func newUnlisted(s *memory.Store) ports.Storage {
	copied := &sync.Map{}
	return handing(func(_ *memory.Store, b *broken) {
		b.rows, b.messaging = notingMessages{b.Tx.Rows(), copied}, unlisted{b.Tx.Messaging(), copied}
	})(s)
}

type notingMessages struct {
	ports.Rows
	copied *sync.Map // the ids of messages
}

func (r notingMessages) Write(ctx context.Context, table *ports.Table, rows []ports.Row) error {
	for _, row := range rows {
		if table == ports.Messages {
			r.copied.Store(row[0], true)
		}
	}
	return r.Rows.Write(ctx, table, rows)
}

type unlisted struct {
	messaging.Repository
	copied *sync.Map
}

func (r unlisted) Overviews(
	ctx context.Context, viewer id.User, after *page.Moment, limit int,
) ([]messaging.Overview, error) {
	all, err := r.Repository.Overviews(ctx, viewer, after, limit)
	for i, o := range all {
		if o.LastMessage == nil {
			continue
		}
		if _, copied := r.copied.Load([16]byte(o.LastMessage.ID)); copied {
			all[i].LastMessage = nil
		}
	}
	return all, err
}
