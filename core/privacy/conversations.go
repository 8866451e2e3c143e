package privacy

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
)

// talk is a conversation of an export.
type talk struct {
	id   id.Conversation
	last *page.Moment // before its latest message when the export was made; nil if it had none
}

// talks returns the conversations that the caller had at a time. The list of conversations changes
// its order when a message is sent, so a conversation can move to the pages that were read already:
// the list is read again until it has no further conversation.
func (r *reader) talks(madeAt time.Time) ([]talk, error) {
	var all []talk
	known := map[id.Conversation]bool{}
	for before := -1; before < len(all); {
		before = len(all)
		for o, err := range listed(r, "list conversations", nil, messaging.PlaceOfOverview,
			func(ctx context.Context, tx Tx, after *page.Moment, limit int) ([]messaging.Overview, error) {
				return tx.Messaging().Overviews(ctx, r.caller, after, limit)
			}) {
			if err != nil {
				return nil, err
			}
			if known[o.Conversation.ID] || o.Conversation.CreatedAt.After(madeAt) {
				continue
			}
			known[o.Conversation.ID] = true
			t := talk{id: o.Conversation.ID}
			if o.LastMessage != nil {
				t.last = until(o.LastMessage.CreatedAt)
			}
			all = append(all, t)
		}
	}
	return all, nil
}

func (r *reader) conversations(talks []talk) iter.Seq2[Conversation, error] {
	return func(yield func(Conversation, error) bool) {
		for _, t := range talks {
			c := Conversation{Messages: r.messages(t)}
			err := r.batch("read a conversation", func(ctx context.Context, tx Tx) (err error) {
				c.Overview, err = tx.Messaging().Overview(ctx, t.id, r.caller)
				return err
			})
			if err != nil {
				yield(Conversation{}, err)
				return
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

func (r *reader) messages(t talk) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		if t.last == nil {
			return
		}
		for m, err := range listed(r, "list messages", t.last, messaging.PlaceOfMessage,
			func(ctx context.Context, tx Tx, after *page.Moment, limit int) ([]messaging.Message, error) {
				_, messages, err := tx.Messaging().History(ctx, t.id, r.caller, after, limit)
				return messages, err
			}) {
			if err != nil {
				yield(Message{}, err)
				return
			}
			with := Message{Message: m}
			if m.Attachment != "" {
				with.Image = func() (messaging.Attachment, error) { return r.image(m.ID) }
			}
			if !yield(with, nil) {
				return
			}
		}
	}
}

// image returns an image as messaging.Cleaned does. If too many images wait for the decoder, it tries
// again for MaxBusy, because an export that has begun cannot be refused. Then the export ends without
// the rest: a document that lacks an image must not be taken for complete.
func (r *reader) image(m id.Message) (a messaging.Attachment, err error) {
	err = r.batch("read an image", func(ctx context.Context, tx Tx) (err error) {
		a, err = tx.Messaging().Attachment(ctx, m)
		return err
	})
	if err != nil {
		return messaging.Attachment{}, err
	}
	deps := r.service.deps
	patience, pause := time.NewTimer(MaxBusy), time.NewTicker(busyPause)
	defer patience.Stop()
	defer pause.Stop()
	for {
		cleaned, err := messaging.Cleaned(r.ctx, deps.Store, deps.Images, m, a)
		if !errors.Is(err, messaging.ErrImagesBusy) {
			return cleaned, err
		}
		select {
		case <-patience.C:
			return messaging.Attachment{}, fmt.Errorf("export: wait for other images for %v: %w", MaxBusy, err)
		case <-r.ctx.Done():
			return messaging.Attachment{}, fmt.Errorf("export: wait for other images: %w", r.ctx.Err())
		case <-pause.C:
		}
	}
}

// MaxBusy is how long an export waits for one image while too many others wait to be decoded.
const MaxBusy = time.Minute

// busyPause is the time between two tries to clean an image.
const busyPause = 200 * time.Millisecond
