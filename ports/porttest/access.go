package porttest

import (
	"context"
	"errors"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

func messagesAccessed(f *fixture) {
	ada, ben, cleo := f.user("ada"), f.user("ben"), f.user("cleo")
	talk := f.conversation(ada, ben)
	f.conversation(cleo, ada)
	sent := []messaging.Message{f.message(talk, ada, noon)}
	f.block(ben.ID, ada.ID) // a block forbids writing, not reading
	history := func(of id.Conversation, reader users.User) (access messaging.Access, all []messaging.Message, err error) {
		err = f.store.View(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
			access, all, err = tx.Messaging().History(ctx, of, reader.ID, nil, 10)
			return err
		})
		return access, all, err
	}
	reads := func(what string, reader users.User, want messaging.Access) {
		f.Helper()
		access, all, err := history(talk.ID, reader)
		if err != nil {
			f.Errorf("the history for %s: %v", what, err)
		}
		f.same("the access of "+what, access, want)
		f.same("the messages for "+what, all, sent)
	}
	reads("the voyager", ada, messaging.Access{Other: ben.ID, Active: true})
	reads("the local", ben, messaging.Access{Other: ada.ID, Active: true})
	ben.IsActive = false
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().Save(ctx, ben) })
	reads("an inactive local", ben, messaging.Access{Other: ada.ID})
	reads("one whose other is inactive", ada, messaging.Access{Other: ben.ID, Active: true})
	for what, of := range map[string]id.Conversation{"another's conversation": talk.ID, "no conversation": id.Conversation(f.ids.Next())} {
		access, all, err := history(of, cleo)
		if !errors.Is(err, fault.NotFound) || access != (messaging.Access{}) || len(all) > 0 {
			f.Errorf("the history of %s is %v with %d messages and error %v, want fault.NotFound alone", what, access, len(all), err)
		}
	}
}
