package mail_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/cicerone-go/cicerone/adapters/mail"
	"github.com/cicerone-go/cicerone/core/users"
)

func Example() {
	ctx := context.Background()
	withoutTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))

	queue, err := mail.NewQueue(mail.NewLog(logger), mail.QueueConfig{Logger: logger})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = queue.Send(ctx, users.Mail{To: "ada@example.net", Subject: "Welcome", Text: "Hello Ada!"})
	fmt.Println("queued:", err)
	fmt.Println("closed:", queue.Close(ctx))
	// Unordered output:
	// queued: <nil>
	// level=INFO msg="mail, logged and not sent" to=ada@example.net subject=Welcome text="Hello Ada!"
	// closed: <nil>
}

func ExampleNewSMTP() {
	ctx := context.Background()
	relay, err := mail.NewSMTP(mail.Config{
		Host:     "mail.example.org",
		Username: "cicerone",
		Password: "from the environment, never from the source code",
		From:     "Cicerone <no-reply@example.org>",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	queue, err := mail.NewQueue(relay, mail.QueueConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("closed:", queue.Close(ctx))
	// Output: closed: <nil>
}
