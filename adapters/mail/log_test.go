package mail_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/mail"
)

func TestLog(t *testing.T) {
	var log bytes.Buffer
	l := mail.NewLog(slog.New(slog.NewTextHandler(&log, nil)), letters(t))
	if err := l.Send(t.Context(), subject(1)); err != nil {
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
	if err := mail.NewLog(nil, letters(t)).Send(t.Context(), subject(1)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "mail 1") {
		t.Errorf("logged %q; want the message", log.String())
	}
}
