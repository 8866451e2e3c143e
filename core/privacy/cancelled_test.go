package privacy_test

import (
	"context"
	"encoding/base64"
	"testing"

	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/privacy"
	"github.com/cicerone-go/cicerone/core/users"
)

// An erasure that is cancelled at any point changes nothing.
func TestCancellation(t *testing.T) {
	s := newScene(t)
	_, err := s.Matching.SaveProfile(s.Ctx, s.voyager, matching.Profile{FirstName: "Vera", City: "Porto"}, nil)
	coretest.Is(t, err, nil)
	_, err = s.Messaging.Send(s.Ctx, s.voyager, s.talk, messaging.Draft{
		Attachment: messaging.ParseDataURL([]byte("data:image/gif;base64," + base64.StdEncoding.EncodeToString(coretest.Picture("image/gif", 5, 5)))),
	}, "")
	coretest.Is(t, err, nil)
	s.reservation(t, 2, true)
	s.reservation(t, 4, false)

	var e privacy.Export
	var talks []privacy.Conversation
	var messages []privacy.Message
	var image messaging.Attachment
	coretest.Is(t, s.Cancelled(func(ctx context.Context) (err error) {
		if e, err = s.Privacy.Export(ctx, users.Caller{UserID: s.voyager}); err != nil {
			return err
		}
		if talks, err = page.Collect(e.Conversations); err != nil {
			return err
		}
		if messages, err = page.Collect(talks[0].Messages); err != nil {
			return err
		}
		image, err = messages[0].Image()
		return err
	}), nil)
	if e.Profile.City != "Porto" || len(talks) != 1 || len(messages) != 1 || image.Bytes == nil {
		t.Errorf("exported %+v, %+v, %+v", e, talks, messages)
	}
	coretest.Is(t, s.Cancelled(func(ctx context.Context) error {
		return s.Privacy.Erase(ctx, s.voyager, coretest.Password, users.Device{})
	}), nil)
	if f := s.Funds(s.voyager); f.Balance != 0 || f.Held != 0 {
		t.Errorf("after the erasure the wallet has %+v", f)
	}
}
