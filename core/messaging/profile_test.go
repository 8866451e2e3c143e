package messaging_test

import (
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/users"
)

func TestProfileOf(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	viewer := w.Local("Viewer")
	luca := w.Person("Luca")
	save := func(p matching.Profile) {
		_, err := w.Matching.SaveProfile(w.Ctx, luca, p, nil)
		coretest.Is(t, err, nil)
	}
	see := func() error {
		p, err := w.Messaging.ProfileOf(w.Ctx, viewer, luca)
		if err == nil && (p.Profile.FirstName != "Luca" || p.Profile.LastName != "") {
			t.Errorf("the viewer sees %+v", p.Profile)
		}
		return err
	}
	coretest.Is(t, see(), matching.ErrProfileNotFound) // never saved
	profile := matching.Profile{FirstName: "Luca", LastName: "Secret"}
	save(profile)
	coretest.Is(t, see(), matching.ErrProfileNotFound) // not searchable
	profile.IsSearchable = true
	save(profile)
	coretest.Is(t, see(), nil)
	w.Block(luca, viewer)
	coretest.Is(t, see(), matching.ErrProfileNotFound)
	coretest.Is(t, w.Moderation.Unblock(w.Ctx, luca, viewer), nil)
	w.SetActive(luca, false)
	coretest.Is(t, see(), matching.ErrProfileNotFound)
	w.SetActive(luca, true)
	w.Conversation(luca, viewer)
	w.Block(luca, viewer)
	w.SetActive(luca, false)
	coretest.Is(t, see(), nil) // they share a conversation
	own, err := w.Messaging.ProfileOf(w.Ctx, viewer, viewer)
	coretest.Is(t, err, nil)
	if own.Profile.FirstName != "Viewer" {
		t.Errorf("the own profile is %+v", own.Profile)
	}
	_, err = w.Messaging.ProfileOf(w.Ctx, luca, viewer)
	coretest.Is(t, err, users.ErrNotSignedIn)
	_, err = w.Messaging.ProfileOf(w.Ctx, viewer, id.User(w.IDs.Next()))
	coretest.Is(t, err, matching.ErrProfileNotFound)
}
