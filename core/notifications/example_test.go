package notifications_test

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/notifications"
)

// A user switches off one kind of mail, and later clicks on the address in a mail of another kind.
func ExampleService_SetPreferences() {
	ctx := context.Background()
	w := coretest.NewWorld(coretest.Example{}, memory.New())
	ada := w.Person("Ada")

	p, err := w.Notifications.Preferences(ctx, ada)
	p[notifications.ReservationReminder] = notifications.None
	fmt.Println(err, w.Notifications.SetPreferences(ctx, ada, p))

	fmt.Println(w.Notifications.Unsubscribe(ctx, ada, notifications.NewMessage))
	p, err = w.Notifications.Preferences(ctx, ada)
	fmt.Println(p[notifications.ReservationReminder], p[notifications.NewMessage], p[notifications.ReportDecided], err)
	// Output:
	// <nil> <nil>
	// <nil>
	// none none mail <nil>
}
