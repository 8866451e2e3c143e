package httpapi

import (
	"context"
	"encoding/base64"
	"fmt"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/messaging"
)

// lender limits the images that all exports together hold in memory. A client that lets the server
// wait has its image for lendFor only: then others get theirs, and its own is read again.
type lender chan struct{}

const (
	lentAtOnce = 2
	lendFor    = 500 * time.Millisecond
	pieceSize  = 24 << 10 // a multiple of 3, so that pieces are encoded without padding
)

func newLender() lender { return make(lender, lentAtOnce) }

// loan is an image that is lent.
type loan struct {
	size      int
	mediaType string

	from lender

	mu    sync.Mutex
	bytes []byte      // nil once the image was given back
	timer *time.Timer // gives it back; nil once it was
}

// borrow reads an image when there is room for it. It returns the errors of read and of ctx.
func (l lender) borrow(ctx context.Context, read func() (messaging.Attachment, error)) (lent *loan, err error) {
	select {
	case l <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for other exports: %w", ctx.Err())
	}
	defer func() {
		if lent == nil { // read failed, or panicked
			<-l
		}
	}()
	a, err := read()
	if err != nil {
		return nil, err
	}
	lent = &loan{size: len(a.Bytes), mediaType: a.MediaType, bytes: a.Bytes, from: l}
	lent.mu.Lock()
	defer lent.mu.Unlock()
	lent.timer = time.AfterFunc(lendFor, lent.giveBack)
	return lent, nil
}

// encode appends the piece at a position to b in base64, and returns its number of bytes: 0 at the
// end of the image, and once it was given back.
func (l *loan) encode(b []byte, at int) ([]byte, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	piece := l.bytes[min(at, len(l.bytes)):min(at+pieceSize, len(l.bytes))]
	return base64.StdEncoding.AppendEncode(b, piece), len(piece)
}

// giveBack makes room for another image. It may be called more than once.
func (l *loan) giveBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
		l.bytes, l.timer = nil, nil
		<-l.from
	}
}
