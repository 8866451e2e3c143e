package mail

import (
	"context"
	"log/slog"

	"github.com/cicerone-go/cicerone/core/users"
)

// Log sends nothing: it writes each message, whole, to the log. It is for development only, as
// whoever reads the log can use the secrets that are mailed, such as the one that resets a password.
type Log struct{ logger *slog.Logger }

// NewLog makes a Log; nil means slog.Default().
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
