package mail_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/cicerone-go/cicerone/adapters/mail"
	"github.com/cicerone-go/cicerone/core/users"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// greet returns a mail with a subject.
func greet(subject string) users.Mail {
	return users.Mail{To: "ada@example.net", Kind: "letter", Data: letterMail{subject, "s3cret"}}
}

func TestLog(t *testing.T) {
	var log bytes.Buffer
	l := mail.NewLog(slog.New(slog.NewTextHandler(&log, nil)), letters(t))
	if err := l.Send(t.Context(), greet("mail 1")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"level=INFO", "to=ada@example.net", `subject="mail 1"`, `text="s3cret\n"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("logged %s; want %s", log.String(), want)
		}
	}
}

// TestLogNilLogger checks that NewLog(nil) uses the logger that is the default when it is called.
func TestLogNilLogger(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	var log bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	if err := mail.NewLog(nil, letters(t)).Send(t.Context(), greet("mail 1")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "mail 1") {
		t.Errorf("logged %q; want the message", log.String())
	}
}
