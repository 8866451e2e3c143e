package privacy_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/privacy"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// busyImages has no room for an image before a time.
type busyImages struct {
	coretest.Images
	until time.Time
}

func (b *busyImages) Clean(ctx context.Context, data []byte, most int) (messaging.Attachment, error) {
	if time.Now().Before(b.until) {
		return messaging.Attachment{}, messaging.ErrImagesBusy
	}
	return b.Images.Clean(ctx, data, most)
}

// TestBusyImages exports an image from before images were cleaned, while others wait for the decoder.
func TestBusyImages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		_, err := s.Messaging.Send(s.Ctx, s.local, s.talk, messaging.Draft{Content: "Look!"}, "")
		coretest.Is(t, err, nil)
		coretest.Is(t, s.Store.Do(s.Ctx, func(ctx context.Context, tx ports.Tx) error {
			m := messaging.Message{
				ID: id.Message(s.IDs.Next()), ConversationID: s.talk, UserID: s.local, CreatedAt: s.Clock.Now().Add(time.Second),
				Attachment: "image/png",
			}
			return tx.Messaging().AddMessage(ctx, m, &messaging.Attachment{MediaType: "image/png", Bytes: coretest.Picture("image/png", 2, 2)})
		}), nil)
		images := &busyImages{}
		service, err := privacy.NewService(privacy.Deps{
			Store: uow.Narrow(s.Store, func(tx ports.Tx) privacy.Tx { return tx }), Ledger: s.Ledger, Guard: &users.Guard{}, Images: images, Clock: s.Clock.Now, IDs: s.IDs,
		})
		coretest.Is(t, err, nil)
		e, err := service.Export(s.Ctx, users.Caller{UserID: s.voyager})
		coretest.Is(t, err, nil)
		talks, err := page.Collect(e.Conversations)
		coretest.Is(t, err, nil)
		messages, err := page.Collect(talks[0].Messages)
		coretest.Is(t, err, nil)

		began := time.Now()
		images.until = began.Add(time.Hour)
		_, err = messages[0].Image()
		coretest.Is(t, err, messaging.ErrImagesBusy)
		if waited := time.Since(began); waited < privacy.MaxBusy || waited > privacy.MaxBusy+time.Second {
			t.Errorf("the export waited for %v, want %v", waited, privacy.MaxBusy)
		}
		images.until = time.Now().Add(privacy.MaxBusy / 2)
		image, err := messages[0].Image()
		coretest.Is(t, err, nil)
		if !image.Cleaned {
			t.Error("the image was not cleaned")
		}
	})
}
