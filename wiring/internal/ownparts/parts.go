package ownparts

import (
	"context"
	"sync"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/users"
)

// NoImages implements messaging.Images: it refuses every image.
type NoImages struct{}

// Inspect returns a fault.Invalid.
func (NoImages) Inspect(context.Context, []byte) (mediaType string, width, height int, err error) {
	return "", 0, 0, fault.New(fault.Invalid, fault.CodeInvalid, "this community has no pictures")
}

// Clean returns the error of Inspect.
func (i NoImages) Clean(ctx context.Context, data []byte, _ int) (messaging.Attachment, error) {
	_, _, _, err := i.Inspect(ctx, data)
	return messaging.Attachment{}, err
}

// Outbox implements users.Mailer: it keeps the mail in memory.
type Outbox struct {
	mu   sync.Mutex
	mail []users.Mail
}

// Send keeps a mail.
func (o *Outbox) Send(_ context.Context, m users.Mail) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mail = append(o.mail, m)
	return nil
}

// Sent returns the mail that was sent so far.
func (o *Outbox) Sent() []users.Mail {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]users.Mail(nil), o.mail...)
}
