package mail

import (
	"context"
	"log/slog"

	"github.com/cicerone-go/cicerone/core/users"
)

// Log writes complete messages to the log and sends none. It is only for development: a reader of
// the log can use the secrets in the messages, for example to reset a password.
type Log struct {
	logger    *slog.Logger
	templates *Templates
}

// NewLog returns a Log. A nil logger means slog.Default(), and nil templates mean those of this
// package.
func NewLog(logger *slog.Logger, t *Templates) *Log {
	return &Log{orDefault(logger), orDefaultTemplates(t)}
}

// Send logs the subject and the text of the message at level Info. Its errors are those of
// Templates.Render.
func (l *Log) Send(ctx context.Context, m users.Mail) error {
	r, err := l.templates.Render(m)
	if err != nil {
		return err
	}
	l.logger.InfoContext(ctx, "mail, logged and not sent",
		slog.String("to", m.To), slog.String("subject", r.Subject), slog.String("text", r.Text))
	return nil
}

func orDefault(logger *slog.Logger) *slog.Logger {
	if logger == nil {
		return slog.Default()
	}
	return logger
}
