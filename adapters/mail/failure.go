package mail

import (
	"context"
	"errors"
	"fmt"

	"github.com/wneessen/go-mail"

	"github.com/cicerone-go/cicerone/core/users"
)

// classify returns users.ErrMailRefused if the server refused the recipient or the message for good,
// and users.ErrNotMailed for everything else. Of an answer of the server it keeps the code.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return users.ErrNotMailed.Wrap(ctx.Err())
	}
	refusal, ok := errors.AsType[*mail.SendError](err)
	if !ok {
		return users.ErrNotMailed.Wrap(err)
	}
	if refusal.ErrorCode() == 0 {
		return users.ErrNotMailed.Wrap(fmt.Errorf("%s: the server did not answer", refusal.Reason))
	}
	cause := fmt.Errorf("%s: the server responded with code %d", refusal.Reason, refusal.ErrorCode())
	switch refusal.Reason {
	case mail.ErrSMTPRcptTo, mail.ErrSMTPData, mail.ErrSMTPDataClose:
		if !refusal.IsTemp() {
			return users.ErrMailRefused.Wrap(cause)
		}
	default: // another sender, or the operator, can mend it
	}
	return users.ErrNotMailed.Wrap(cause)
}
