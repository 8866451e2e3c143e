package mail

import (
	"context"
	"log/slog"

	"github.com/cicerone-go/cicerone/core/users"
)

// Log writes complete messages to the log and sends none. It is only for development: a reader of
// the log can use the secrets in the messages, for example to reset a password.
type Log struct{ logger *slog.Logger }

// NewLog returns a Log. A nil logger means slog.Default().
func NewLog(logger *slog.Logger) *Log { return &Log{orDefault(logger)} }

// Send logs the message at level Info. It never returns an error.
func (l *Log) Send(ctx context.Context, m users.Mail) error {
	l.logger.InfoContext(ctx, "mail, logged and not sent",
		slog.String("to", m.To), slog.String("subject", m.Subject), slog.String("text", m.Text))
	return nil
}

func orDefault(logger *slog.Logger) *slog.Logger {
	if logger == nil {
		return slog.Default()
	}
	return logger
}
