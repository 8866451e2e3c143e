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

	err := mail.NewLog(logger, nil).Send(ctx, users.Mail{
		To: "ada@example.net", Kind: users.MailPasswordReset, Locale: "en",
		Data: users.PasswordResetMail{Link: "https://example.org/reset?token=secret", Secret: "secret", Minutes: 60},
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// level=INFO msg="mail, logged and not sent" to=ada@example.net subject="Set a new password" text="Somebody, we hope you, asked to set a new password for this address at Cicerone.\n\nhttps://example.org/reset?token=secret\n\nThis works once, for 60 minutes. If it was not you, there is nothing to do.\n"
}

func ExampleNewSMTP() {
	_, err := mail.NewSMTP(mail.Config{ // for the field Mailer of wiring.Config
		Host:     "mail.example.org",
		Username: "cicerone",
		Password: "from the environment, never from the source code",
		From:     "Cicerone <no-reply@example.org>",
	})
	fmt.Println(err)
	// Output: <nil>
}
