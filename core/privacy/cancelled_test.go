package privacy_test

import (
	"context"
	"encoding/base64"
	"testing"

	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/privacy"
)

// An erasure that is cancelled at any point changes nothing.
func TestCancellation(t *testing.T) {
	s := newScene(t)
	_, err := s.Matching.SaveProfile(s.Ctx, s.voyager, matching.Profile{FirstName: "Vera", City: "Porto"}, nil)
	coretest.Is(t, err, nil)
	_, err = s.Messaging.Send(s.Ctx, s.voyager, s.talk, messaging.Draft{
		Attachment: "data:image/gif;base64," + base64.StdEncoding.EncodeToString(coretest.Picture("image/gif", 5, 5)),
	}, "")
	coretest.Is(t, err, nil)
	s.reservation(t, 2, true)
	s.reservation(t, 4, false)

	var e privacy.Export
	coretest.Is(t, s.Cancelled(func(ctx context.Context) (err error) {
		e, err = s.Privacy.Export(ctx, s.voyager)
		return err
	}), nil)
	if e.Profile.City != "Porto" || len(e.Conversations) != 1 || len(e.Reservations) != 2 {
		t.Errorf("exported %+v", e)
	}
	coretest.Is(t, s.Cancelled(func(ctx context.Context) error {
		return s.Privacy.Erase(ctx, s.voyager, coretest.Password)
	}), nil)
	if f := s.Funds(s.voyager); f.Balance != 0 || f.Held != 0 {
		t.Errorf("after the erasure the wallet has %+v", f)
	}
}
