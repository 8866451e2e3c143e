package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// pacedWriter cuts off a client that reads too slowly. It takes the place of the timeouts of the
// server, which an export may exceed. A writer that has no deadlines, such as one of a test, cuts
// off no client.
type pacedWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	over    time.Duration // the longest time in which least bytes are written; 0 means any
	least   int64

	waited  time.Duration // in writes, since the last time that least bytes were written
	written int64         // in that time
}

func newPacedWriter(w http.ResponseWriter, l edge.ExportLimits) *pacedWriter {
	p := &pacedWriter{w: w, control: http.NewResponseController(w)}
	if l.MinRate > 0 && l.Over > 0 {
		p.over, p.least = l.Over, int64(float64(l.MinRate)*l.Over.Seconds())
	}
	return p
}

// Write writes to the client. Only the time counts in which it waits for the client, not the time
// in which the server reads what comes next.
func (p *pacedWriter) Write(b []byte) (n int, err error) {
	err = p.within(func() (err error) {
		n, err = p.w.Write(b)
		return err
	})
	if p.written += int64(n); p.written >= p.least {
		p.waited, p.written = 0, 0
	}
	return n, err
}

func (p *pacedWriter) within(write func() error) error {
	begun := time.Now()
	var deadline time.Time
	if p.over > 0 {
		deadline = begun.Add(p.over - p.waited)
	}
	if err := p.setDeadline(deadline); err != nil {
		return err
	}
	if err := write(); err != nil {
		return kithttp.ErrReader.Wrap(err)
	}
	p.waited += time.Since(begun)
	return p.setDeadline(time.Time{}) // in HTTP/2 a deadline ends a stream also while nothing is written
}

func (p *pacedWriter) setDeadline(at time.Time) error {
	if err := p.control.SetWriteDeadline(at); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return kithttp.ErrReader.Wrap(err)
	}
	return nil
}

// finish sends what the server has buffered, and gives the end of the response the same time.
func (p *pacedWriter) finish() error {
	err := p.within(func() error {
		if err := p.control.Flush(); !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		return nil
	})
	if err != nil || p.over == 0 {
		return err
	}
	return p.setDeadline(time.Now().Add(p.over))
}
